"""Kinks, miners, temperatures that are learned, and numbers derived by hand."""

import itertools

import numpy as np
import pytest

import microloss as ml
from microloss import losses


def gradients(loss, *arrays, wrt=(0,), **options):
    tensors = [ml.Tensor(a, requires_grad=True) if i in wrt else a for i, a in enumerate(arrays)]
    loss(*tensors, reduction="sum", **options).backward()
    return [tensors[i].grad for i in wrt]


# ---- numbers by hand -----------------------------------------------------------------------------


def test_contrastive_by_hand():
    # distances 5 (similar), 0.5 (inside the margin of 1), 5 (outside)
    x1 = [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    x2 = [[3.0, 4.0], [1.0, 1.5], [3.0, 4.0]]
    np.testing.assert_allclose(
        losses.contrastive_loss(x1, x2, [0, 1, 1], reduction="none"), [25, 0.25, 0], atol=1e-15
    )
    (d,) = gradients(losses.contrastive_loss, x1, x2, [0, 1, 1])
    # 2 (x1 - x2); -2 (1 / 0.5 - 1) (0, -0.5); 0
    np.testing.assert_allclose(d, [[-6, -8], [0, 1], [0, 0]], atol=1e-14)


def test_triplet_by_hand():
    # max(0, 1 + 5 - 1), gradient (a - p) / 5 - (a - n) / 1
    d = gradients(
        losses.triplet_margin_loss, [[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 1.0]], wrt=(0, 1, 2), eps=0
    )
    np.testing.assert_allclose(d, [[[-0.6, 0.2]], [[0.6, 0.8]], [[0.0, -1.0]]], atol=1e-15)


def test_cosine_embedding_by_hand():
    # (1, 2).(2, 1) / 5 = 0.8; the derivative of the cosine is (u2 - 0.8 u1) / |x1|
    x1, x2 = [[1.0, 2.0]], [[2.0, 1.0]]
    assert losses.cosine_embedding_loss(x1, x2, [1]) == pytest.approx(0.2, rel=1e-11)
    (d,) = gradients(losses.cosine_embedding_loss, x1, x2, [1])
    np.testing.assert_allclose(d, [[-0.24, 0.12]], rtol=1e-11)


def test_margin_ranking_by_hand():
    d = gradients(losses.margin_ranking_loss, [1.0, 2.0], [0.5, 2.5], [1, 1], wrt=(0, 1))
    np.testing.assert_array_equal(d, [[0, -1], [0, 1]])


def test_bpr_by_hand():
    # one score three times as large in odds: log(1 + 1/3), gradient -1/4
    assert losses.bpr_loss([np.log(3)], [0.0]) == pytest.approx(np.log(4 / 3), rel=1e-15)
    (d,) = gradients(losses.bpr_loss, [np.log(3)], [0.0])
    np.testing.assert_allclose(d, [-0.25], rtol=1e-15)


def test_info_nce_by_hand():
    # two orthogonal pairs: logits 1/T against 0
    expected = np.log1p(np.exp(-1 / 0.5))
    assert losses.info_nce_loss(np.eye(2), 3 * np.eye(2), temperature=0.5) == pytest.approx(
        expected, rel=1e-15
    )
    assert losses.clip_loss(np.eye(2), np.eye(2), temperature=0.5) == pytest.approx(
        expected, rel=1e-15
    )


def test_nt_xent_by_hand():
    # two orthogonal pairs: 1/T for the other view against two zeros
    value = losses.nt_xent_loss(np.eye(2), 7 * np.eye(2), temperature=0.5)
    assert value == pytest.approx(np.log1p(2 * np.exp(-2)), rel=1e-15)


def test_published_numbers():
    """Values of info-nce-pytorch 0.1.4, of optax' ntxent and of open_clip 3.3."""
    d = gradients(
        losses.info_nce_loss,
        [[1, 0], [0.6, 0.8]],
        [[0.8, 0.6], [0.0, 2.0]],
        wrt=(0, 1),
        temperature=0.5,
    )
    np.testing.assert_allclose(
        np.array(d) / 2,
        [
            [[0, 0.06719264595], [0.4078442735, -0.3058832051]],
            [[-0.1577998557, 0.2103998076], [-0.08980646821, 0]],
        ],
        rtol=1e-9,
        atol=1e-15,
    )
    d = gradients(losses.nt_xent_loss, [[1, 0], [0.6, 0.8]], [[0.8, 0.6], [0, 1]], wrt=(0, 1))
    np.testing.assert_allclose(
        np.array(d) / 4,
        [
            [[0, -0.00228220623], [0.5592387835, -0.4194290876]],
            [[-0.4194290876, 0.5592387835], [-0.00228220623, 0]],
        ],
        rtol=1e-8,
        atol=1e-15,
    )
    # open_clip takes unit vectors and leaves them: its gradient has a radial part, ours has not
    images = ml.Tensor([[1.0, 0.0], [0.6, 0.8]], requires_grad=True)
    losses.clip_loss(images, [[0.8, 0.6], [0.0, 1.0]], temperature=0.5).backward()
    raw = np.array([[-0.2989223468, -0.05621014524], [0.4634594017, -0.02605838222]])
    tangential = raw - (raw * images.data).sum(1, keepdims=True) * images.data
    np.testing.assert_allclose(images.grad, tangential, rtol=1e-8, atol=1e-10)


def test_supervised_contrastive_published():
    """pytorch-metric-learning 2.9.0's SupConLoss at temperature 1/2, in float64."""
    z = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [0, 2], [-1, 1]])
    loss = lambda z: losses.supervised_contrastive_loss(z, [0, 1, 0, 1, 0], temperature=0.5)
    assert loss(z) == pytest.approx(1.8335867951384444, rel=1e-14)
    z = ml.Tensor(z, requires_grad=True)
    loss(z).backward()
    expected = [
        [0.0, -0.05675079113952964],
        [0.3810051691484402, -0.28575387686133014],
        [0.02974604863844496, -0.03966139818459331],
        [-0.18406773468899873, 0.0],
        [-0.10722426546391214, -0.107224265463912],
    ]
    np.testing.assert_allclose(z.grad, expected, rtol=1e-12, atol=1e-15)


