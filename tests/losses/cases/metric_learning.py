"""Cases of microloss/losses/metric_learning.py."""

import numpy as np
from harness import Case, Error, Extreme, Stated

from microloss import functional as F
from microloss import losses


def embeddings(count, shape=(5, 3)):
    return lambda rng: tuple(rng.standard_normal(shape) for _ in range(count))


def labelled(labels, shape=(6, 3), count=2, each_row=True):
    """Embeddings, and labels of both kinds."""

    def args(rng):
        target = np.resize(labels, shape[:1] if each_row else shape)
        return (*(rng.standard_normal(shape) for _ in range(count)), rng.permutation(target))

    return args


# ---- naive formulas: one example at a time -------------------------------------------------------


def each(formula):
    return lambda *args, **kwargs: np.array([formula(*row, **kwargs) for row in zip(*args)])


def distance(u, v, p=2):
    return sum(abs(a - b) ** p for a, b in zip(u, v)) ** (1 / p)


@each
def naive_contrastive(x1, x2, y, margin=1.0):
    d = distance(x1, x2)
    return (1 - y) * d**2 + y * max(0, margin - d) ** 2


@each
def naive_triplet(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False):
    to_positive, to_negative = (distance(anchor + eps, x, p) for x in (positive, negative))
    if swap:
        to_negative = min(to_negative, distance(positive + eps, negative, p))
    return max(0, margin + to_positive - to_negative)


def cosine(u, v):
    return sum(u * v) / (sum(u * u) * sum(v * v)) ** 0.5


@each
def naive_cosine_embedding(x1, x2, y, margin=0.0):
    return 1 - cosine(x1, x2) if y == 1 else max(0, cosine(x1, x2) - margin)


def naive_info_nce(q, k, negatives=None, temperature=0.1):
    losses = []
    for i, query in enumerate(q):
        others = k[np.arange(len(k)) != i] if negatives is None else negatives
        others = others[i] if others.ndim == 3 else others
        own = np.exp(cosine(query, k[i]) / temperature)
        losses.append(
            -np.log(own / (own + sum(np.exp(cosine(query, n) / temperature) for n in others)))
        )
    return np.array(losses)


def naive_nt_xent(z1, z2, temperature=0.5):
    z, n = np.concatenate([z1, z2]), len(z1)
    losses = []
    for i in range(2 * n):
        e = {k: np.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * n) if k != i}
        losses.append(-np.log(e[(i + n) % (2 * n)] / sum(e.values())))
    return np.array(losses)


def naive_supervised(z, labels, temperature=0.1):
    losses = []
    for i, own in enumerate(labels):
        e = {k: np.exp(cosine(z[i], z[k]) / temperature) for k in range(len(z)) if k != i}
        shares = [e[k] / sum(e.values()) for k in e if labels[k] == own]
        losses.append(-np.log(np.prod(shares)) / max(len(shares), 1))
    return np.array(losses)


def naive_listnet(scores, relevances):
    """The cross-entropy of which item comes first, list by list."""
    losses = []
    for x, t in zip(scores, relevances):
        p, q = (np.exp(v) / sum(np.exp(v)) for v in (x, t))
        losses.append(-sum(b * np.log(a) for a, b in zip(p, q)))
    return np.array(losses)


def naive_clip(x, y, temperature=0.07):
    one_way = [naive_info_nce(a, b, temperature=temperature).mean() for a, b in ((x, y), (y, x))]
    return sum(one_way) / 2


# ---- the same in PyTorch -------------------------------------------------------------------------


def functional(name, **options):
    return lambda torch, *args, reduction: getattr(torch.nn.functional, name)(
        *args, reduction=reduction, **options
    )


def torch_reduce(values, reduction):
    return values if reduction == "none" else getattr(values, reduction)()


def torch_contrastive(torch, x1, x2, y, reduction, margin=1.0):
    d = (x1 - x2).norm(dim=1)
    return torch_reduce((1 - y) * d**2 + y * (margin - d).clamp(min=0) ** 2, reduction)


def torch_bpr(torch, positive, negative, reduction):
    return torch_reduce(-torch.nn.functional.logsigmoid(positive - negative), reduction)


