"""CTC against all paths, against its own formula, and its decoders."""

import itertools

import numpy as np
import pytest
from cases import sequence
from cases.sequence import collapse, log_softmax, spelled

import microloss as ml
from microloss import losses
from microloss.losses.sequence import Alignment, forward_algorithm


def random_batch(seed, frames=6, count=5, classes=4, labels=3):
    """Targets of all lengths with many repeats, inputs of all lengths, some of them too short."""
    rng = np.random.default_rng(seed)
    log_probs = log_softmax(rng.standard_normal((frames, count, classes)))
    targets = rng.integers(1, min(classes, 3), (count, labels))
    return (
        log_probs,
        targets,
        rng.integers(0, frames + 1, count),
        rng.integers(0, labels + 1, count),
    )


@pytest.mark.parametrize("seed", range(8))
def test_all_paths(seed):
    batch = random_batch(seed)
    expected = sequence.brute_force(*batch)
    np.testing.assert_allclose(losses.ctc_loss(*batch, reduction="none"), expected, rtol=1e-12)


def test_all_targets_together_are_certain():
    """Over all sequences of labels, probabilities add up to 1."""
    log_probs = log_softmax(np.random.default_rng(0).standard_normal((4, 3)))
    total = 0.0
    for length in range(5):
        for labels in itertools.product((1, 2), repeat=length):
            total += np.exp(-losses.ctc_loss(log_probs, labels, 4, length, reduction="sum"))
    assert total == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("seed", range(8))
def test_fused_form_is_the_formula(seed):
    log_probs, *rest = random_batch(seed, frames=12, count=9, classes=5, labels=4)
    x, again = (ml.Tensor(log_probs, requires_grad=True) for _ in range(2))
    values = losses.ctc_loss(x, *rest, reduction="none")
    formula = forward_algorithm(again, Alignment(again, *rest, blank=0))
    np.testing.assert_allclose(values.data, formula.data, rtol=1e-13)
    weights = np.random.default_rng(1).standard_normal(len(rest[1]))
    (ours,), (expected,) = ml.grad(values, x, weights), ml.grad(formula, again, weights)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-14)


def test_derivative_is_honest_without_log_softmax():
    """Each of the log-probabilities moved alone, so that rows no longer sum to 1."""
    log_probs, *rest = random_batch(0)
    f = lambda x: losses.ctc_loss(x, *rest, zero_infinity=True, reduction="none")
    assert ml.gradcheck(f, log_probs - 0.1, order=2)


def test_published_numbers():
    """PyTorch 2.13, through log_softmax."""
    logits = ml.Tensor(
        [
            [[0.1, 0.5, -0.2], [0, 0, 0]],
            [[0.3, -0.1, 0.2], [0.5, -0.5, 0]],
            [[-0.4, 0.2, 0.6], [0, 1, -1]],
        ],
        requires_grad=True,
    )
    log_probs = ml.functional.log_softmax(logits, axis=-1)
    values = losses.ctc_loss(log_probs, [[1, 2], [1, 0]], [3, 3], [2, 1], reduction="none")
    np.testing.assert_allclose(values.data, [1.220123331, 1.321781522], rtol=1e-9)
    values.sum().backward()
    np.testing.assert_allclose(
        logits.grad,
        [
            [
                [0.1755102921, -0.4046782638, 0.2291679717],
                [-0.2997834152, -0.03354991815, 0.3333333333],
            ],
            [
                [0.09047247224, -0.07318860109, -0.01728387116],
                [-0.06963649371, -0.237559392, 0.3071958857],
            ],
            [
                [0.08134561339, 0.3288785275, -0.4102241409],
                [-0.02421295032, -0.06581762286, 0.09003057317],
            ],
        ],
        rtol=1e-8,
    )


def test_by_hand():
    # two frames, target [1]: paths 01, 10, 11
    p = np.array([[0.4, 0.6], [0.5, 0.5]])
    paths = np.array([0.4 * 0.5, 0.6 * 0.5, 0.6 * 0.5])
    x = ml.Tensor(np.log(p), requires_grad=True)
    value = losses.ctc_loss(x, [1], 2, 1)
    assert value.item() == pytest.approx(-np.log(0.8), rel=1e-14)
    value.backward()
    share = paths / paths.sum()
    posterior = [[share[0], share[1] + share[2]], [share[1], share[0] + share[2]]]
    np.testing.assert_allclose(x.grad, np.negative(posterior), rtol=1e-14)


