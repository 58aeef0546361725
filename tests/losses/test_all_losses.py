"""What every loss must stand; see harness.py."""

import inspect

import numpy as np
import pytest
from cases import FAMILIES
from harness import evaluate
from reference import kept_results, torch_results

import microloss as ml
from microloss import losses
from microloss.engine.tensor import values_of

CASES = [case for family in FAMILIES for case in family.CASES]
EXTREMES = [case for family in FAMILIES for case in family.EXTREMES]
ERRORS = [case for family in FAMILIES for case in family.ERRORS]
WITH_TORCH = [case for case in CASES if case.torch]
KEPT = kept_results()

all_cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@all_cases
@pytest.mark.parametrize("seed", range(3))
def test_naive_formula(case, seed):
    args = case.arguments(seed)
    for reduction in case.reductions or (None,):
        value = case.loss(*args, **case.options(reduction))
        np.testing.assert_allclose(value, case.expected(args, reduction), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "case, reduction",
    [pytest.param(c, r, id=f"{c.id}-{r}") for c in CASES for r in c.reductions or (None,)],
)
def test_derivatives(case, reduction):
    args = case.arguments()

    def f(*variables):
        given = list(args)
        for i, variable in zip(case.wrt, variables):
            given[i] = variable
        return case.loss(*given, **case.options(reduction))

    variables = [args[i] for i in case.wrt]
    if case.held is None:
        assert ml.gradcheck(f, variables, order=case.order)
        return
    held = lambda *given: case.held(*args)(*given, reduction=reduction)
    assert ml.gradcheck(held, variables, order=case.order)
    for mine, theirs in zip(two_orders(f, variables), two_orders(held, variables)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12)


def two_orders(f, arrays):
    """First derivatives, and second ones along a random direction."""
    rng = np.random.default_rng(3)
    tensors = [ml.Tensor(a, requires_grad=True) for a in arrays]
    value = f(*tensors)
    cotangent = ml.Tensor(rng.standard_normal(value.shape))
    first = ml.grad((value * cotangent).sum(), tensors, create_graph=True)
    along = sum((rng.standard_normal(d.shape) * d).sum() for d in first)
    return [d.data for d in first] + list(ml.grad(along, tensors))


@pytest.mark.parametrize("case", WITH_TORCH, ids=lambda case: case.id)
def test_pytorch_kept(case):
    compare_with(case, KEPT[case.id])


@pytest.mark.parametrize("case", WITH_TORCH, ids=lambda case: case.id)
def test_pytorch_live(case):
    pytest.importorskip("torch")
    compare_with(case, torch_results(case))


def compare_with(case, results):
    wrt = case.wrt if case.torch_wrt is None else case.torch_wrt
    for reduction, (expected, *gradients) in results.items():
        value, ours = evaluate(case.loss, case.arguments(), wrt, case.options(reduction))
        np.testing.assert_allclose(value.data, expected, rtol=1e-8, atol=1e-12)
        for mine, theirs in zip(ours, gradients, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-11)


@all_cases
def test_float32_stays(case):
    args = [
        a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for a in case.arguments()
    ]
    for reduction in case.reductions or (None,):
        value, gradients = evaluate(
            case.loss, args, case.wrt, case.options(reduction), dtype=np.float32
        )
        assert value.dtype == np.float32
        assert all(g.dtype == np.float32 for g in gradients)
        np.testing.assert_allclose(value.data, case.expected(args, reduction), rtol=2e-4, atol=1e-5)


@all_cases
def test_arguments_are_not_changed(case):
    args = case.arguments()
    before = [np.array(a) for a in args]
    evaluate(case.loss, args, case.wrt, case.options("mean"))
    case.loss(*args, **case.options("mean"))
    for a, b in zip(args, before):
        np.testing.assert_array_equal(a, b)


@all_cases
def test_nan_is_refused_or_comes_out(case):
    """Unless the element does not count at all, such as the log-probability of another class."""
    args, options = case.arguments(), case.options("mean")

    def value_with(i, x):
        changed = args[i].copy()
        changed.flat[0] = x
        return case.loss(*args[:i], changed, *args[i + 1 :], **options)

    for i, a in enumerate(args):
        if not (isinstance(a, np.ndarray) and a.dtype.kind == "f"):
            continue
        try:
            value = value_with(i, np.nan)
        except ValueError as error:
            assert " holds nan, " in str(error)
        else:
            assert np.isnan(value) or value == value_with(i, a.flat[0] - 0.5)