def torch_info_nce(torch, q, k, negatives=None, temperature=0.1, reduction="mean"):
    F = torch.nn.functional
    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    if negatives is None:
        return F.cross_entropy(q @ k.T / temperature, torch.arange(len(q)), reduction=reduction)
    negatives = F.normalize(negatives, dim=-1).expand(len(q), -1, -1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), torch.einsum("nd,nmd->nm", q, negatives)], 1)
    target = torch.zeros(len(q), dtype=torch.long)
    return F.cross_entropy(logits / temperature, target, reduction=reduction)


def torch_nt_xent(torch, z1, z2, reduction, temperature=0.5):
    F = torch.nn.functional
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    logits = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    partner = torch.arange(len(z)).roll(len(z1))
    return F.cross_entropy(logits, partner, reduction=reduction)


def torch_supervised(torch, z, labels, reduction, temperature=0.1):
    z, labels = torch.nn.functional.normalize(z, dim=1), torch.as_tensor(labels)
    s = z @ z.T / temperature
    others = ~torch.eye(len(z), dtype=bool)
    log_p = s - s.masked_fill(~others, -torch.inf).logsumexp(1, keepdim=True)
    positives = others & (labels[:, None] == labels)
    count = positives.sum(1)
    values = -(positives * log_p).sum(1) / count.clamp(min=1)
    return (
        values.sum() / (count > 0).sum() if reduction == "mean" else torch_reduce(values, reduction)
    )


def torch_listnet(torch, scores, relevances, reduction):
    log_p = torch.nn.functional.log_softmax(scores, dim=1)
    return torch_reduce(-(torch.softmax(relevances, dim=1) * log_p).sum(1), reduction)


def torch_clip(torch, x, y, temperature=0.07):
    both = ((x, y), (y, x))
    return sum(torch_info_nce(torch, a, b, temperature=temperature) for a, b in both) / 2


def cosine_distance(u, v):
    return 1 - F.cosine_similarity(u, v, axis=-1)


def triplets_of_cosines(torch, *triplet, reduction):
    return torch.nn.functional.triplet_margin_with_distance_loss(
        *triplet,
        distance_function=lambda u, v: 1 - torch.nn.functional.cosine_similarity(u, v),
        reduction=reduction,
    )


def with_options(function, **options):
    return lambda torch, *args, **kwargs: function(torch, *args, **kwargs, **options)


# ---- cases ---------------------------------------------------------------------------------------

BOTH, THREE = (0, 1), (0, 1, 2)


def triplet(name, wrt=THREE, **options):
    return Case(
        losses.triplet_margin_loss,
        embeddings(3),
        naive_triplet,
        wrt=wrt,
        kwargs=options,
        torch=functional("triplet_margin_loss", **options),
        name=name,
    )


