"""Stand-ins for arrays: each carries a value and the NumPy expression that made it.

Where a rule of the table is handed terms, it writes its own formula.
"""

import ast
import inspect
import itertools
import math
import textwrap
from contextlib import contextmanager
from types import FunctionType

import numpy as np

from .engine import rules
from .engine.arguments import numpy_parameters
from .engine.rules import BROADCASTING, broadcast, getitem
from .engine.tensor import astype
from .functional import floats

BINARY = {
    np.power: ast.Pow, np.multiply: ast.Mult, np.divide: ast.Div, np.matmul: ast.MatMult,
    np.remainder: ast.Mod, np.floor_divide: ast.FloorDiv, np.add: ast.Add, np.subtract: ast.Sub,
    np.bitwise_and: ast.BitAnd, np.bitwise_or: ast.BitOr,
}  # fmt: skip
COMPARISONS = {
    np.equal: ast.Eq, np.not_equal: ast.NotEq, np.less: ast.Lt, np.less_equal: ast.LtE,
    np.greater: ast.Gt, np.greater_equal: ast.GtE,
}  # fmt: skip
UNARY = {np.negative: ast.USub, np.invert: ast.Invert, np.positive: ast.UAdd}
FOLDED = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
BROADCAST, GETITEM = inspect.unwrap(broadcast), inspect.unwrap(getitem)
ASTYPE = inspect.unwrap(astype)
SYNTAX = {BROADCAST, GETITEM, ASTYPE}  # primitives of ours that NumPy writes in its own way

choices: list["Term"] = []  # what Python's `if` has asked of terms: true for these values only


class Untraceable(TypeError):
    """A rule that needs the numbers themselves, not only what NumPy can compute of them."""


class Term(np.lib.mixins.NDArrayOperatorsMixin):
    """The result of fn(*args, **kwargs), or an input or a line of the program that has a name."""

    def __init__(self, value, fn=None, args=(), kwargs=None, name=None):
        self.value, self.fn, self.args, self.kwargs = value, fn, args, kwargs or {}
        self.name = name

    shape = property(lambda self: np.shape(self.value))
    ndim = property(lambda self: np.ndim(self.value))
    size = property(lambda self: np.size(self.value))
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: apply(np.transpose, (self,)))
    mT = property(lambda self: apply(np.swapaxes, (self, -1, -2)))

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if method == "reduce" and ufunc in FOLDED:
            return apply(FOLDED[ufunc], inputs, {"axis": 0} | kwargs)
        if method != "__call__":
            raise Untraceable(f"np.{ufunc.__name__}.{method}")
        return apply(ufunc, inputs, kwargs)  # `a += b` in a rule: the sum is a new term

    def __array_function__(self, func, types, args, kwargs):
        return apply(func, args, kwargs)

    def __getitem__(self, index):
        return apply(GETITEM, (self,), {"index": index})

    def __array__(self, dtype=None, copy=None):
        raise Untraceable("the values of a term")

    def __len__(self):
        return self.shape[0]

    def __bool__(self):
        choices.append(self if self.value else ~self)
        return bool(self.value)

    def astype(self, dtype):
        return apply(ASTYPE, (self,), {"dtype": np.dtype(dtype)})

    def reshape(self, *shape):
        return apply(np.reshape, (self, shape[0] if len(shape) == 1 else shape))

    def inside(self):
        """The unnamed terms of this expression, each as often as it stands there."""
        if self.name is None:
            yield self
            parts = [*self.args, *self.kwargs.values()]
            while parts:
                part = parts.pop()
                if isinstance(part, Term):
                    yield from part.inside()
                elif isinstance(part, list | tuple):
                    parts.extend(part)

    def __getattr__(self, name):
        if name.startswith("_") or not hasattr(np, name):
            raise AttributeError(name)
        return lambda *args, **kwargs: apply(getattr(np, name), (self, *args), kwargs)


def value_of(x):
    if isinstance(x, Term):
        return x.value
    return type(x)(map(value_of, x)) if type(x) in (list, tuple) else x


def apply(fn, args, kwargs=None):
    """fn of terms, as a term."""
    kwargs = kwargs or {}
    value = fn(*map(value_of, args), **{k: value_of(v) for k, v in kwargs.items()})
    if fn is np.reshape and np.shape(value) == args[0].shape:
        return args[0]
    if fn is np.transpose and args[1:] and np.array_equal(args[1], range(args[0].ndim)):
        return args[0]
    return Term(value if isinstance(value, tuple) else np.asarray(value), fn, args, kwargs)


@contextmanager
def tracing():
    """Let the primitives know terms: a call becomes a term, too."""
    usual = rules.dispatch

    def dispatch(fn, args, kwargs):
        if any(isinstance(a, Term) for a in args):
            return apply(fn, args, kwargs)
        return usual(fn, args, kwargs)

    rules.dispatch = dispatch
    try:
        yield
    finally:
        rules.dispatch = usual