def test_supervised_contrastive_by_hand():
    # rows 0 and 1 on one axis, 2 and 3 on the other: e^(1/T) against e^(1/T) + 2
    z = np.array([[1.0, 0], [2, 0], [0, 1], [0, 3]])
    value = losses.supervised_contrastive_loss(z, [0, 0, 1, 1], temperature=0.5)
    assert value == pytest.approx(np.log1p(2 * np.exp(-2)), rel=1e-15)
    # of the three rows only two have a positive: e^0 and e^0 against e^0 + e^0
    value = losses.supervised_contrastive_loss(np.eye(3), ["a", "b", "a"], reduction="none")
    np.testing.assert_allclose(value, [np.log(2), 0, np.log(2)], rtol=1e-15)
    mean = losses.supervised_contrastive_loss(np.eye(3), ["a", "b", "a"])
    assert mean == pytest.approx(np.log(2), rel=1e-15)


def test_two_rows_of_a_class_make_nt_xent():
    z1, z2 = np.random.default_rng(0).standard_normal((2, 4, 3))
    both = np.concatenate([z1, z2])
    value = losses.supervised_contrastive_loss(both, [0, 1, 2, 3] * 2, temperature=0.5)
    assert value == pytest.approx(losses.nt_xent_loss(z1, z2), rel=1e-14)


def test_listnet_by_hand():
    # relevances with odds 1 : 2 : 3, scores with odds 1 : 1 : 2
    target, scores = np.log([1.0, 2.0, 3.0]), np.log([1.0, 1.0, 2.0])
    expected = -(np.log(1 / 4) / 6 + np.log(1 / 4) / 3 + np.log(1 / 2) / 2)
    assert losses.listnet_loss(scores, target) == pytest.approx(expected, rel=1e-15)
    (d,) = gradients(losses.listnet_loss, scores, target)
    np.testing.assert_allclose(d, [1 / 4 - 1 / 6, 1 / 4 - 1 / 3, 1 / 2 - 1 / 2], atol=1e-15)