CASES = [
    Case(
        losses.contrastive_loss,
        labelled((0.0, 1.0)),
        naive_contrastive,
        wrt=BOTH,
        torch=torch_contrastive,
    ),
    Case(
        losses.contrastive_loss,
        labelled((0, 1)),
        naive_contrastive,
        wrt=BOTH,
        kwargs={"margin": 2.5},
        torch=with_options(torch_contrastive, margin=2.5),
        name="margin",
    ),
    triplet(""),
    triplet("swap", swap=True, margin=2.0),
    triplet("p1", p=1, margin=0.5),
    triplet("p3", p=3.0, eps=1e-3),
    Case(
        losses.triplet_margin_with_distance_loss,
        embeddings(3),
        naive_triplet,
        wrt=THREE,
        kwargs={"swap": True, "margin": 2.0},
        torch=functional("triplet_margin_with_distance_loss", swap=True, margin=2.0),
    ),
    Case(
        losses.triplet_margin_with_distance_loss,
        embeddings(3),
        each(
            lambda a, p, n, distance_function, margin: max(0, margin - cosine(a, p) + cosine(a, n))
        ),
        wrt=THREE,
        kwargs={"distance_function": cosine_distance, "margin": 1.0},
        torch=triplets_of_cosines,
        name="cosine",
    ),
    Case(
        losses.cosine_embedding_loss,
        labelled((1.0, -1.0)),
        naive_cosine_embedding,
        wrt=BOTH,
        torch=functional("cosine_embedding_loss"),
    ),
    Case(
        losses.cosine_embedding_loss,
        labelled((1, -1)),
        naive_cosine_embedding,
        wrt=BOTH,
        kwargs={"margin": -0.3},
        torch=functional("cosine_embedding_loss", margin=-0.3),
        name="margin",
    ),
    Case(
        losses.hinge_embedding_loss,
        labelled((1.0, -1.0), (4, 3), count=1, each_row=False),
        lambda x, y, margin=1.0: np.where(y == 1, x, np.maximum(0, margin - x)),
        kwargs={"margin": 0.7},
        torch=functional("hinge_embedding_loss", margin=0.7),
    ),
    Case(
        losses.margin_ranking_loss,
        labelled((1.0, -1.0), (4, 3), each_row=False),
        lambda x1, x2, y, margin: np.maximum(0, -y * (x1 - x2) + margin),
        wrt=BOTH,
        kwargs={"margin": 0.4},
        torch=functional("margin_ranking_loss", margin=0.4),
    ),
    Case(
        losses.bpr_loss,
        embeddings(2),
        lambda p, n: -np.log(1 / (1 + np.exp(-(p - n)))),
        wrt=BOTH,
        torch=torch_bpr,
    ),
    Case(losses.info_nce_loss, embeddings(2), naive_info_nce, wrt=BOTH, torch=torch_info_nce),
    Case(
        losses.info_nce_loss,
        lambda rng: (*embeddings(2)(rng), rng.standard_normal((4, 3))),
        naive_info_nce,
        wrt=THREE,
        kwargs={"temperature": 0.7},
        torch=with_options(torch_info_nce, temperature=0.7),
        name="shared",
    ),
    Case(
        losses.info_nce_loss,
        lambda rng: (*embeddings(2)(rng), rng.standard_normal((5, 2, 3))),
        naive_info_nce,
        wrt=THREE,
        torch=torch_info_nce,
        name="own",
    ),
    Case(losses.nt_xent_loss, embeddings(2), naive_nt_xent, wrt=BOTH, torch=torch_nt_xent),
    Case(
        losses.nt_xent_loss,
        embeddings(2),
        naive_nt_xent,
        wrt=BOTH,
        kwargs={"temperature": 0.1},
        torch=with_options(torch_nt_xent, temperature=0.1),
        name="temperature",
    ),
    *(
        Case(
            losses.supervised_contrastive_loss,
            lambda rng, labels=labels: (rng.standard_normal((len(labels), 3)), np.array(labels)),
            naive_supervised,
            kwargs={"temperature": 0.5} if name else {},
            torch=with_options(torch_supervised, temperature=0.5 if name else 0.1),
            mean=lambda values, z, labels: values.sum() / sum(np.bincount(labels)[labels] > 1),
            name=name,
        )
        for name, labels in (("", [0, 1, 0, 1, 0, 2]), ("temperature", [3, 1, 3, 3, 1]))
    ),
    Case(losses.listnet_loss, embeddings(2), naive_listnet, torch=torch_listnet),
    Case(losses.clip_loss, embeddings(2), naive_clip, wrt=BOTH, reductions=(), torch=torch_clip),
    Case(
        losses.clip_loss,
        embeddings(2),
        naive_clip,
        wrt=BOTH,
        kwargs={"temperature": 0.5},
        reductions=(),
        torch=with_options(torch_clip, temperature=0.5),
        name="temperature",
    ),
]

ZERO = np.zeros((2, 3))
FAR = np.full((1, 2), 1e4)

