"""Tensor: a NumPy array that remembers how it was made.

NumPy is the API.  `np.exp(t)`, `t * 2` and `t.sum(axis=0)` all end in `record`, which runs the
NumPy function on the arrays and keeps the function and its arguments.  NumPy hands its own calls
over through two protocols: `__array_ufunc__` for ufuncs, `__array_function__` for the rest.
"""

import itertools

import numpy as np

from . import modes, rules
from .arguments import arrange, no_rule, real, refuse
from .compositions import COMPOSED, PLAIN
from .modes import mode, watch
from .rules import RULES, NotSupported, check_constants, primitive

__all__ = ["Tensor"]

# Every Tensor gets the next number, so whatever it was made of has a smaller one: numbers sort a
# graph.  New data renews the number, so an operand younger than its result was changed after use.
clock = itertools.count()
NO_OPTIONS = {}
new = object.__new__
ndarray = np.ndarray


class Tensor:
    """An array of floats that records operations, so that its gradient can be computed.

    Parameters
    ----------
    data : numbers, nested lists or an array, copied.  Floats keep their precision, integers and
        booleans become float64; strings, objects and complex numbers raise TypeError.
    requires_grad : whether `backward()` shall collect the derivative with respect to this Tensor.
    dtype : a floating dtype to convert to.

    Attributes: `data` (the array), `grad` (a plain array, or None before `backward()`),
    `requires_grad`, `is_leaf`, `op` (name of the operation that made it), and NumPy's `shape`,
    `ndim`, `size`, `dtype`, `T`, `mT`.

    Arrays used beside Tensors are not copied: do not change them between forward and backward.

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
        "__weakref__", "_args", "_data", "_fn", "_keeps_grad", "_kwargs", "_number", "_values",
        "grad", "requires_grad",
    )  # fmt: skip

    def __init__(self, data, requires_grad: bool = False, *, dtype=None):
        if isinstance(data, Tensor):
            raise TypeError("Tensor(data): data is a Tensor already; use it, or data.detach()")
        array = real(data, "Tensor(data): data")
        if dtype is None:
            dtype = array.dtype if array.dtype.kind == "f" else np.float64
        elif np.dtype(dtype).kind != "f":
            raise TypeError(f"Tensor(dtype=...): a floating dtype is needed, got {dtype!r}")
        self._data = np.array(array, dtype)
        self.grad = None
        self.requires_grad = requires_grad
        self._fn = self._args = self._values = self._kwargs = None
        self._number = next(clock)
        self._keeps_grad = False

    # ---- what it is ------------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """The values.  Assigning (`p.data -= lr * p.grad`) changes them without being recorded.

        A graph that used the old values refuses to run backward.  Writing to elements
        (`p.data[0] = 1`) cannot be noticed: assign the whole array instead.
        """
        if self._data.base is not None:  # a view, as of reshape: what is written must stay here
            self._data = self._data.copy()
        return self._data

    @data.setter
    def data(self, values):
        if values is not self._data:
            values = np.array(real(values, "data"), self._data.dtype)  # in-place steps follow
            if values.shape != self._data.shape:
                raise ValueError(f"data: shape {self.shape} cannot become {values.shape}")
            self._data = values
        self._number = next(clock)
        if self._fn is not None:
            self._args = self._values = None
            self._kwargs = "its data was changed"  # for the walk to tell

    shape = property(lambda self: self._data.shape)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    dtype = property(lambda self: self._data.dtype)
    T = property(lambda self: record(np.transpose, (self,)))
    mT = property(lambda self: record(np.swapaxes, (self, -1, -2)))
    is_leaf = property(lambda self: self._fn is None, doc="Whether no operation made it.")
    op = property(
        lambda self: None if self._fn is None else self._fn.__name__,
        doc="Name of the operation that made this Tensor, or None for a leaf.",
    )

    def __repr__(self):
        text = np.array2string(self._data, prefix="Tensor(", separator=", ")
        if self._data.dtype != np.float64:
            text += f", dtype={self._data.dtype}"
        if self._fn is not None:
            text += f", op={self.op!r}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"Tensor({text})"

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("a Tensor of shape () has no elements to iterate over")
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__  # identity: == compares elements
    __bool__ = lambda self: bool(self._data)

    def __float__(self):
        if self.requires_grad and mode.recording:
            raise TypeError(
                "float(t), math functions and array[i] = t would cut the Tensor from its graph: "
                "use t.item() for the number, NumPy functions to go on computing"
            )
        return float(self._data)

    def __int__(self):
        return int(float(self))

    def __format__(self, spec):
        return format(self.item() if self.size == 1 else self._data, spec) if spec else str(self)

    def item(self) -> float:
        """The value of a one-element Tensor as a Python float, free of the graph."""
        return self._data.item()

    def tolist(self) -> list:
        """The values as nested Python lists."""
        return self._data.tolist()

    def detach(self) -> "Tensor":
        """A constant Tensor with a copy of these values, outside of the graph."""
        return Tensor(self._data)

    def retain_grad(self) -> None:
        """Let `backward()` leave the gradient of this intermediate result in `.grad` too."""
        self._keeps_grad = True

    # backward() is defined in grad.py, beside the walk that it starts.

    # ---- NumPy's protocols -----------------------------------------------------------------------

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "a Tensor does not turn into an array silently, that would cut it from its graph: use "
            "t.data (or t.detach()) for the values, np.stack([...]) for a list of Tensors"
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
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
        raise no_rule(ufunc)

    def __array_function__(self, func, types, args, kwargs):
        if func in RULES:
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

    # ---- indexing --------------------------------------------------------------------------------

    def __getitem__(self, index):
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, Tensor):
                raise TypeError("indices must be integers or masks, not Tensors: use t.data")
        return record(GETITEM, (self,), {"index": index})

    def __setitem__(self, index, value):
        raise TypeError(
            "Tensors are not assigned into, the old values may be needed for a gradient: "
            "use np.where(mask, a, b), or assign new .data"
        )

    def astype(self, dtype) -> "Tensor":
        """The same values in another precision; the gradient comes back in this one."""
        return astype(self, dtype=dtype)

    # ---- methods that ndarray has ----------------------------------------------------------------

    def sum(self, axis=None, keepdims=False) -> "Tensor":
        return record(np.sum, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.sum)

    def mean(self, axis=None, keepdims=False) -> "Tensor":
        return record(np.mean, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.mean)

    def max(self, axis=None, keepdims=False) -> "Tensor":
        return record(np.max, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.max)

    def min(self, axis=None, keepdims=False) -> "Tensor":
        return record(np.min, (self,), {"axis": axis, "keepdims": keepdims}, ndarray.min)

    def reshape(self, *shape) -> "Tensor":
        return record(np.reshape, (self, shape[0] if len(shape) == 1 else shape))

    def transpose(self, *axes) -> "Tensor":
        axes = axes[0] if len(axes) == 1 else axes or None
        return record(np.transpose, (self,), {"axes": axes})

    def flatten(self) -> "Tensor":
        return self.reshape(-1)

    def all(self, axis=None):
        return np.all(self._data, axis=axis)

    def any(self, axis=None):
        return np.any(self._data, axis=axis)


def record(fn, args, kwargs=NO_OPTIONS, run=None) -> Tensor:
    """Run fn on the arrays behind `args`; remember the call if a gradient may be asked for.

    Without any Tensor among the args, the result is that of fn.
    run : a faster way to the result of fn, such as an ndarray method without np.sum's detour.
    """
    tracked = None
    values = []
    for arg in args:
        if isinstance(arg, Tensor):
            values.append(arg._data)
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
    out._data = data
    out.grad = None
    out._number = next(clock)
    out._keeps_grad = False
    if tracked and (not modes.blocks or mode.recording):
        out.requires_grad = True
        out._fn = fn
        out._args = args
        out._values = tuple(values)
        out._kwargs = kwargs
    else:
        out.requires_grad = False
        out._fn = out._args = out._values = out._kwargs = None
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
        return x._data
    return type(x)(map(values_of, x)) if type(x) in (list, tuple) else x


def operand(x):
    """An operand of arithmetic: a Tensor, a number or an array of numbers."""
    if isinstance(x, Tensor | float | int | ndarray):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"a Tensor meets {x!r:.60}: numbers and arrays of numbers are possible")
    return array


# ---- operators -----------------------------------------------------------------------------------

OPERANDS = {Tensor, ndarray, float, int}
GETITEM = next(fn for fn in RULES if fn.__name__ == "getitem")
REDUCTIONS = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}


def install_operators():
    """Give Tensor the arithmetic, in-place and comparison operators, and more ndarray methods."""

    def arithmetic(name, ufunc):
        def forward(self, other):
            return record(ufunc, (self, other if type(other) in OPERANDS else operand(other)))

        def reflected(self, other):
            return record(ufunc, (operand(other), self))

        def in_place(self, other):
            if self.is_leaf and self.requires_grad:
                if mode.recording:
                    raise RuntimeError(
                        f"in-place {ufunc.__name__} on a leaf that requires grad would lose the "
                        "leaf: write y = x + ... for a new Tensor, or x.data = ... to change values"
                    )
                self.data = ufunc(self._data, values_of(other))
                return self
            return forward(self, other)

        for prefix, method in (("", forward), ("r", reflected), ("i", in_place)):
            setattr(Tensor, f"__{prefix}{name}__", method)

    for name, ufunc in {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
        "matmul": np.matmul, "pow": np.power, "mod": np.remainder,
    }.items():  # fmt: skip
        arithmetic(name, ufunc)

    power = Tensor.__pow__
    Tensor.__pow__ = lambda self, p: (
        record(np.square, (self,)) if type(p) in (int, float) and p == 2 else power(self, p)
    )
    Tensor.__neg__ = lambda self: record(np.negative, (self,))
    Tensor.__pos__ = lambda self: record(np.positive, (self,))
    Tensor.__abs__ = lambda self: record(np.absolute, (self,))

    def comparison(ufunc):
        return lambda self, other: ufunc(self._data, values_of(other))

    for name, ufunc in {
        "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
        "gt": np.greater, "ge": np.greater_equal, "floordiv": np.floor_divide,
    }.items():  # fmt: skip
        setattr(Tensor, f"__{name}__", comparison(ufunc))
    Tensor.__rfloordiv__ = lambda self, other: np.floor_divide(values_of(other), self._data)

    def method(function):
        def call(self, *args, **kwargs):
            return function(self, *args, **kwargs)

        call.__name__ = function.__name__
        call.__doc__ = f"np.{function.__name__}(self, ...)"
        return call

    for name in (
        "prod", "var", "std", "cumsum", "ravel", "swapaxes", "squeeze", "repeat", "take", "copy",
        "diagonal", "trace", "clip", "dot", "argmax", "argmin", "argsort", "round", "nonzero",
    ):  # fmt: skip
        setattr(Tensor, name, method(getattr(np, name)))


install_operators()


@primitive(lambda g, y, a, *, dtype: g)  # the walk gives a gradient its argument's precision
def astype(a, *, dtype):
    return a.astype(dtype)