def trace(fn, *args, **kwargs):
    """What a function of ours makes of terms, as a term, and the choices that it rests on."""
    choices.clear()
    with tracing():
        return fn(*args, **kwargs), list(choices)


def call(fn, args, kwargs):
    """A call of fn; where fn is ours and short, the NumPy expression that it stands for."""
    term = apply(fn, args, kwargs)
    if is_ours(fn) and fn not in SYNTAX:
        try:
            inner, chosen = trace(fn, *args, **kwargs)
            if not chosen and len(list(inner.inside())) <= 5 and same(inner.value, term.value):
                return inner
        except Exception:  # whatever it is that terms cannot do, the call is right
            pass
    return term


def is_ours(fn):
    return isinstance(fn, FunctionType) and not fn.__module__.startswith("numpy")


def same(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-9, atol=1e-300, equal_nan=True)


# ---- how terms are written -----------------------------------------------------------------------


def bare(x):
    """x without a broadcast, or axes of length 1 put in front, that broadcasting does by itself."""
    while isinstance(x, Term) and x.name is None and x.fn in (BROADCAST, np.reshape):
        inner = x.args[0]
        if x.fn is np.reshape and (1,) * (x.ndim - inner.ndim) + inner.shape != x.shape:
            break
        x = inner
    return x


def operands(term):
    """The arguments of an elementwise function, bare where the others have the result's shape."""
    args = list(term.args)
    for i, arg in enumerate(args):
        shapes = [np.shape(value_of(a)) for a in (*args[:i], bare(arg), *args[i + 1 :])]
        if np.broadcast_shapes(*shapes) == term.shape:
            args[i] = bare(arg)
    return args


def lifted(term):
    """f(broadcast(x)) as broadcast(f(x)), for an elementwise f."""
    if not isinstance(term.fn, np.ufunc) or term.fn.signature or term.name:
        return term
    inner = apply(term.fn, [bare(a) for a in term.args], term.kwargs)
    same_shape = inner.shape == term.shape
    return term if same_shape else apply(BROADCAST, (inner,), {"shape": term.shape})