EXTREMES = [
    Extreme(
        losses.contrastive_loss,
        (np.ones((2, 3)), np.ones((2, 3)), np.array([0, 1])),
        value=1.0,
        wrt=BOTH,
        gradients=(ZERO, ZERO),
        name="zero distance",
    ),
    Extreme(
        losses.contrastive_loss,
        (FAR, -FAR, np.array([0])),
        value=8e8,
        gradients=(4 * FAR,),
        name="far",
    ),
    Extreme(losses.triplet_margin_loss, (ZERO, ZERO, ZERO), value=2.0, wrt=THREE, name="one point"),
    Extreme(
        losses.triplet_margin_loss,
        (ZERO, ZERO, ZERO + 0.1),
        kwargs={"eps": 0.0},
        value=2 - 2 * 0.03**0.5,
        wrt=THREE,
        gradients=(np.full((2, 3), 3**-0.5), ZERO, np.full((2, 3), -(3**-0.5))),
        name="zero distance without eps",
    ),
    Extreme(
        losses.triplet_margin_with_distance_loss,
        (ZERO, ZERO, ZERO),
        kwargs={"distance_function": lambda u, v: ((u - v) ** 2).sum(axis=-1)},
        value=2.0,
        wrt=THREE,
        gradients=(ZERO, ZERO, ZERO),
    ),
    Extreme(
        losses.cosine_embedding_loss,
        (ZERO, np.ones((2, 3)), np.array([1, -1])),
        value=1.0,
        wrt=BOTH,
        name="zero vector",
    ),
    Extreme(
        losses.cosine_embedding_loss,
        (ZERO, ZERO, np.array([1, -1])),
        value=1.0,
        wrt=BOTH,
        gradients=(ZERO, ZERO),
        name="zero vectors",
    ),
    Extreme(
        losses.hinge_embedding_loss,
        (np.array([1e4, -1e4, 1e4, -1e4]), np.array([1, 1, -1, -1])),
        value=10001.0,
        gradients=(np.array([1.0, 1.0, 0.0, -1.0]),),
    ),
    Extreme(
        losses.margin_ranking_loss,
        (np.array([1e4, -1e4]), np.array([-1e4, 1e4]), np.array([1, 1])),
        value=2e4,
        gradients=(np.array([0.0, -1.0]),),
    ),
    Extreme(
        losses.bpr_loss,
        (np.array([1e4, -1e4]), np.array([-1e4, 1e4])),
        value=2e4,
        wrt=BOTH,
        gradients=(np.array([0.0, -1.0]), np.array([0.0, 1.0])),
    ),
    Extreme(losses.info_nce_loss, (ZERO, ZERO), value=2 * np.log(2), wrt=BOTH, name="zero vectors"),
    Extreme(
        losses.info_nce_loss,
        (np.eye(2) * 1e4, np.eye(2)[::-1] * 1e4),
        kwargs={"temperature": 1e-4},
        value=2e4,
        wrt=BOTH,
        name="cold",
    ),
    Extreme(losses.info_nce_loss, (np.ones((1, 3)), np.ones((1, 3))), value=0.0, name="one pair"),
    *(
        Extreme(loss, (ZERO[:0], ZERO[:0]), value=0.0, wrt=BOTH, name="empty")
        for loss in (losses.info_nce_loss, losses.nt_xent_loss)
    ),
    Extreme(losses.nt_xent_loss, (ZERO, ZERO), value=4 * np.log(3), wrt=BOTH, name="zero vectors"),
    Extreme(
        losses.nt_xent_loss,
        (np.eye(2), np.eye(2)[::-1]),
        kwargs={"temperature": 1e-4},
        value=4e4,
        wrt=BOTH,
        name="cold",
    ),
    Extreme(
        losses.nt_xent_loss,
        (np.ones((1, 3)), np.ones((1, 3))),
        value=0.0,
        gradients=(np.zeros((1, 3)),),
        name="one pair",
    ),
    Extreme(
        losses.supervised_contrastive_loss,
        (ZERO, np.array([1, 1])),
        value=0.0,
        gradients=(ZERO,),
        name="zero vectors",
    ),
    Extreme(
        losses.supervised_contrastive_loss,
        (np.array([[1.0, 0], [-1, 0], [1, 0]]), np.array([0, 0, 1])),
        kwargs={"temperature": 1e-4},
        value=2e4 + np.log(2),
        name="cold",
    ),
    *(
        Extreme(
            losses.supervised_contrastive_loss,
            (np.ones((count, 3)), np.arange(count)),
            value=0.0,
            gradients=(np.zeros((count, 3)),),
            name=f"{count} rows of their own",
        )
        for count in (0, 1, 3)
    ),
    Extreme(
        losses.listnet_loss,
        (np.array([[1e4, -1e4]]), np.array([[-1e4, 1e4]])),
        value=2e4,
        gradients=(np.array([[1.0, -1.0]]),),
        name="reversed",
    ),
    Extreme(
        losses.listnet_loss,
        (np.array([[0.0, 0.0, -np.inf]]), np.array([[1.0, 1.0, -np.inf]])),
        value=np.log(2),
        gradients=(np.zeros((1, 3)),),
        name="a shorter list",
    ),
    Extreme(losses.clip_loss, (ZERO, ZERO), value=np.log(2), wrt=BOTH, name="zero vectors"),
    Extreme(
        losses.clip_loss,
        (np.eye(2), np.eye(2)[::-1]),
        kwargs={"temperature": 1e-4},
        value=1e4,
        wrt=BOTH,
        name="cold",
    ),
]