def test_each_frame_has_one_class():
    """The posterior over classes sums to 1 at every frame that is read, to 0 beyond."""
    log_probs, targets, input_lengths, target_lengths = random_batch(3, frames=9)
    x = ml.Tensor(log_probs, requires_grad=True)
    values = losses.ctc_loss(x, targets, input_lengths, target_lengths, reduction="none")
    ml.Tensor.backward(np.where(np.isinf(values), 0, values).sum())
    read = (np.arange(9)[:, None] < input_lengths) & np.isfinite(values.data)
    np.testing.assert_allclose(-x.grad.sum(axis=-1), read, atol=1e-13)
    assert read.any() and not read.all()


def test_layouts_agree():
    log_probs, targets, input_lengths, target_lengths = random_batch(1)
    target_lengths = np.maximum(target_lengths, 1)
    padded = losses.ctc_loss(log_probs, targets, input_lengths, target_lengths, reduction="none")
    in_a_row = np.concatenate([row[:n] for row, n in zip(targets, target_lengths)])
    flat = losses.ctc_loss(log_probs, in_a_row, input_lengths, target_lengths, reduction="none")
    np.testing.assert_array_equal(flat, padded)
    for n, expected in enumerate(padded):
        labels = targets[n, : target_lengths[n]]
        frames = int(input_lengths[n])
        single = losses.ctc_loss(log_probs[:, n], labels, frames, len(labels), reduction="none")
        assert single.shape == ()
        np.testing.assert_allclose(single, expected, rtol=1e-14)
        cut = log_probs[:frames, n]
        np.testing.assert_allclose(
            losses.ctc_loss(cut, labels, [frames], [len(labels)], reduction="sum"),
            expected,
            rtol=1e-14,
        )


def test_order_in_memory_does_not_matter():
    log_probs, *rest = random_batch(4)
    batch_first = ml.Tensor(np.swapaxes(log_probs, 0, 1).copy(), requires_grad=True)
    time_first = ml.Tensor(log_probs, requires_grad=True)
    for x in (np.swapaxes(batch_first, 0, 1), time_first):
        losses.ctc_loss(x, *rest, zero_infinity=True).backward()
    np.testing.assert_array_equal(np.swapaxes(batch_first.grad, 0, 1), time_first.grad)


def test_what_lies_beyond_the_lengths_is_not_read():
    log_probs, targets, input_lengths, target_lengths = random_batch(2)
    value = losses.ctc_loss(log_probs, targets, input_lengths, target_lengths, reduction="none")
    for n in range(len(targets)):
        log_probs[input_lengths[n] :, n] = -np.inf
        targets[n, target_lengths[n] :] = -7
    again = losses.ctc_loss(log_probs, targets, input_lengths, target_lengths, reduction="none")
    np.testing.assert_array_equal(value, again)


def test_no_gradient_where_no_path_leads():
    x = ml.Tensor(log_softmax(np.zeros((2, 2, 3))), requires_grad=True)
    values = losses.ctc_loss(x, [[1, 1], [1, 2]], [2, 2], [2, 2], reduction="none")
    np.testing.assert_allclose(values.data, [np.inf, 2 * np.log(3)])
    (first,) = ml.grad(values, x, [1.0, 1.0], create_graph=True)
    for gradient in (first.data, ml.grad(values, x, [1.0, 1.0])[0]):
        np.testing.assert_array_equal(gradient[:, 0], np.zeros((2, 3)))
        np.testing.assert_allclose(gradient[:, 1], [[0, -1, 0], [0, 0, -1]], atol=1e-15)


def test_long_inputs_do_not_underflow():
    """P(target) is far below the smallest float: only one label in 3000 frames fits at all."""
    frames = 3000
    log_probs = np.log(np.full((frames, 2), [0.1, 0.9]))
    x = ml.Tensor(log_probs, requires_grad=True)
    value = losses.ctc_loss(x, [1], frames, 1, reduction="sum")
    # paths: a run of k labels among blanks, frames - k + 1 places for it
    k = np.arange(1, frames + 1)
    paths = k * np.log(0.9) + (frames - k) * np.log(0.1) + np.log(frames - k + 1)
    assert value.item() == pytest.approx(-np.logaddexp.reduce(paths), rel=1e-12)
    value.backward()
    np.testing.assert_allclose(x.grad.sum(axis=1), -1, rtol=1e-9)