class Writer:
    """Terms as Python: constants get names, functions of ours get definitions."""

    def __init__(self, names):
        self.names = names  # id of an object -> its name
        self.inputs = {}  # name -> array, or a function that has no source
        self.constants = set()  # names of inputs that nobody has named
        self.definitions = {}  # name -> text
        self.taken = {"np", *names.values()}

    def name(self, x, stem):
        """The name of an object; if it has none, the next of stem1, stem2, ..."""
        if id(x) not in self.names:
            fresh = (f"{stem}{i}" for i in itertools.count(1))
            self.names[id(x)] = next(name for name in fresh if name not in self.taken)
            self.taken.add(self.names[id(x)])
            if stem == "c":
                self.constants.add(self.names[id(x)])
        return self.names[id(x)]

    def constant(self, x):
        """The name of an object that the program is given."""
        name = self.name(x, "c")
        self.inputs[name] = x
        return name

    def text(self, x) -> str:
        """A term, or whatever stands among its arguments, as an expression."""
        return ast.unparse(self.tree(x)).replace(" ** ", "**")

    def tree(self, x):
        """The same as a syntax tree, so that Python itself decides on brackets."""
        if isinstance(x, Term):
            return ast.Name(x.name) if x.name else self.operation(x)
        if isinstance(x, np.ndarray) and x.ndim:
            if id(x) not in self.names and x.dtype.kind == "i":
                if x.size > 1 and np.array_equal(x, range(x.size)):
                    return self.plain("np.arange({})", x.size)
                if x.size <= 8:
                    return self.plain("np.array({})", x.tolist())
            return ast.Name(self.constant(x))
        if isinstance(x, np.ndarray | np.generic):
            usual = x.dtype in (np.float64, np.int64, bool)
            return self.plain("{}" if usual else f"np.{x.dtype.name}({{}})", x.item())
        if isinstance(x, float) and not math.isfinite(x):
            return ast.parse("-np.inf" if x < 0 else f"np.{x!r}", mode="eval").body
        if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return ast.Name(f"np.{np.dtype(x).name}")
        if isinstance(x, list):
            return ast.List([self.tree(part) for part in x])
        if isinstance(x, slice) or (isinstance(x, tuple) and any(type(i) is slice for i in x)):
            return ast.Subscript(ast.Name("np.s_"), self.index(x))
        if isinstance(x, tuple):
            return ast.Tuple([self.tree(part) for part in x])
        if x is None or x is Ellipsis or isinstance(x, int | float | str):
            return ast.parse(repr(x), mode="eval").body if x is not Ellipsis else ast.Constant(...)
        return ast.Name(self.constant(x))

    def operation(self, term):
        """The tree of a call, with the operator or the attribute that says the same."""
        fn, args, kwargs = term.fn, term.args, term.kwargs
        if fn in BROADCASTING or (isinstance(fn, np.ufunc) and not fn.signature):
            args = operands(term)
        if fn is np.dot and all(0 < np.ndim(value_of(a)) < 3 for a in args):
            fn = np.matmul
        if fn is np.multiply and (divisor := whole_inverse(args[1])):
            fn, args = np.divide, (args[0], divisor)
        if fn is np.square:
            fn, args = np.power, (args[0], 2)
        trees = [self.tree(a) for a in args]
        if fn in BINARY:
            return ast.BinOp(trees[0], BINARY[fn](), trees[1])
        if fn in COMPARISONS:
            return ast.Compare(trees[0], [COMPARISONS[fn]()], trees[1:])
        if fn in UNARY:
            return ast.UnaryOp(UNARY[fn](), trees[0])
        if fn is np.transpose and kwargs.get("axes", (*args[1:], None)[0]) is None:
            return ast.Attribute(trees[0], "T")
        if fn is np.swapaxes and tuple(args[1:]) == (-1, -2):
            return ast.Attribute(trees[0], "T" if term.ndim == 2 else "mT")
        if fn is GETITEM:
            return ast.Subscript(trees[0], self.index(kwargs["index"]))
        if fn is ASTYPE:
            dtype = self.tree(kwargs["dtype"])
            return ast.Call(ast.Attribute(trees[0], "astype"), [dtype], [])
        if fn is BROADCAST:
            return self.plain("np.broadcast_to({}, {})", bare(args[0]), kwargs["shape"])
        if fn is np.reshape and (index := inserted(np.shape(value_of(args[0])), term.shape)):
            return ast.Subscript(trees[0], self.index(index))
        defaults = numpy_parameters(fn)
        usual = () if is_ours(fn) else (None, False)
        options = []
        for name, value in kwargs.items():
            if not any(value is default for default in (*usual, defaults.get(name, fn))):
                one = name == "axis" and isinstance(value, tuple) and len(value) == 1
                options.append(ast.keyword(name, self.tree(value[0] if one else value)))
        return ast.Call(ast.Name(self.function(fn)), trees, options)

    def index(self, x):
        """What stands between square brackets."""
        if isinstance(x, tuple) and x:
            return ast.Tuple([self.index(part) for part in x])
        if isinstance(x, slice):
            ends = (x.start, x.stop, x.step)
            return ast.Slice(*(None if end is None else self.tree(end) for end in ends))
        return self.tree(x)

    def plain(self, pattern, *parts):
        return ast.parse(pattern.format(*map(self.text, parts)), mode="eval").body

    def function(self, fn):
        """The name by which the program calls fn; what is ours is defined above it."""
        name = fn.__name__
        if is_ours(fn):
            if not name.isidentifier() or not self.define(fn):
                name = self.names.setdefault(id(fn), "rule" if name == "<lambda>" else name)
                self.inputs[name] = fn
            return name
        return f"np.linalg.{name}" if vars(np.linalg).get(name) is fn else f"np.{name}"

    def define(self, fn):
        """Put the source of fn, and of all that it calls, above the program; whether that works."""
        fn = inspect.unwrap(fn)
        if fn.__name__ in self.definitions:
            return True
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(fn))).body[0]
        except (OSError, TypeError, SyntaxError):
            return False
        if not isinstance(tree, ast.FunctionDef) or fn.__closure__:
            return False
        tree.decorator_list, tree.returns = [], None
        for arg in (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs):
            arg.annotation = None
        if ast.get_docstring(tree) is not None:
            del tree.body[0]
        tree = Ungated().visit(tree)
        kept = dict(self.definitions)
        self.definitions[fn.__name__] = ""  # in its place, for what calls itself
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for name in sorted(used & fn.__globals__.keys() - {"np"}):
            value = fn.__globals__[name]
            if value is math:
                self.definitions[name] = "import math"
            elif isinstance(value, int | float):
                self.definitions[name] = f"{name} = {self.text(value)}"
            elif not (isinstance(value, FunctionType) and self.define(value)):
                self.definitions = kept
                return False
        del self.definitions[fn.__name__]  # after what it calls
        self.definitions[fn.__name__] = ast.unparse(tree)
        return True


class Ungated(ast.NodeTransformer):
    """Leaves out the gate for lists and integers, which a program that runs on floats can spare."""

    def visit_Call(self, node):
        self.generic_visit(node)
        gate = isinstance(node.func, ast.Name) and node.func.id == floats.__name__
        return ast.Call(ast.Name("np.asarray"), node.args, []) if gate else node


def whole_inverse(x):
    """n where x is the number 1 / n, as of a mean, and takes more than a few digits; else None."""
    n = round(1 / x) if isinstance(x, float) and 0 < x < 1 else 0
    return n if n and 1 / n == x and len(repr(x)) > 4 else None


def inserted(old, new):
    """The index that only puts axes of length 1 into a shape, such as [:, None]; else None."""
    if not old or 1 in old or tuple(n for n in new if n != 1) != old:
        return None
    return tuple(None if n == 1 else slice(None) for n in new)