def column_errors(loss, *more):
    """(N, 1) against (N,) is not a pair."""
    return Error(loss, (np.zeros((3, 1)), np.zeros(3), *more), {}, ValueError, ("(3, 1)", "(3,)"))


X, Y = np.ones((2, 3)), np.ones(2)
EMPTY = np.zeros((0, 3))

ERRORS = [
    column_errors(losses.contrastive_loss, np.zeros(3)),
    column_errors(losses.triplet_margin_loss, np.zeros(3)),
    column_errors(losses.cosine_embedding_loss, np.ones(3)),
    column_errors(losses.margin_ranking_loss, np.ones(3)),
    column_errors(losses.bpr_loss),
    column_errors(losses.listnet_loss),
    column_errors(losses.triplet_margin_with_distance_loss, np.zeros(3)),
    Error(
        losses.triplet_margin_with_distance_loss,
        (X, X, X),
        {"distance_function": lambda u, v: (u - v).sum()},
        ValueError,
        ("distance_function(anchor, positive)", "()", "(2,)"),
    ),
    Error(
        losses.triplet_margin_with_distance_loss, (X, X, X), {"margin": 0}, ValueError, ("margin",)
    ),
    Error(losses.listnet_loss, (EMPTY[:0], EMPTY[:0]), {}, ValueError, ("mean", "nothing")),
    Error(losses.listnet_loss, (EMPTY.T, EMPTY.T), {}, ValueError, ("(3, 0)", "(N, M)")),
    Error(losses.listnet_loss, (1.0, 1.0), {}, ValueError, ("()", "(N, M)")),
    Error(losses.supervised_contrastive_loss, (X, [1]), {}, ValueError, ("(2, 3)", "(1,)")),
    Error(losses.supervised_contrastive_loss, (Y, Y), {}, ValueError, ("(N, D)", "(2,)")),
    Error(losses.supervised_contrastive_loss, (X, [0, 1]), {}, ValueError, ("mean", "nothing")),
    Error(
        losses.supervised_contrastive_loss,
        (X, [0, 0]),
        {"temperature": 0},
        ValueError,
        ("temperature", "0"),
    ),
    column_errors(losses.info_nce_loss),
    column_errors(losses.nt_xent_loss),
    column_errors(losses.clip_loss),
    Error(losses.hinge_embedding_loss, (X, Y), {}, ValueError, ("target", "(2,)", "(2, 3)")),
    Error(losses.contrastive_loss, (X, X, X), {}, ValueError, ("target", "(2, 3)", "(2,)")),
    Error(losses.contrastive_loss, (X, X, -Y), {}, ValueError, ("-1", "(1 - target) / 2")),
    Error(losses.contrastive_loss, (X, X, 0.5 * Y), {}, ValueError, ("0.5", "similar")),
    Error(losses.contrastive_loss, (X, X, Y), {"margin": 0}, ValueError, ("margin", "0")),
    Error(losses.contrastive_loss, (EMPTY, EMPTY, []), {}, ValueError, ("mean", "nothing")),
    Error(losses.triplet_margin_loss, (X, X, X), {"margin": -1}, ValueError, ("margin", "-1")),
    Error(losses.triplet_margin_loss, (X, X, X), {"p": 0.5}, ValueError, ("p must", "0.5")),
    Error(losses.triplet_margin_loss, (EMPTY, EMPTY, EMPTY), {}, ValueError, ("mean", "nothing")),
    Error(losses.cosine_embedding_loss, (X, X, 0 * Y), {}, ValueError, ("2 * target - 1",)),
    Error(losses.cosine_embedding_loss, (X, X, 2 * Y), {}, ValueError, ("target holds 2",)),
    Error(losses.cosine_embedding_loss, (X, X, Y), {"margin": 2}, ValueError, ("margin", "2")),
    Error(
        losses.cosine_embedding_loss,
        (X, X, np.nextafter(Y, 2)),
        {},
        ValueError,
        ("target holds 1.0000000000000002,",),
    ),
    Error(
        losses.contrastive_loss,
        (X, X, np.nextafter(Y, 2)),
        {},
        ValueError,
        ("1.0000000000000002,",),
    ),
    Error(losses.hinge_embedding_loss, (Y, Y), {"margin": np.nan}, ValueError, ("margin", "nan")),
    Error(losses.margin_ranking_loss, (Y, Y, Y), {"margin": np.nan}, ValueError, ("margin", "nan")),
    Error(losses.nt_xent_loss, (X, X), {"temperature": np.nan}, ValueError, ("temperature", "nan")),
    Error(losses.hinge_embedding_loss, (Y, 0 * Y), {}, ValueError, ("2 * target - 1",)),
    Error(losses.margin_ranking_loss, (Y, Y, 0 * Y), {}, ValueError, ("2 * target - 1",)),
    Error(losses.margin_ranking_loss, (Y, Y, [1]), {}, ValueError, ("target", "(1,)", "(2,)")),
    Error(losses.bpr_loss, ([], []), {}, ValueError, ("mean", "nothing")),
    Error(losses.bpr_loss, (["a"], ["b"]), {}, TypeError, ("positive", "real numbers")),
    Error(losses.info_nce_loss, (EMPTY, EMPTY), {}, ValueError, ("mean", "nothing")),
    Error(losses.info_nce_loss, (Y, Y), {}, ValueError, ("query and positive", "(N, D)")),
    Error(losses.info_nce_loss, (X, X, Y), {}, ValueError, ("negatives", "(M, 3)")),
    Error(losses.info_nce_loss, (X, X, X[0]), {}, ValueError, ("negatives", "shape (3,)")),
    Error(losses.info_nce_loss, (X, X, np.ones((1, 4, 3))), {}, ValueError, ("(2, M, 3)",)),
    Error(losses.info_nce_loss, (X, X), {"temperature": 0.0}, ValueError, ("temperature", "0")),
    Error(losses.nt_xent_loss, (X, X), {"temperature": -1}, ValueError, ("temperature", "-1")),
    Error(losses.nt_xent_loss, (X, X), {"temperature": Y}, ValueError, ("temperature", "(2,)")),
    Error(losses.nt_xent_loss, (EMPTY, EMPTY), {}, ValueError, ("mean", "nothing")),
    Error(losses.clip_loss, (X, X), {"temperature": 0}, ValueError, ("temperature", "0")),
    Error(losses.clip_loss, (EMPTY, EMPTY), {}, ValueError, ("mean", "nothing")),
]

