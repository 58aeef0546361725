"""The smooth functions of machine learning that NumPy lacks, stable at any size of input.

Each takes arrays or Tensors and gives the same kind back. Exponentials only ever see numbers
below 0, so nothing overflows; what underflows to 0 is meant to.
"""

import math
from typing import Any, TypeVar

import numpy as np

from .engine.arguments import real
from .engine.linalg import p_norm
from .engine.rules import primitive, unreduce
from .engine.tensor import Tensor
from .pytorch_names import no_attribute

__all__ = [
    "cosine_similarity", "dropout", "elu", "erf", "gelu", "leaky_relu", "linear", "log1mexp",
    "log_sigmoid", "log_softmax", "logsumexp", "norm", "one_hot", "pairwise_distance", "relu",
    "sigmoid", "silu", "softmax", "softplus", "xlogy",
]  # fmt: skip

Array = TypeVar("Array", np.ndarray, Tensor)  # the same kind comes back
Operand = np.ndarray | Tensor
to_zero = np.errstate(under="ignore")


def floats(x):
    """x as floats: integers, booleans and lists become float64, as in a Tensor."""
    if type(x) is np.ndarray and x.dtype.kind == "f":
        return x
    if not isinstance(x, np.ndarray) and hasattr(x, "__array_ufunc__"):  # a Tensor
        return x
    x = real(x, "an argument of microloss.functional")
    return x if x.dtype.kind == "f" else x.astype(np.float64)


# An array of the right precision spares NumPy the conversion of a Python number in every call.
ZERO = {np.dtype(t): np.zeros((), t) for t in (np.float16, np.float32, np.float64, np.longdouble)}

# ---- activations ---------------------------------------------------------------------------------


@primitive(lambda g, y, x: g * np.sign(y))  # the sign of y is 0 or 1, and cheaper than y > 0
def relu(x: Array) -> Array:
    """max(0, x), elementwise; the derivative at 0 is 0.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    if type(x) is not np.ndarray or x.dtype not in ZERO:
        x = floats(x)
    return np.maximum(x, ZERO[x.dtype])


@primitive(lambda g, y, x, *, negative_slope=0.01: np.where(x > 0, g, negative_slope * g))
def leaky_relu(x: Array, *, negative_slope: float = 0.01) -> Array:
    """x above 0, negative_slope * x below, elementwise; at 0 the slope is negative_slope.

    >>> leaky_relu(np.array([-1.0, 2.0]), negative_slope=0.1)
    array([-0.1,  2. ])
    """
    x = floats(x)
    return np.where(x > 0, x, negative_slope * x)


@primitive(lambda g, y, x, *, alpha=1.0: np.where(x > 0, g, g * (y + alpha)))
def elu(x: Array, *, alpha: float = 1.0) -> Array:
    """x above 0, alpha (e^x - 1) below, elementwise (Clevert, Unterthiner, Hochreiter 2016).

    >>> elu(np.array([-1e4, 2.0]))
    array([-1.,  2.])
    """
    x = floats(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@primitive(lambda g, y, x: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x))
def erf(x: Array) -> Array:
    """The error function 2/sqrt(pi) * integral of e^(-t^2) from 0 to x, elementwise.

    >>> erf(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.8427])
    """
    x = floats(x)
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), np.result_type(x, np.float16))


def gelu(x: Array, *, approximate: str = "none") -> Array:
    """x times the probability that a standard normal is below x (Hendrycks, Gimpel 2016).

    Formula: x (1 + erf(x / sqrt 2)) / 2; with approximate="tanh",
    x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, which is faster.

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    x = floats(x)
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    if approximate != "none":
        raise ValueError(f'gelu: approximate is "none" or "tanh", got {approximate!r}')
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


@primitive(lambda g, y, x: g * y * (1 - y))
@to_zero
def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), elementwise.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    x = floats(x)
    e = np.exp(-np.abs(x))
    return np.maximum(e, np.greater_equal(x, 0)) / (1 + e)  # 1 / (1 + e) where x >= 0


def silu(x: Array) -> Array:
    """x sigmoid(x), elementwise; also called swish (Elfwing, Uchibe, Doya 2018).

    >>> silu(np.array([-1e4, 0.0, 1e4]))
    array([   -0.,     0., 10000.])
    """
    x = floats(x)
    return x * sigmoid(x)


