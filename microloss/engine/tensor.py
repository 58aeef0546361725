"""Tensor: a NumPy array that remembers how it was made.

NumPy is the API. `np.exp(t)`, `t * 2` and `t.sum(axis=0)` all end in `record`, which runs the
NumPy function on the arrays and keeps the function and its arguments. NumPy hands its own calls
over through two protocols: `__array_ufunc__` for ufuncs, `__array_function__` for the rest.
"""

import inspect
import itertools
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Never

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..pytorch_names import PYTORCH, hint
from . import modes, rules
from .arguments import arrange, is_arranged, no_rule, numpy_parameters, real, refuse
from .compositions import COMPOSED, PLAIN
from .modes import mode, watch
from .rules import RULES, NotSupported, check_constants, getitem, primitive

__all__ = ["Tensor"]

# Every Tensor gets the next number, so whatever it was made of has a smaller one: numbers sort a
# graph. New data renews the number, so an operand younger than its result was changed after use.
clock = itertools.count()
NO_OPTIONS: dict[str, Any] = {}
new = object.__new__
ndarray = np.ndarray

Axis = int | tuple[int, ...] | None


# ---- operators -----------------------------------------------------------------------------------

# NumPy's mixin of operators would send each one through __array_ufunc__, at almost twice the cost.


def arithmetic(ufunc: np.ufunc) -> tuple[Callable[["Tensor", Any], "Tensor"], ...]:
    """The methods for `t + x`, `x + t` and `t += x`, from the ufunc of the operator."""

    def forward(self, other):
        return record(ufunc, (self, other if type(other) in OPERANDS else operand(other)))

    def reflected(self, other):
        return record(ufunc, (operand(other), self))

    def in_place(self, other):
        if self.is_leaf and self.requires_grad:
            if mode.recording:
                raise RuntimeError(
                    f"in-place {ufunc.__name__} on a leaf that requires grad would lose the leaf: "
                    "write y = x + ... for a new Tensor, or x.data = ... to change values"
                )
            self.data = ufunc(self._array, values_of(operand(other)))
            return self
        return forward(self, other)

    return forward, reflected, in_place


def comparison(compare: Callable) -> Callable[["Tensor", Any], Any]:
    """The method of an operator that has no derivative and returns a plain array."""

    def method(self, other):
        other = values_of(other)
        return compare(self._array, other if type(other) in OPERANDS else operand(other))

    return method


def equality(compare: Callable) -> Callable[["Tensor", object], Any]:
    """The method for == or !=, elementwise; nothing equals what is not a number, as in NumPy."""

    def method(self, other):
        other = values_of(other)
        if isinstance(other, ndarray):
            other = operand(other)
        return compare(self._array, other)

    return method


def method(function: Callable) -> Callable[..., "Tensor"]:
    """np.function(t, ...) as the method t.function(...)."""
    name = function.__name__

    def call(self, *args, **options):
        for option in options:
            if option not in numpy_parameters(function):
                raise unexpected(name, option)
        return function(self, *args, **options)

    call.__name__, call.__qualname__ = name, f"Tensor.{name}"
    call.__doc__ = f"np.{name}(self, ...)"
    return call


def array_method(function: Callable) -> Callable[..., Any]:
    """method() of a function without a derivative, which returns plain arrays."""
    return method(function)


def unexpected(name, option, *others):
    """The error for an option that a method does not have."""
    return TypeError(f"{name}() has no option {option}={hint(option + '=')}")