# ---- the gradients that the cards state ----------------------------------------------------------


def lengths(x):
    return np.sqrt((x * x).sum(axis=-1, keepdims=True))


def across(g, x):
    """g less its part along x, over the length of x."""
    u = x / lengths(x)
    return (g - (g * u).sum(axis=-1, keepdims=True) * u) / lengths(x)


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def stated_contrastive(x1, x2, y):
    e, d = x1 - x2, lengths(x1 - x2)
    return np.where(y[:, None] == 0, 2 * e, np.where(d < 1, -2 * (1 / d - 1) * e, 0)) / len(y)


def stated_triplet(a, p, n):
    near, far = a - p + 1e-6, a - n + 1e-6
    active = 1 + lengths(near) - lengths(far) >= 0
    toward, away = (active * x / lengths(x) / len(a) for x in (near, far))
    return toward - away, -toward, away


def stated_own_distance(a, p, n, distance_function, margin):
    active = margin + distance_function(a, p) - distance_function(a, n) >= 0
    return active[:, None] * (2 * (a - p) - 2 * (a - n)) / len(a)


def stated_cosine(x1, x2, y):
    u1, u2 = x1 / lengths(x1), x2 / lengths(x2)
    cos = (u1 * u2).sum(axis=1, keepdims=True)
    counts = (y[:, None] == 1) | (cos >= 0)
    return np.where(counts, -y[:, None] * (u2 - cos * u1) / lengths(x1), 0) / len(y)


def stated_info_nce(query, positive):
    u, v = query / lengths(query), positive / lengths(positive)
    return across(softmax(u @ v.T / 0.1) @ v - v, query) / 0.1 / len(query)


