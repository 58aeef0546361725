"""All metrics: values by hand, scikit-learn's values, what goes in, errors."""

import numpy as np
import pytest

import microloss as ml
from microloss import metrics

from .cases import FAMILIES
from .harness import assert_same
from .reference import CALLS, kept_values, peer_values
from .samples import SAMPLES

BY_HAND = [row for family in FAMILIES for row in family.BY_HAND]
ERRORS = [row for family in FAMILIES for row in family.ERRORS]
KEPT_VALUES = kept_values()
OF_TOKENS = (metrics.bleu, metrics.rouge_l, metrics.edit_distance, metrics.perplexity)


def our_values(name, sample, options):
    result = getattr(metrics, name)(*SAMPLES[sample], **options)
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
def test_follows_scikit_learn_kept(call):
    name, _, sample, options, _ = CALLS[call]
    assert_same(our_values(name, sample, options), tuple(KEPT_VALUES[call]))


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label")
@pytest.mark.parametrize("call", CALLS)
def test_follows_scikit_learn_live(call):
    pytest.importorskip("sklearn")
    name, peer, sample, options, peer_options = CALLS[call]
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