class Tensor:
    """An array of floats that records operations, so that its gradient can be computed.

    Parameters
    ----------
    data : numbers, nested lists or an array, copied. Floats keep their precision, integers and
        booleans become float64; strings, objects and complex numbers raise TypeError.
    requires_grad : whether `backward()` should collect the derivative with respect to this Tensor.
    dtype : a floating dtype to convert to.

    Attributes: `data` (the array), `grad` (a plain array, or None before `backward()`),
    `requires_grad`, `is_leaf`, `op` (name of the operation that made it), and NumPy's `shape`,
    `ndim`, `size`, `dtype`, `T`, `mT`.

    Arrays used beside Tensors are not copied: do not change them between forward and backward.
    A leaf can be copied and pickled; the copy has values and a gradient of its own.

    >>> import numpy as np
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = np.sum(x**2) + 1
    >>> y
    Tensor(15., op='add')
    >>> y.backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = (
        "__weakref__", "_args", "_array", "_fn", "_keeps_grad", "_kwargs", "_lost", "_number",
        "_values", "grad", "requires_grad",
    )  # fmt: skip

    _array: np.ndarray  # the values
    _number: int  # from the clock
    _fn: Callable | None  # the operation that made it; None for a leaf
    _args: tuple | None  # its arguments, and the same with arrays in place of Tensors
    _values: tuple | None
    _kwargs: dict[str, Any]  # its options
    _lost: str | None  # why the arguments are gone, once they are
    _keeps_grad: bool
    grad: Any  # an array, a Tensor after backward(create_graph=True), or None
    requires_grad: bool

    def __init__(
        self, data: ArrayLike, requires_grad: bool = False, *, dtype: DTypeLike | None = None
    ):
        if isinstance(data, Tensor):
            raise TypeError("Tensor(data): data is a Tensor already; use it, or data.detach()")
        array = real(data, "Tensor(data): data")
        if dtype is None:
            dtype = array.dtype if array.dtype.kind == "f" else np.float64
        elif np.dtype(dtype).kind != "f":
            raise TypeError(f"Tensor(dtype=...): a floating dtype is needed, got {dtype!r}")
        self._array = np.array(array, dtype)
        self.grad = None
        self.requires_grad = requires_grad
        self._fn = self._args = self._values = self._lost = None
        self._kwargs = NO_OPTIONS
        self._number = next(clock)
        self._keeps_grad = False

    # ---- what it is ------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """The values. Assigning (`p.data -= lr * p.grad`) changes them without being recorded.

        A graph that used the old values refuses to run backward. Writing to elements
        (`p.data[0] = 1`) is noticed inside of detect_anomaly() only: assign the whole array.
        """
        if self._array.base is not None:  # a view, as of reshape: what is written must stay here
            self._array = self._array.copy()
        return self._array

    @data.setter
    def data(self, values: ArrayLike) -> None:
        if values is not self._array:
            values = np.array(real(values, "data"), self._array.dtype)  # in-place steps follow
            if values.shape != self._array.shape:
                raise ValueError(f"data: shape {self.shape} cannot become {values.shape}")
            self._array = values
        self._number = next(clock)
        if self._fn is not None:
            self.forget("its data was changed")

    def forget(self, why: str) -> None:
        """Drop the arguments of the operation that made this Tensor; the walk will tell why."""
        self._args = self._values = None
        self._lost = why

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def dtype(self) -> np.dtype:
        return self._array.dtype

    @property
    def T(self) -> "Tensor":
        return record(np.transpose, (self,))

    @property
    def mT(self) -> "Tensor":
        return record(np.swapaxes, (self, -1, -2))

    @property
    def is_leaf(self) -> bool:
        """Whether no operation made it."""
        return self._fn is None

    @property
    def op(self) -> str | None:
        """Name of the operation that made this Tensor, or None for a leaf."""
        return None if self._fn is None else self._fn.__name__

    def __repr__(self) -> str:
        text = np.array2string(self._array, prefix="Tensor(", separator=", ")
        if self._array.dtype != np.float64:
            text += f", dtype={self._array.dtype}"
        if self._fn is not None:
            text += f", op={self.op!r}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"Tensor({text})"

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator["Tensor"]:
        if self.ndim == 0:
            raise TypeError("a Tensor of shape () has no elements to iterate over")
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__  # identity: == compares elements

    def __bool__(self) -> bool:
        return bool(self._array)

    def __float__(self) -> float:
        if self.requires_grad and mode.recording:
            raise TypeError(
                "float(t), math functions and array[i] = t would cut the Tensor from its graph: "
                "use t.item() for the number, NumPy functions to go on computing"
            )
        return float(self._array)

    def __int__(self) -> int:
        return int(float(self))

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.size == 1 else self._array, spec) if spec else str(self)

    def item(self) -> float:
        """The value of a one-element Tensor as a Python float, free of the graph."""
        return self._array.item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self._array.tolist()

    # ---- copies ----------------------------------------------------------------------------------

    def detach(self) -> "Tensor":
        """A constant Tensor with a copy of these values, outside of the graph."""
        return Tensor(self._array)

    def __getstate__(self) -> object:
        if self._fn is not None:
            raise TypeError(
                f"only leaves can be copied and pickled, this Tensor was computed by {self.op}: "
                "use the Tensor itself, or t.detach() for a constant with its values"
            )
        return object.__getstate__(self)

    def __setstate__(self, state: Any) -> None:
        for attributes in filter(None, state):
            for name, value in attributes.items():
                setattr(self, name, value.copy() if isinstance(value, ndarray) else value)
        self._number = next(clock)  # numbers of another process, or of the original, mean nothing

    # ---- backward --------------------------------------------------------------------------------

    def retain_grad(self) -> None:
        """Let `backward()` leave the gradient of this intermediate result in `.grad` too."""
        self._keeps_grad = True

    if TYPE_CHECKING:  # defined in grad.py, beside the walk that it starts

        def backward(
            self,
            gradient: "ArrayLike | Tensor | None" = None,
            retain_graph: bool = False,
            create_graph: bool | None = None,
        ) -> None: ...

    # ---- NumPy's protocols -----------------------------------------------------------------------

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad and mode.recording:
            raise TypeError(
                "a Tensor does not turn into an array silently, that would cut it from its graph: "
                "use t.data (or t.detach()) for the values, np.stack([...]) for a list of Tensors"
            )
        if copy is False:
            raise ValueError("a Tensor becomes an array by a copy: use t.data for its own array")
        return np.array(self._array, dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "outer" and not kwargs:
            a, b = map(operand, inputs)
            return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)
        if method == "reduce" and ufunc in REDUCTIONS:
            kwargs = {"axis": 0} | kwargs
            return self.__array_function__(REDUCTIONS[ufunc], None, inputs, kwargs)
        if method != "__call__":
            raise TypeError(f"np.{ufunc.__name__}.{method} has no derivative rule for Tensors")
        if kwargs:
            refuse(ufunc, next(iter(kwargs)), ())
        if ufunc in RULES:
            return record(ufunc, tuple(map(operand, inputs)))
        if ufunc in COMPOSED:
            return COMPOSED[ufunc](*map(operand, inputs))
        if ufunc in PLAIN:
            return ufunc(*map(values_of, inputs))
        if ufunc.__name__ == "clip":  # array.clip(0, t)
            return np.clip(*inputs)
        raise no_rule(ufunc)

    def __array_function__(self, func: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        if func is np.where and len(args) == 1:
            func = np.nonzero  # NumPy's other meaning of where
        if func in RULES:
            if not is_arranged(func, args, kwargs):
                args, kwargs = arrange(func, args, kwargs)
            check_constants(func, args)
            return record(func, args, kwargs)
        if func in COMPOSED:
            return compose(func, args, kwargs)
        if func in PLAIN:
            return plain(func, args, kwargs)
        try:
            result = plain(func, args, kwargs)
        except Exception:
            result = None
        raise no_rule(func, args, result)

    # ---- operators -------------------------------------------------------------------------------

    __add__, __radd__, __iadd__ = arithmetic(np.add)
    __sub__, __rsub__, __isub__ = arithmetic(np.subtract)
    __mul__, __rmul__, __imul__ = arithmetic(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = arithmetic(np.divide)
    __matmul__, __rmatmul__, __imatmul__ = arithmetic(np.matmul)
    __mod__, __rmod__, __imod__ = arithmetic(np.remainder)
    _power, __rpow__, __ipow__ = arithmetic(np.power)

    def __pow__(self, p: Any) -> "Tensor":
        if type(p) in (int, float) and p == 2:
            return record(np.square, (self,))
        return self._power(p)

    def __neg__(self) -> "Tensor":
        return record(np.negative, (self,))

    def __pos__(self) -> "Tensor":
        return record(np.positive, (self,))

    def __abs__(self) -> "Tensor":
        return record(np.absolute, (self,))

    __eq__ = equality(operator.eq)
    __ne__ = equality(operator.ne)
    __lt__ = comparison(np.less)
    __le__ = comparison(np.less_equal)
    __gt__ = comparison(np.greater)
    __ge__ = comparison(np.greater_equal)
    __floordiv__ = comparison(np.floor_divide)
    __rfloordiv__ = comparison(lambda x, other: np.floor_divide(other, x))

    # ---- indexing --------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> "Tensor":
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, Tensor):
                raise TypeError(
                    "an index must be integers or a mask, and Tensors hold floats: keep indices "
                    "and labels as NumPy integer arrays"
                )
        return record(GETITEM, (self,), {"index": index})

    def __setitem__(self, index: Any, value: Any) -> Never:
        raise TypeError(
            "Tensors are not assigned into, because the old values may be needed for a gradient: "
            "use np.where(mask, a, b), or assign new .data"
        )

    # ---- methods that ndarray has ----------------------------------------------------------------

    def sum(self, axis: Axis = None, keepdims: bool = False, **unknown: Never) -> "Tensor":
        if unknown:
            raise unexpected("sum", *unknown)
        return record(np.sum, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.sum)

    def mean(self, axis: Axis = None, keepdims: bool = False, **unknown: Never) -> "Tensor":
        if unknown:
            raise unexpected("mean", *unknown)
        return record(np.mean, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.mean)

    def max(self, axis: Axis = None, keepdims: bool = False, **unknown: Never) -> "Tensor":
        if unknown:
            raise unexpected("max", *unknown)
        return record(np.max, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.max)

    def min(self, axis: Axis = None, keepdims: bool = False, **unknown: Never) -> "Tensor":
        if unknown:
            raise unexpected("min", *unknown)
        return record(np.min, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.min)

    def var(self, axis: Axis = None, *unnamed: Never, **options: Any) -> "Tensor":
        """np.var(self, axis, ddof=0, keepdims=False)"""
        if unnamed:
            raise TypeError("var: name the options after axis: t.var(0, ddof=1, keepdims=True)")
        return self._var(axis, **options)

    def std(self, axis: Axis = None, *unnamed: Never, **options: Any) -> "Tensor":
        """np.std(self, axis, ddof=0, keepdims=False)"""
        if unnamed:
            raise TypeError("std: name the options after axis: t.std(0, ddof=1, keepdims=True)")
        return self._std(axis, **options)

    _var, _std = method(np.var), method(np.std)
    prod, cumsum, trace = method(np.prod), method(np.cumsum), method(np.trace)
    ravel, swapaxes, squeeze = method(np.ravel), method(np.swapaxes), method(np.squeeze)
    repeat, take, diagonal = method(np.repeat), method(np.take), method(np.diagonal)
    clip, copy = method(np.clip), method(np.copy)
    argmax, argmin = array_method(np.argmax), array_method(np.argmin)
    argsort = array_method(np.argsort)
    round, nonzero = array_method(np.round), array_method(np.nonzero)

    def dot(self, other: Any) -> "Tensor":
        """np.dot(self, other)"""
        if self.ndim in (1, 2) and np.ndim(other) in (1, 2):
            return self @ other
        return np.dot(self, other)

    def reshape(self, *shape: Any) -> "Tensor":
        return record(np.reshape, (self, shape[0] if len(shape) == 1 else shape))

    def transpose(self, *axes: Any) -> "Tensor":
        return record(np.transpose, (self,), {"axes": axes[0] if len(axes) == 1 else axes or None})

    def flatten(self) -> "Tensor":
        return self.reshape(-1)

    def all(self, axis: Axis = None) -> Any:
        return np.all(self._array, axis=axis)

    def any(self, axis: Axis = None) -> Any:
        return np.any(self._array, axis=axis)

    def astype(self, dtype: DTypeLike) -> "Tensor":
        """The same values in another precision; the gradient comes back in this one."""
        return astype(self, dtype=dtype)


def record(fn, args, kwargs=NO_OPTIONS, run=None) -> Any:
    """Run fn on the arrays behind `args`; remember the call if a gradient may be asked for.

    Without any Tensor among the args, the result is that of fn.
    run : a faster way to the result of fn, such as an ndarray method without np.sum's detour.
    """
    tracked = None
    values = []
    for arg in args:
        if isinstance(arg, Tensor):
            values.append(arg._array)
            tracked = tracked or arg.requires_grad
        else:
            values.append(arg)
    for name in kwargs:
        if isinstance(kwargs[name], Tensor):
            raise TypeError(
                f"{fn.__name__}: the Tensor in {name}= would get no gradient; pass it by position, "
                f"or {name}=t.data if it is a constant"
            )
    if tracked is None:
        return fn(*args, **kwargs)
    data = (run or fn)(*values, **kwargs)
    if type(data) is not ndarray:
        if isinstance(data, tuple | list):
            raise TypeError(f"{fn.__name__} returned {len(data)} results; an operation has one")
        data = np.asarray(data)
    if data.dtype.kind != "f":
        raise TypeError(f"{fn.__name__}: Tensors hold real floats, this gives {data.dtype}")
    out = new(Tensor)
    out._array = data
    out.grad = None
    out._number = next(clock)
    out._keeps_grad = False
    out._lost = None
    if tracked and (not modes.blocks or mode.recording):
        out.requires_grad = True
        out._fn = fn
        out._args = args
        out._values = tuple(values)
        out._kwargs = kwargs
    else:
        if data.base is not None or any(data is v for v in values):
            out._array = data.copy()  # no graph would notice that what it is a view of has changed
        out.requires_grad = False
        out._fn = out._args = out._values = None
        out._kwargs = NO_OPTIONS
    if modes.blocks and mode.origins is not None:
        watch(out, fn, values)
    return out


rules.dispatch = record


def compose(fn, args, kwargs):
    """Compute fn by its formula. What NumPy itself refuses is refused in NumPy's words."""
    arranged, options = arrange(fn, args, kwargs)
    try:
        return COMPOSED[fn](*arranged, **options)
    except NotSupported:
        raise
    except Exception:
        try:
            plain(fn, args, kwargs)
        except Exception as error:
            raise error from None
        raise