def stated_nt_xent(z1, z2):
    z, n = np.concatenate([z1, z2]), len(z1)
    u = z / lengths(z)
    p = softmax(np.where(np.eye(2 * n), -np.inf, u @ u.T / 0.5))
    slope = across((p + p.T) @ u - 2 * np.roll(u, n, axis=0), z) / 0.5 / (2 * n)
    return slope[:n], slope[n:]


def stated_supervised(z, labels, temperature):
    u, others = z / lengths(z), 1 - np.eye(len(z))
    positives = others * (labels[:, None] == labels)
    count = positives.sum(axis=1, keepdims=True)
    p = softmax(np.where(others, u @ u.T / temperature, -np.inf))
    d = np.where(count, p - positives / np.maximum(count, 1), 0)
    return across((d + d.T) @ u, z) / temperature / np.sum(count > 0)


def stated_clip(images, texts, temperature):
    u, v, n = images / lengths(images), texts / lengths(texts), len(texts)
    s = u @ v.T / temperature
    g = (softmax(s) + softmax(s.T).T - 2 * np.eye(n)) / (2 * n * temperature)
    return across(g @ v, images), across(g.T @ u, texts)


def stated_ranking(x1, x2, y, margin):
    slope = np.where(margin - y * (x1 - x2) >= 0, -y, 0) / y.size
    return slope, -slope


def squared_distance(u, v):
    return ((u - v) ** 2).sum(axis=-1)


GRADIENTS = [
    Stated(
        losses.contrastive_loss,
        "2 (input1 - input2) for a similar pair",
        stated_contrastive,
        labelled((0.0, 1.0)),
    ),
    Stated(
        losses.triplet_margin_loss,
        "the unit vector of a - p minus that of a - n",
        stated_triplet,
        embeddings(3),
        wrt=THREE,
    ),
    Stated(
        losses.triplet_margin_with_distance_loss,
        "(d'(a, p) - d'(a, n)) / N",
        stated_own_distance,
        embeddings(3),
        kwargs={"distance_function": squared_distance, "margin": 3.0},
    ),
    Stated(
        losses.cosine_embedding_loss,
        "-target (u2 - cos u1) / |input1| / N",
        stated_cosine,
        labelled((1.0, -1.0)),
    ),
    Stated(
        losses.hinge_embedding_loss,
        "1 / N for a similar pair, -1 / N for a dissimilar one up to and including the margin",
        lambda x, y: np.where(y == 1, 1, np.where(x <= 1, -1, 0)) / x.size,
        labelled((1.0, -1.0), (4, 3), count=1, each_row=False),
    ),
    Stated(
        losses.margin_ranking_loss,
        "-target / N with respect to input1 and its opposite for input2",
        stated_ranking,
        labelled((1.0, -1.0), (4, 3), each_row=False),
        wrt=BOTH,
        kwargs={"margin": 0.4},
    ),
    Stated(
        losses.bpr_loss,
        "-sigmoid(negative - positive) / N with respect to positive, its opposite for negative",
        lambda p, n: (-1 / (1 + np.exp(p - n)) / p.size, 1 / (1 + np.exp(p - n)) / p.size),
        embeddings(2),
        wrt=BOTH,
    ),
    Stated(
        losses.listnet_loss,
        "(p - q) / N",
        lambda x, t: (softmax(x) - softmax(t)) / len(x),
        embeddings(2),
    ),
    Stated(
        losses.info_nce_loss,
        "(g - (g . u) u) / (T |query|) / N with g = sum_k p_k v_k - v_0",
        stated_info_nce,
        embeddings(2),
    ),
    Stated(
        losses.nt_xent_loss,
        "(g - (g . u_i) u_i) / (T |z_i|) / 2N with g = sum_k (P_ik + P_ki) u_k - 2 u_j",
        stated_nt_xent,
        embeddings(2),
        wrt=BOTH,
    ),
    Stated(
        losses.supervised_contrastive_loss,
        "(g - (g . u_i) u_i) / (T |z_i|) / N with g = sum_k (D_ik + D_ki) u_k",
        stated_supervised,
        lambda rng: (rng.standard_normal((6, 3)), np.array([0, 1, 0, 1, 0, 2])),
        kwargs={"temperature": 0.5},
    ),
    Stated(
        losses.clip_loss,
        "G = (P + Q^T - 2 I) / (2 N T)",
        stated_clip,
        embeddings(2),
        wrt=BOTH,
        kwargs={"temperature": 0.5},
    ),
]