@primitive(lambda g, y, x: g * sigmoid(x))
@to_zero
def softplus(x: Array) -> Array:
    """log(1 + e^x), elementwise: a smooth relu.

    Stable form: max(x, 0) + log(1 + e^-|x|).

    >>> softplus(np.array([-1e4, 0.0, 1e4])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04])
    """
    x = floats(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_sigmoid(x: Array) -> Array:
    """log(1 / (1 + e^-x)) = -softplus(-x), elementwise.

    >>> log_sigmoid(np.array([-1e4, 0.0])).round(4)
    array([-1.000e+04, -6.931e-01])
    """
    x = floats(x)
    return -softplus(np.negative(x))


# ---- normalising exponentials --------------------------------------------------------------------


@primitive(
    lambda g, y, x, *, axis=None, keepdims=False: (
        unreduce(g, x, axis) * np.exp(x - unreduce(np.where(y == -np.inf, 0, y), x, axis))
    )
)
@to_zero
def logsumexp(x: Array, *, axis=None, keepdims: bool = False) -> Array:
    """log(sum(e^x)) over `axis`: a smooth maximum; -inf where all elements are -inf.

    >>> logsumexp(np.array([1e4, 1e4])).round(4)
    np.float64(10000.6931)
    """
    x = floats(x)
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis)


@primitive(lambda g, y, x, *, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)))
@to_zero
def softmax(x: Array, *, axis=-1) -> Array:
    """e^x / sum(e^x) over `axis`: positive numbers that sum to 1.

    >>> softmax(np.array([1e4, 1e4, -1e4]))
    array([0.5, 0.5, 0. ])
    """
    x = floats(x)
    if not x.size:
        return x.copy()
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@primitive(lambda g, y, x, *, axis=-1: g - np.exp(y) * g.sum(axis=axis, keepdims=True))
@to_zero
def log_softmax(x: Array, *, axis=-1) -> Array:
    """log(softmax(x)) over `axis`, without the logarithm of a rounded 0.

    >>> log_softmax(np.array([0.0, -1e4]))
    array([     0., -10000.])
    """
    x = floats(x)
    if not x.size:
        return x.copy()
    shifted = x - np.maximum.reduce(x, axis, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis, keepdims=True))