def test_listnet_is_the_cross_entropy_of_all_orders():
    """Brute force over all orders: the top one of Plackett and Luce's model is the softmax."""
    scores, relevances = np.random.default_rng(0).standard_normal((2, 4))
    first = np.zeros((2, 4))
    for order in itertools.permutations(range(4)):
        for share, s in zip(first, np.exp([scores, relevances])):
            left = [sum(s[list(order[k:])]) for k in range(4)]
            share[order[0]] += np.prod([s[item] / rest for item, rest in zip(order, left)])
    expected = -np.sum(first[1] * np.log(first[0]))
    assert losses.listnet_loss(scores, relevances) == pytest.approx(expected, rel=1e-13)


def test_lists_of_different_lengths():
    x, t = np.random.default_rng(0).standard_normal((2, 2, 3))
    x[1, 2] = t[1, 2] = -np.inf
    value = losses.listnet_loss(x, t, reduction="none")
    np.testing.assert_allclose(value[1], losses.listnet_loss(x[1, :2], t[1, :2]), rtol=1e-15)
    (d,) = gradients(losses.listnet_loss, x, t)
    assert np.isfinite(d).all() and d[1, 2] == 0


# ---- kinks ---------------------------------------------------------------------------------------


def test_exactly_on_the_hinge_the_full_gradient_passes():
    (d,) = gradients(losses.hinge_embedding_loss, [1.0, 1.5, 0.5], [-1, -1, -1])
    np.testing.assert_array_equal(d, [-1, 0, -1])
    d = gradients(losses.margin_ranking_loss, [0.5, 1.0], [0.5, 0.75], [1, 1], wrt=(0, 1))
    np.testing.assert_array_equal(d, [[-1, 0], [1, 0]])
    d = gradients(losses.margin_ranking_loss, [1.0], [0.75], [1], wrt=(0, 1), margin=0.25)
    np.testing.assert_array_equal(d, [[-1], [1]])
    # distances 1 and 2, margin 1: exactly satisfied
    d = gradients(losses.triplet_margin_loss, [[0.0]], [[1.0]], [[2.0]], wrt=(0, 1, 2), eps=0)
    np.testing.assert_array_equal(d, [[[0]], [[1]], [[-1]]])
    # cosine 0 at margin 0; eps moves the derivative by 1e-12
    (d,) = gradients(losses.cosine_embedding_loss, [[1.0, 0.0]], [[0.0, 1.0]], [-1])
    np.testing.assert_allclose(d, [[0, 1]], atol=1e-11)


def test_similar_pairs_have_a_hessian_at_zero_distance():
    x2 = np.array([[0.3, -0.7]])
    hessian = ml.hessian(lambda x: losses.contrastive_loss(x, x2, [0]), x2)
    np.testing.assert_array_equal(hessian.reshape(2, 2), 2 * np.eye(2))


def test_swap_shares_a_tie():
    # a and p are equally far from n: half of the gradient each
    (d,) = gradients(
        losses.triplet_margin_loss, [[-1.0]], [[1.0]], [[0.0]], wrt=(2,), eps=0, swap=True
    )
    np.testing.assert_array_equal(d, [[0.0]])  # d(a, n) pulls one way, d(p, n) the other


def test_satisfied_triplets_give_a_connected_zero():
    a = ml.Tensor(np.zeros((2, 3)), requires_grad=True)
    value = losses.triplet_margin_loss(a, np.zeros((2, 3)), np.full((2, 3), 9.0))
    assert value.item() == 0
    value.backward()
    np.testing.assert_array_equal(a.grad, np.zeros((2, 3)))


def test_no_triplets():
    e = ml.Tensor(np.zeros((2, 3)), requires_grad=True)
    a, p, n = losses.batch_hard_triplets(e, [0, 1])
    assert a.size == p.size == n.size == 0
    losses.triplet_margin_loss(e[a], e[p], e[n], reduction="sum").backward()
    np.testing.assert_array_equal(e.grad, np.zeros((2, 3)))


