"""What counts as a list of parameters."""

import pytest

from microloss import Tensor, nn
from microloss.parameters import parameter_list


def test_one_tensor_a_list_and_a_generator_are_lists():
    w, b = Tensor([1.0, 2.0], requires_grad=True), Tensor(3.0)
    assert [id(p) for p in parameter_list(w)] == [id(w)]
    assert [id(p) for p in parameter_list((w, b))] == [id(w), id(b)]
    assert [id(p) for p in parameter_list(p for p in [b, w])] == [id(b), id(w)]


@pytest.mark.parametrize(
    "given, error, message",
    [
        (lambda w: [w * 0.1], ValueError, r"weights\[0\] was computed by multiply"),
        (lambda w: w * 0.1, ValueError, r"weights\[0\] was computed by multiply"),
        (lambda w: [w, 2.0], TypeError, r"weights\[1\] must be a Tensor, got 2.0"),
        (lambda w: [w, [w]], TypeError, r"weights\[1\] must be a Tensor"),
        (lambda w: {"w": w}, TypeError, r"weights\[0\] must be a Tensor, got 'w'"),
        (lambda w: w.data, TypeError, r"weights\[0\] must be a Tensor"),
        (lambda w: [], ValueError, "weights is empty"),
        (lambda w: 3, TypeError, "weights must be a Tensor or a list of Tensors, got 3"),
        (lambda w: nn.Linear(2, 1, rng=0), TypeError, r"weights is a Linear: pass its .parameters"),
    ],
)
def test_everything_else_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        parameter_list(given(Tensor([1.0, 2.0], requires_grad=True)), "weights")