def plain(fn, args, kwargs):
    """fn of the arrays behind the Tensors."""
    return fn(*map(values_of, args), **{name: values_of(x) for name, x in kwargs.items()})


def values_of(x):
    """The array behind a Tensor, also inside of lists and tuples; anything else as it is."""
    if isinstance(x, Tensor):
        return x._array
    return type(x)(map(values_of, x)) if type(x) in (list, tuple) else x


def operand(x):
    """An operand of arithmetic: a Tensor, a number or an array of numbers."""
    if type(x) is ndarray or isinstance(x, Tensor | float | int):
        return x
    return real(x, "the operand of a Tensor")


OPERANDS = {Tensor, ndarray, float, int}
GETITEM = inspect.unwrap(getitem)
REDUCTIONS = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}


@primitive(lambda g, y, a, *, dtype: g)  # the walk gives a gradient its argument's precision
def astype(a, *, dtype):
    return a.astype(dtype)


class Missing:
    """Stands for a name that a Tensor does not have, and tells what to use instead.

    A `__getattr__` would slow every access to any attribute.
    """

    def __init__(self, error: str):
        self.error = error

    def __get__(self, tensor, owner):
        raise AttributeError(self.error)


def tell_what_to_use():
    cures = {name: f"; use np.{name}(t)" for name, f in vars(np).items() if has_derivative(f)}
    for names, *_ in PYTORCH["Tensor methods"]:
        cures |= {name: hint(name) for name in names.split()}
    for name, cure in cures.items():
        if name not in vars(Tensor):
            setattr(Tensor, name, Missing(f"Tensor has no attribute {name!r}{cure}"))


def has_derivative(f):
    return callable(f) and f.__hash__ is not None and (f in RULES or f in COMPOSED)


tell_what_to_use()