def test_nan_goes_through():
    log_probs = np.log(np.full((3, 1, 2), 0.5))
    log_probs[1] = np.nan
    assert np.isnan(losses.ctc_loss(log_probs, [[1]], [3], [1]))


def test_second_derivative_without_frames():
    x = ml.Tensor(np.zeros((0, 1, 2)), requires_grad=True)
    value = losses.ctc_loss(x, np.zeros((1, 0), int), [0], [0])
    (d,) = ml.grad(value, x, create_graph=True)
    assert d.shape == (0, 1, 2)


# ---- decoding ------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("seed", range(5))
def test_greedy_takes_the_best_path(seed, blank):
    log_probs = log_softmax(np.random.default_rng(seed).standard_normal((6, 4, 3)))
    lengths = [6, 3, 1, 0]
    expected = [
        list(collapse(log_probs[:end, n].argmax(axis=1), blank)) for n, end in enumerate(lengths)
    ]
    assert losses.ctc_greedy_decode(log_probs, lengths, blank=blank) == expected
    assert losses.ctc_greedy_decode(ml.Tensor(log_probs), lengths, blank=blank) == expected
    assert losses.ctc_greedy_decode(log_probs[:, 0], blank=blank) == expected[0]


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_is_exact(seed, blank):
    log_probs = log_softmax(np.random.default_rng(seed).standard_normal((5, 3, 3)))
    lengths = [5, 4, 2]
    found = losses.ctc_beam_search(log_probs, lengths, beam_width=1000, blank=blank)
    for n, (labels, log_p) in enumerate(found):
        possible = spelled(log_probs[: lengths[n], n], blank)
        assert tuple(labels) == max(possible, key=possible.get)
        assert log_p == pytest.approx(np.log(possible[tuple(labels)]), rel=1e-12)
        assert isinstance(log_p, float) and isinstance(labels, list)


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_beam_gives_a_lower_bound(seed):
    log_probs = log_softmax(3 * np.random.default_rng(seed).standard_normal((6, 4)))
    for width in (1, 2, 4):
        labels, log_p = losses.ctc_beam_search(log_probs, beam_width=width)
        exact = -losses.ctc_loss(log_probs, labels, 6, len(labels), reduction="sum")
        assert log_p <= exact + 1e-12


def test_beam_search_agrees_with_the_loss():
    log_probs = log_softmax(np.random.default_rng(0).standard_normal((6, 3)))
    labels, log_p = losses.ctc_beam_search(log_probs, beam_width=1000)
    loss = losses.ctc_loss(log_probs, labels, 6, len(labels), reduction="sum")
    assert log_p == pytest.approx(-loss, rel=1e-12)


def test_the_best_path_may_not_spell_the_best_labels():
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert losses.ctc_greedy_decode(log_probs) == []
    labels, log_p = losses.ctc_beam_search(log_probs)
    assert labels == [1]
    assert np.exp(log_p) == pytest.approx(1 - 0.36, rel=1e-14)


def test_decoding_certainties():
    log_probs = sequence.CERTAIN
    assert losses.ctc_greedy_decode(log_probs) == [[1]]
    assert losses.ctc_beam_search(log_probs) == [([1], 0.0)]
    assert losses.ctc_beam_search(log_probs, [0]) == [([], 0.0)]


@pytest.mark.parametrize("decode", [losses.ctc_greedy_decode, losses.ctc_beam_search])
def test_decoders_check(decode):
    log_probs = np.zeros((4, 2, 3))
    with pytest.raises(ValueError, match=r"\(T, N, C\) or \(T, C\), got shape \(3,\)"):
        decode(log_probs[0, 0])
    with pytest.raises(ValueError, match=r"input_lengths holds 5, it must be in 0\.\.4"):
        decode(log_probs, [4, 5])
    with pytest.raises(ValueError, match="blank must be a class, 0 to 2; got 3"):
        decode(log_probs, blank=3)
    with pytest.raises(ValueError, match=r"log_probs holds 0\.5; .* at most 0: pass log_softmax"):
        decode(log_probs + 0.5)


@pytest.mark.parametrize("width", [0, 2.5, None, "8"])
def test_a_beam_has_a_whole_width(width):
    with pytest.raises(ValueError, match=f"beam_width must be an integer .* got {width!r}"):
        losses.ctc_beam_search(np.zeros((4, 3)), beam_width=width)