@pytest.mark.parametrize("name", ["contrastive_loss", "cosine_embedding_loss"])
def test_one_pair_without_a_batch(name):
    loss = getattr(losses, name)
    rng = np.random.default_rng(0)
    x1, x2 = rng.standard_normal((2, 3))
    assert loss(x1, x2, 1, reduction="none") == loss(x1[None], x2[None], [1])
    (d,) = gradients(loss, x1, x2, 1)
    assert d.shape == (3,)


# ---- miners --------------------------------------------------------------------------------------

LINE = np.array([[0.0], [1.0], [3.0], [2.5], [4.5], [9.0]])
LABELS = [0, 0, 0, 1, 1, 2]


def test_batch_hard_published():
    """pytorch-metric-learning 2.9.0's BatchHardMiner; label 2 has no positive."""
    mined = losses.batch_hard_triplets(LINE, LABELS)
    np.testing.assert_array_equal(mined, [[0, 1, 2, 3, 4], [2, 2, 0, 4, 3], [3, 3, 3, 2, 2]])
    np.testing.assert_array_equal(losses.batch_hard_triplets(ml.Tensor(LINE), LABELS), mined)


def all_triplets(x, labels):
    """(anchor, positive, negative) -> both distances."""
    d = lambda i, j: float(np.linalg.norm(x[i] - x[j]))
    n = range(len(x))
    return {
        (i, j, k): (d(i, j), d(i, k))
        for i in n
        for j in n
        for k in n
        if i != j and labels[i] == labels[j] and labels[i] != labels[k]
    }


@pytest.mark.parametrize("seed", range(5))
def test_miners_against_all_triplets(seed):
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((9, 2)), rng.integers(0, 4, 9)
    triplets = all_triplets(x, labels)
    hard = set(zip(*losses.batch_hard_triplets(x, labels)))
    assert {a for a, _, _ in hard} == {a for a, _, _ in triplets}
    for a, p, n in hard:
        own = [d for (i, _, _), d in triplets.items() if i == a]
        assert triplets[a, p, n] == (max(d for d, _ in own), min(d for _, d in own))
    semi_hard = set(zip(*losses.semi_hard_triplets(x, labels, margin=0.5)))
    assert semi_hard == {t for t, (ap, an) in triplets.items() if 0 < an - ap <= 0.5}
    assert semi_hard


def test_semi_hard_band_is_open_below_and_closed_above():
    # from anchor 0: positive at 1; negatives at 1 (as far), 1.5 (the margin), 1.75
    x = [[0.0], [1.0], [-1.0], [-1.5], [-1.75]]
    a, p, n = losses.semi_hard_triplets(x, [0, 0, 1, 2, 3], margin=0.5)
    assert [(int(i), int(j), int(k)) for i, j, k in zip(a, p, n) if i == 0] == [(0, 1, 3)]


def test_one_class_has_no_negatives():
    for miner in (losses.batch_hard_triplets, losses.semi_hard_triplets):
        assert all(indices.size == 0 for indices in miner(LINE, [7] * 6))


@pytest.mark.parametrize("miner", [losses.batch_hard_triplets, losses.semi_hard_triplets])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_miners_refuse_what_has_no_distance(miner, value):
    with pytest.raises(ValueError, match=f"embeddings holds {value}"):
        miner([[0.0], [1.0], [value], [2.0]], [0, 0, 1, 1])


@pytest.mark.parametrize("miner", [losses.batch_hard_triplets, losses.semi_hard_triplets])
def test_miners_check_their_shapes(miner):
    with pytest.raises(ValueError, match=r"labels \(N,\).*\(6, 1\) and \(5,\)"):
        miner(LINE, LABELS[:5])
    with pytest.raises(ValueError, match=r"embeddings must be \(N, D\)"):
        miner(LINE[:, 0], LABELS)
    assert all(indices.size == 0 for indices in miner(np.zeros((0, 2)), []))


def test_semi_hard_margin_is_checked():
    with pytest.raises(ValueError, match="margin must be positive, got 0"):
        losses.semi_hard_triplets(LINE, LABELS, margin=0)


