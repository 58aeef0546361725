"""All metrics: values by hand, scikit-learn's values, what goes in, errors."""

import inspect

import numpy as np
import pytest

import microloss as ml
from microloss import metrics

from .cases import FAMILIES
from .harness import assert_same
from .reference import CALLS, kept_values, peer_values
from .samples import SAMPLES, filled

BY_HAND = [row for family in FAMILIES for row in family.BY_HAND]
ERRORS = [row for family in FAMILIES for row in family.ERRORS]
KEPT_VALUES = kept_values()
OF_TOKENS = (
    metrics.bleu, metrics.edit_distance, metrics.perplexity, metrics.rouge_l, metrics.rouge_n,
    metrics.word_error_rate,
)  # fmt: skip


def our_values(name, sample, options):
    metric, (prediction, target) = getattr(metrics, name), SAMPLES[sample]
    if name.startswith("rouge"):  # for one text at a time
        return np.array([metric(p, t[0], **options) for p, t in zip(prediction, target)])
    result = metric(prediction, target, **filled(options, sample))
    return result[:2] if name == "calibration_curve" else result  # theirs has no counts


@pytest.mark.parametrize("metric, args, kwargs, expected", BY_HAND)
def test_by_hand(metric, args, kwargs, expected):
    assert_same(metric(*args, **kwargs), expected, rtol=1e-14, atol=1e-14)


def test_every_metric_has_a_value_by_hand():
    assert {metric.__name__ for metric, *_ in BY_HAND} == set(metrics.__all__)


@pytest.mark.parametrize("name", metrics.__all__)
def test_every_docstring_is_whole(name):
    doc = getattr(metrics, name).__doc__
    assert all(part in doc for part in ("Formula:", "Shapes", ">>>", "Reference:"))
    assert "Raises" in doc or "errors: as for" in doc


@pytest.mark.parametrize("call", CALLS)
def test_follows_other_libraries_kept(call):
    name, _, sample, options, _ = CALLS[call]
    assert_same(our_values(name, sample, options), tuple(KEPT_VALUES[call]))


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label")
@pytest.mark.parametrize("call", CALLS)
def test_follows_other_libraries_live(call):
    name, peer, sample, options, peer_options = CALLS[call]
    pytest.importorskip({"sacrebleu": "sacrebleu", "rouge": "rouge_score"}.get(peer, "sklearn"))
    assert_same(our_values(name, sample, options), peer_values(peer, sample, peer_options))


@pytest.mark.parametrize(
    "metric, args, kwargs, expected", [row for row in BY_HAND if row[0] not in OF_TOKENS]
)
def test_tensors_serve_and_stay(metric, args, kwargs, expected):
    tensors = [ml.Tensor(np.asarray(a, float), requires_grad=True) for a in args]
    before = [t.data.copy() for t in tensors]
    result = metric(*tensors, **kwargs)
    assert_same(result, expected)
    assert all(np.array_equal(t.data, b) for t, b in zip(tensors, before))
    kind = tuple if isinstance(expected, tuple) else np.ndarray if np.ndim(expected) else float
    assert type(result) is kind


@pytest.mark.parametrize("metric, args, kwargs, message", ERRORS)
def test_errors(metric, args, kwargs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        metric(*args, **kwargs)


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.mean_absolute_error, metrics.roc_auc])
def test_words_are_no_numbers(metric):
    with pytest.raises(TypeError, match="real numbers"):
        metric(["cat"], ["dog"])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: metrics.f1_score(y_true=[1], y_pred=[1]), "f1_score has no y_true=.*second"),
        (lambda: metrics.roc_auc([0, 1], y_score=[0, 1]), "roc_auc has no y_score=.*first"),
        (lambda: metrics.f1_score([1], [1], pos_label=1), "target == pos_label"),
        (lambda: metrics.accuracy([1], [1], nonsense=1), "nonsense"),
    ],
)
def test_options_of_scikit_learn(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_names_of_scikit_learn():
    with pytest.raises(AttributeError, match="accuracy_score use accuracy, with the prediction"):
        metrics.accuracy_score  # noqa: B018
    with pytest.raises(AttributeError, match=r"'nonsense'$"):
        metrics.nonsense  # noqa: B018
    for name, ours in metrics.SCIKIT_LEARN.items():
        assert name not in metrics.__all__
        used = [w for w in metrics.__all__ if w in ours.replace("(", " ").split()]
        assert used or ours.startswith(("losses.", "np.")), ours


def test_the_signature_stays():
    assert list(inspect.signature(metrics.iou).parameters)[:2] == ["prediction", "target"]


def test_large_labels_are_told_apart():
    assert metrics.accuracy([2**60], [2**60 + 1]) == 0
    with pytest.raises(ValueError, match="int64"):
        metrics.accuracy(np.array([2**63], np.uint64), [1])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.uint64, np.float16, np.float32])
def test_every_kind_of_label(dtype):
    prediction, target = np.array([1, 0, 1, 1], dtype), np.array([1, 1, 0, 1], dtype)
    assert metrics.accuracy(prediction, target) == 1 / 2
    assert metrics.f1_score(prediction, target) == pytest.approx(2 / 3)
    assert metrics.iou(prediction, target) == 1 / 2
    assert metrics.adjusted_rand_index(prediction, target) == metrics.adjusted_rand_index(
        prediction.astype(int), target.astype(int)
    )


# metrics of numbers take arrays; an array that changes arithmetic is refused
ARRAYS = [row for row in BY_HAND if row[0] not in OF_TOKENS]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("metric, args, kwargs, expected", ARRAYS)
def test_masked_arrays_and_matrices_are_refused(metric, args, kwargs, expected, place):
    for kind, cure in (np.ma.array, "filled"), (np.matrix, "np.asarray"):
        changed = [np.asarray(a, float) for a in args]
        if kind is np.matrix and changed[place].ndim > 2:
            continue
        changed[place] = kind(changed[place])
        with pytest.raises(TypeError, match=cure):
            metric(*changed, **kwargs)


def test_masked_weights_and_tokens_are_refused():
    masked = np.ma.array([1, 2], mask=[0, 1])
    with pytest.raises(TypeError, match=r"sample_weight.*filled"):
        metrics.accuracy([0, 1], [0, 1], sample_weight=masked)
    with pytest.raises(TypeError, match=r"prediction.*filled"):
        metrics.edit_distance(masked, [1, 2])
    with pytest.raises(TypeError, match=r"log_probs_or_logits.*filled"):
        metrics.perplexity(np.ma.array([[0.0, 1.0]]), [0])