@all_cases
def test_lists_arrays_and_tensors_give_one_value(case):
    args = case.arguments()
    options = case.options("sum")
    value = float(np.sum(case.loss(*args, **options)))
    as_lists = [a.tolist() if isinstance(a, np.ndarray) else a for a in args]
    assert float(np.sum(case.loss(*as_lists, **options))) == value
    assert not isinstance(case.loss(*args, **options), ml.Tensor)
    tensors = [ml.Tensor(a, requires_grad=True) if i in case.wrt else a for i, a in enumerate(args)]
    result = case.loss(*tensors, **options)
    assert isinstance(result, ml.Tensor) and result.requires_grad


@all_cases
def test_no_argument_waits_for_a_gradient_in_vain(case):
    """What requires a gradient gets one, or is refused with the cure."""
    given = dict(enumerate(case.arguments())) | case.options("mean")
    given |= {i: ml.Tensor(given[i]) for i in case.wrt}
    for key, x in given.items():
        if not hasattr(x, "dtype") or x.dtype.kind != "f":
            continue
        t = ml.Tensor(values_of(x), requires_grad=True)
        named = given | {key: t}
        args = [named.pop(i) for i in range(len(case.arguments()))]
        try:
            value = case.loss(*args, **named)
        except TypeError as error:
            assert ".data" in str(error) and key not in case.wrt
        else:
            assert ml.grad(value, t)[0].shape == t.shape


@all_cases
@pytest.mark.parametrize("foreign", [np.ma.MaskedArray, np.matrix])
def test_subclasses_that_compute_otherwise_are_refused(case, foreign):
    wrapped = case.loss is not losses.LOSSES[case.loss.__name__]
    given = dict(enumerate(case.arguments())) | case.options("mean")
    for key, x in given.items():
        if isinstance(x, np.ndarray) and x.ndim == 2 and not (wrapped and key in case.wrt):
            named = given | {key: x.view(foreign)}
            args = [named.pop(i) for i in range(len(case.arguments()))]
            with pytest.raises(TypeError, match="not a plain NumPy array"):
                case.loss(*args, **named)


@pytest.mark.parametrize("case", [c for c in CASES if c.reductions], ids=lambda case: case.id)
def test_reduction_is_checked_and_by_keyword(case):
    args = case.arguments()
    with pytest.raises(ValueError, match="reduction"):
        case.loss(*args, **case.kwargs, reduction="average")
    with pytest.raises(TypeError):
        case.loss(*args, *[None] * 6, "sum")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", EXTREMES, ids=lambda case: case.id)
def test_extremes(case, dtype):
    has_reduction = "reduction" in inspect.signature(case.loss).parameters
    options = case.kwargs | ({"reduction": "sum"} if has_reduction else {})
    value, gradients = evaluate(case.loss, case.args, case.wrt, options, dtype)
    if case.value is not None:
        rtol = 1e-5 if dtype == np.float32 else 1e-10
        np.testing.assert_allclose(value.data, case.value, rtol=rtol)
    if case.value is None or np.isfinite(case.value):
        assert np.isfinite(value.data).all()
        assert all(np.isfinite(g).all() for g in gradients)
    for mine, expected in zip(gradients, case.gradients or ()):
        np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.id)
def test_errors(case):
    with pytest.raises(case.error) as caught:
        case.loss(*case.args, **case.kwargs)
    for word in case.words:
        assert word in str(caught.value)


# What the package exports beside losses; everything else must be in the catalogue.
HELPERS = {
    "LOSSES", "batch_hard_triplets", "ctc_beam_search", "ctc_greedy_decode", "self_paced_weights",
    "semi_hard_triplets", "soft_threshold",
}  # fmt: skip


def test_every_loss_has_cases_extremes_and_errors():
    for kind in (CASES, EXTREMES, ERRORS):
        missing = set(losses.LOSSES) - {case.loss.__name__ for case in kind}
        assert not missing


def test_what_is_exported_is_in_the_catalogue():
    assert set(losses.__all__) == set(losses.LOSSES) | HELPERS
    assert all(hasattr(losses, name) for name in losses.__all__)


def test_case_names_are_unique():
    names = [case.id for case in CASES]
    assert len(names) == len(set(names))


def test_the_oracle_covers_the_cases():
    wanted = {case.id for case in WITH_TORCH}
    assert set(KEPT) == wanted, "run `python tests/losses/update.py`"