@primitive(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
def dot(a: Operand, b: Operand) -> Any:
    """The sum of a * b over all elements of two arrays of one shape, without the array a * b.

    >>> dot(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    np.float64(11.0)
    """
    a, b = floats(a), floats(b)
    if a.shape != b.shape:
        raise ValueError(
            f"dot: a has shape {a.shape} and b has shape {b.shape}; give both one shape"
        )
    return np.vdot(a, b)


def xlogy(x: Operand, y: Operand) -> Any:
    """x log(y), elementwise, and 0 where x is 0 even if y is 0; the gradient is finite there.

    >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    array([0., 0.])
    """
    x, y = floats(x), floats(y)
    return x * np.log(np.where(np.equal(x, 0) & np.less_equal(y, 0), 1, y))


@primitive(lambda g, y, x: g * np.exp(x) / np.expm1(x))
@to_zero
def log1mexp(x: Array) -> Array:
    """log(1 - e^x) for x < 0, elementwise; -inf at 0 (Maechler 2012).

    Near 0 through expm1, far below through log1p: each loses the digits that the other keeps.

    >>> log1mexp(np.array([-1e-20, -50.0])).round(3)
    array([-46.052,  -0.   ])
    """
    x = floats(x)
    near = np.maximum(x, -math.log(2))
    far = np.minimum(x, -math.log(2))
    with np.errstate(divide="ignore"):
        return np.where(x > -math.log(2), np.log(-np.expm1(near)), np.log1p(-np.exp(far)))


# ---- distances -----------------------------------------------------------------------------------


def norm(x: Array, p: float = 2, *, axis=None, keepdims: bool = False) -> Array:
    """The p-norm (sum |x|^p)^(1/p) over `axis`, p >= 1 or infinity; its gradient at 0 is 0.

    >>> norm(np.array([3.0, -4.0])), norm(np.array([3.0, -4.0]), np.inf)
    (np.float64(5.0), np.float64(4.0))
    """
    x = floats(x)
    if p == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if not p >= 1:
        raise ValueError(f"norm: p must be at least 1, got {p!r}")
    return p_norm(x, p=p, axis=axis, keepdims=keepdims)


def pairwise_distance(
    x1: Operand, x2: Operand, p: float = 2.0, *, eps: float = 1e-6, keepdims: bool = False
) -> Any:
    """The p-norm of x1 - x2 + eps over the last axis, as PyTorch defines it.

    eps is added to each component of the difference, so the distance of equal vectors is not 0.

    >>> pairwise_distance(np.array([0.0, 0.0]), np.array([3.0, 4.0]), eps=0.0)
    np.float64(5.0)
    """
    x1, x2 = floats(x1), floats(x2)
    return norm(x1 - x2 + eps, p, axis=-1, keepdims=keepdims)


@to_zero
def cosine_similarity(x1: Operand, x2: Operand, *, axis: int = 1, eps: float = 1e-8) -> Any:
    """x1 . x2 / (|x1| |x2|) over `axis`; norms below eps count as eps, so 0 is similar to nothing.

    >>> cosine_similarity(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])).round(4)
    array([0.7071])
    """
    x1, x2 = floats(x1), floats(x2)
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = (x if x.shape == shape else np.broadcast_to(x, shape) for x in (x1, x2))
    length1, length2 = norm(x1, axis=axis), norm(x2, axis=axis)
    return np.sum(x1 * x2, axis=axis) / (np.maximum(length1, eps) * np.maximum(length2, eps))


# ---- layers --------------------------------------------------------------------------------------


def rows(a):
    """All leading axes as one."""
    return np.reshape(a, (-1, np.shape(a)[-1]))


@primitive(  # .dot: for small matrices it takes half the time of @
    lambda g, y, x, weight, bias=None: g.dot(weight),
    lambda g, y, x, weight, bias=None: g.T.dot(x) if g.ndim == 2 else rows(g).T.dot(rows(x)),
    lambda g, y, x, weight, bias=None: np.add.reduce(g if g.ndim == 2 else rows(g)),
)
def linear(x: Operand, weight: Operand, bias: Operand | None = None) -> Any:
    """x W^T + b. Shapes: x (..., in), weight (out, in), bias (out,), result (..., out).

    One operation, so a third of the nodes of a transpose, a product and a sum.

    >>> linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0]]), np.array([0.5]))
    array([11.5])
    """
    try:
        y = x.dot(weight.T)
        dtype = y.dtype
        if dtype in ZERO and weight.ndim == 2:
            if bias is None:
                return y
            if bias.dtype is dtype and bias.shape == weight.shape[:1]:
                y += bias
                return y
    except (AttributeError, ValueError):
        pass
    return careful_linear(floats(x), floats(weight), bias)


def careful_linear(x, weight, bias):
    """linear() of lists, integers and mixed precision, and its errors."""
    if weight.ndim != 2:
        raise ValueError(f"linear: weight must have shape (out, in), got {weight.shape}")
    if x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x has shape {x.shape}, its last axis must be {weight.shape[1]} long for a "
            f"weight of shape {weight.shape}"
        )
    y = x @ weight.T
    if bias is None:
        return y
    bias = floats(bias)
    if bias.shape != weight.shape[:1]:  # another shape would be broadcast
        raise ValueError(f"linear: bias has shape {bias.shape}, it must be {weight.shape[:1]}")
    return y + bias


def one_hot(labels, num_classes: int | None = None, *, dtype=np.float64) -> np.ndarray:
    """A row of zeros with a 1 at the label, for each integer label: shape labels.shape + (C,).

    num_classes : C; the largest label + 1 if not given.

    >>> one_hot([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"one_hot: labels must be integers, got dtype {labels.dtype}")
    classes = num_classes
    if classes is None:
        classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"one_hot: labels from {labels.min()} to {labels.max()} do not fit {classes} classes"
        )
    return onehot(labels, classes=classes).astype(dtype)


@primitive(None)
def onehot(labels, *, classes):
    """one_hot of labels that were checked, as booleans."""
    return labels[..., None] == np.arange(classes)


def dropout(
    x: Array, p: float = 0.5, *, rng: "np.random.Generator | None" = None, training: bool = True
) -> Array:
    """Zero each element with probability p and divide the others by 1 - p (Srivastava et al. 2014).

    The expectation stays x. Outside of training, x itself.

    >>> dropout(np.ones(6), 0.5, rng=np.random.default_rng(0))
    array([2., 0., 0., 0., 2., 2.])
    """
    x = floats(x)
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p must be in [0, 1), got {p!r}")
    if not training or p == 0:
        return x
    if rng is None:
        raise ValueError("dropout: pass rng=np.random.default_rng(seed), so that runs can repeat")
    keep = rng.random(np.shape(x)) >= p
    return x * (keep / (1 - p)).astype(x.dtype)


def __getattr__(name):
    raise no_attribute("microloss.functional", name)