# ---- temperature ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["info_nce_loss", "nt_xent_loss", "clip_loss", "supervised_contrastive_loss"]
)
def test_temperature_can_be_learned(name):
    loss = getattr(losses, name)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 4, 3))
    y = [0, 1, 1, 0] if name == "supervised_contrastive_loss" else y
    assert ml.gradcheck(lambda t: loss(x, y, temperature=t), np.array(0.5), order=2)
    assert loss(x, y, temperature=ml.Tensor(0.5)).item() == loss(x, y, temperature=0.5)
    x32 = ml.Tensor(x, dtype=np.float32)
    assert loss(x32, y, temperature=np.float64(0.5)).dtype == np.float32
    with pytest.raises(ValueError, match="temperature must be positive"):
        loss(x, y, temperature=ml.Tensor(0.0))


def test_temperature_of_given_negatives_can_be_learned():
    rng = np.random.default_rng(0)
    q, k, negatives = rng.standard_normal((3, 4, 3))
    f = lambda t: losses.info_nce_loss(q, k, negatives, temperature=t)
    assert ml.gradcheck(f, np.array(0.5), order=2)


def test_clip_scale_published():
    """open_clip 3.3: the derivative by the scale 1 / T at T = 1/2."""
    scale = ml.Tensor(2.0, requires_grad=True)
    losses.clip_loss(
        [[1.0, 0.0], [0.6, 0.8]], [[0.8, 0.6], [0.0, 1.0]], temperature=1 / scale
    ).backward()
    assert scale.grad == pytest.approx(-0.02084670577, rel=1e-9)


@pytest.mark.parametrize(
    "name, count, target",
    [
        ("contrastive_loss", 2, [[0, 1]]),
        ("triplet_margin_loss", 3, []),
        ("cosine_embedding_loss", 2, [[1, -1]]),
        ("hinge_embedding_loss", 1, [np.ones((2, 3))]),
        ("margin_ranking_loss", 2, [np.ones((2, 3))]),
    ],
)
def test_a_margin_of_numpy_keeps_the_precision(name, count, target):
    x = np.random.default_rng(0).standard_normal((count, 2, 3)).astype(np.float32)
    assert getattr(losses, name)(*x, *target, margin=np.float64(0.5)).dtype == np.float32


def test_the_target_of_margin_ranking_has_a_gradient():
    """PyTorch 2.13 gives it one, input2 - input1 where the pair counts."""
    d = gradients(losses.margin_ranking_loss, [1.0, 2.0], [0.5, 2.5], [1.0, 1.0], wrt=(0, 1, 2))
    np.testing.assert_array_equal(d, [[0, -1], [0, 1], [0, 0.5]])


@pytest.mark.parametrize(
    "name, second",
    [
        ("cosine_embedding_loss", None),
        ("info_nce_loss", None),
        ("nt_xent_loss", None),
        ("clip_loss", None),
        ("supervised_contrastive_loss", [0, 0]),
    ],
)
def test_float16_zero_vectors(name, second):
    """1e-12 is 0 in float16, and 0 / 0 would be nan."""
    loss, zeros = getattr(losses, name), np.zeros((2, 3), np.float16)
    x = ml.Tensor(zeros, requires_grad=True)
    more = ([1, -1],) if name == "cosine_embedding_loss" else ()
    value = loss(x, zeros if second is None else second, *more)
    assert value.dtype == np.float16 and np.isfinite(value.item())
    assert np.isfinite(ml.grad(value, x)[0]).all()


# ---- identities ----------------------------------------------------------------------------------


def test_lengths_do_not_matter():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 5, 3))
    lengths = rng.uniform(0.1, 10, (5, 1))
    for loss in (losses.info_nce_loss, losses.nt_xent_loss, losses.clip_loss):
        assert loss(x, y) == pytest.approx(loss(x * lengths, y), rel=1e-13)
    scores = losses.bpr_loss(x, y)
    assert losses.bpr_loss(x + 5, y + 5) == pytest.approx(scores, rel=1e-13)


def test_clip_is_info_nce_in_both_directions():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 5, 3))
    both = [losses.info_nce_loss(a, b, temperature=0.07) for a, b in ((x, y), (y, x))]
    assert losses.clip_loss(x, y) == pytest.approx(sum(both) / 2, rel=1e-14)
    assert losses.clip_loss(x, y) == pytest.approx(losses.clip_loss(y, x), rel=1e-14)
