"""The gradient of a computation, written out as a NumPy program that can be read, checked and run.

The walk of grad.py asks the rules of the table for numbers. Here the same rules are given stand-ins
(`Term`), which carry a value and the expression that made it, so each rule writes its own formula.
"""

import ast
import html
import inspect
import math
import re
import sys
import textwrap
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType

import numpy as np

from .engine import rules
from .engine.arguments import numpy_parameters
from .engine.grad import differentiate, grad
from .engine.rules import BROADCASTING, RULES, broadcast, getitem, unbroadcast
from .engine.tensor import Tensor, astype, record

__all__ = ["Derivation", "derivation"]

ATOM, POWER, SIGN, PRODUCT, SUM, AND, OR, COMPARISON = 8, 7, 6, 5, 4, 3, 2, 1
BINARY = {
    np.power: ("**", POWER), np.multiply: (" * ", PRODUCT), np.divide: (" / ", PRODUCT),
    np.matmul: (" @ ", PRODUCT), np.remainder: (" % ", PRODUCT),
    np.floor_divide: (" // ", PRODUCT), np.add: (" + ", SUM), np.subtract: (" - ", SUM),
    np.bitwise_and: (" & ", AND), np.bitwise_or: (" | ", OR), np.equal: (" == ", COMPARISON),
    np.not_equal: (" != ", COMPARISON), np.less: (" < ", COMPARISON),
    np.less_equal: (" <= ", COMPARISON), np.greater: (" > ", COMPARISON),
    np.greater_equal: (" >= ", COMPARISON),
}  # fmt: skip
UNARY = {np.negative: "-", np.invert: "~", np.positive: "+"}
FOLDED = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
BROADCAST, GETITEM, ASTYPE = (call.__wrapped__ for call in (broadcast, getitem, astype))
RAW = {BROADCAST, GETITEM, ASTYPE}  # written as NumPy's own syntax


choices: list["Term"] = []  # what Python's `if` has asked of terms: true for these values only


class Untraceable(TypeError):
    """A rule that needs the numbers themselves, not only what NumPy can compute of them."""


# ---- a value and the expression that made it -----------------------------------------------------


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
    if is_ours(fn) and fn not in RAW:
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


# ---- how expressions are written -----------------------------------------------------------------


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


class Writer:
    """Expressions as text: constants get names, functions of ours get definitions."""

    def __init__(self, names):
        self.names = names  # id of an array -> its name
        self.inputs = {}  # name -> array, or a function that has no source
        self.definitions = {}  # name -> text
        self.taken = {"np", *names.values()}

    def fresh(self, stem):
        """stem1, stem2, ...: the first name that is free."""
        name = next(n for i in range(1, 10**9) if (n := f"{stem}{i}") not in self.taken)
        self.taken.add(name)
        return name

    def text(self, x, level=0):
        """x as an expression, in brackets if it binds less than `level` asks for."""
        text, own = self.written(x)
        return f"({text})" if own < level else text

    def written(self, x):
        if isinstance(x, Term):
            return (x.name, ATOM) if x.name else self.operation(x)
        if isinstance(x, np.ndarray) and x.ndim:
            if id(x) not in self.names and x.dtype.kind == "i":
                if np.array_equal(x, range(x.size)):
                    return f"np.arange({x.size})", ATOM
                if x.size <= 8:
                    return f"np.array({x.tolist()})", ATOM
            return self.constant(x), ATOM
        if isinstance(x, np.ndarray | np.generic):
            number = self.text(x.item())
            exact = x.dtype in (np.float64, np.int64, bool)
            return (number, ATOM if x.item() >= 0 else SIGN) if exact else (
                f"np.{x.dtype.name}({number})", ATOM
            )  # fmt: skip
        if isinstance(x, float) and not math.isfinite(x):
            return ("-np.inf", SIGN) if x < 0 else (f"np.{x!r}", ATOM)
        if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return f"np.{np.dtype(x).name}", ATOM
        if isinstance(x, list | tuple):
            inner = ", ".join(map(self.text, x))
            return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' * (len(x) == 1)})", ATOM
        if isinstance(x, int | float | str | None):
            return repr(x), SIGN if isinstance(x, int | float) and x < 0 else ATOM
        return self.constant(x), ATOM

    def constant(self, x):
        """The name of an input."""
        if id(x) not in self.names:
            self.names[id(x)] = self.fresh("c")
        self.inputs[self.names[id(x)]] = x
        return self.names[id(x)]

    def operation(self, term):
        fn, args, kwargs = term.fn, term.args, term.kwargs
        if fn in BROADCASTING or (isinstance(fn, np.ufunc) and not fn.signature):
            args = operands(term)
        if fn is np.dot and all(0 < np.ndim(value_of(a)) < 3 for a in args):
            fn = np.matmul
        if fn is np.multiply and (divisor := whole_inverse(args[1])):
            fn, args = np.divide, (args[0], divisor)
        if fn in BINARY:
            sign, level = BINARY[fn]
            tight = level + (fn is np.power)  # ** binds to the right
            return self.text(args[0], tight) + sign + self.text(args[1], level + 1), level
        if fn in UNARY:
            return UNARY[fn] + self.text(args[0], SIGN), SIGN
        if fn is np.square:
            return self.text(args[0], ATOM) + "**2", POWER
        first = self.text(args[0], ATOM) if isinstance(args[0], Term) else ""
        if fn is np.transpose and kwargs.get("axes", (args[1:] or [None])[0]) is None:
            return f"{first}.T", ATOM
        if fn is np.swapaxes and args[1:] == (-1, -2):
            return f"{first}.{'T' if term.ndim == 2 else 'mT'}", ATOM
        if fn is GETITEM:
            return f"{first}[{self.index(kwargs['index'])}]", ATOM
        if fn is ASTYPE:
            return f"{first}.astype({self.text(kwargs['dtype'])})", ATOM
        if fn is BROADCAST:
            return f"np.broadcast_to({self.text(bare(args[0]))}, {kwargs['shape']})", ATOM
        if fn is np.reshape and first and (index := inserted(args[0].shape, term.shape)):
            return f"{first}[{index}]", ATOM
        defaults = numpy_parameters(fn)
        usual = () if is_ours(fn) else (None, False)
        given = [self.text(a) for a in args]
        for name, value in kwargs.items():
            if not any(value is default for default in (*usual, defaults.get(name, fn))):
                one = name == "axis" and isinstance(value, tuple) and len(value) == 1
                given.append(f"{name}={self.text(value[0] if one else value)}")
        return f"{self.function(fn)}({', '.join(given)})", ATOM

    def index(self, index):
        if isinstance(index, tuple) and index:
            return ", ".join(map(self.index, index))
        if isinstance(index, slice):
            ends = (index.start, index.stop, *([] if index.step is None else [index.step]))
            return ":".join("" if end is None else self.text(end) for end in ends)
        return "..." if index is Ellipsis else self.text(index)

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
        """Put the source of fn above the program, and of all that it calls; whether that works."""
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


def whole_inverse(x):
    """n where x is the number 1 / n, as of a mean, and takes more than a few digits; else None."""
    n = round(1 / x) if isinstance(x, float) and 0 < x < 1 else 0
    return n if n and 1 / n == x and len(repr(x)) > 4 else None


def inserted(old, new):
    """The index that puts axes of length 1 into a shape, such as ":, None"; "" if it takes more."""
    if not old or 1 in old:
        return ""
    rest = iter(old)
    index = ["None" if n == 1 else ":" * (n == next(rest, None)) for n in new]
    return ", ".join(index) if all(index) and not list(rest) and len(new) > len(old) else ""


# ---- the program ---------------------------------------------------------------------------------


@dataclass
class Line:
    """One assignment of the program: `name = code`, and the value that this gives."""

    name: str
    code: str
    value: np.ndarray
    comment: str = ""
    forward: bool = False
    sign: str = "="

    def assignment(self):
        return f"{self.name} {self.sign} {self.code}" if self.name else f"assert {self.code}"

    def text(self, width, values=False):
        notes = [self.comment] * bool(self.comment)
        if values and (number := short(self.value)):
            notes.append(number)
        code = self.assignment()
        return f"{code:<{width}}  # {', '.join(notes)}" if notes else code


def short(value):
    """The numbers of a small array, to four digits; nothing for a larger one."""
    if value.size > 6:
        return ""
    return np.array2string(value, precision=4, separator=", ").replace("\n", "")


@dataclass
class Derivation:
    """A program that computes a value and its gradient; print it, show it in a notebook, run it.

    lines : the assignments, forward and then backward.
    inputs : name -> array, what the program starts from.
    gradients : name of an input -> name of its gradient.
    definitions : name -> source of the functions that NumPy does not have.
    """

    lines: list[Line]
    inputs: dict
    gradients: dict[str, str]
    definitions: dict[str, str] = field(default_factory=dict)
    values: bool = False

    def __str__(self):
        width = min(48, max(len(line.assignment()) for line in self.lines))
        forward = [line.text(width, self.values) for line in self.lines if line.forward]
        back = [line.text(width, self.values) for line in self.lines if not line.forward]
        above = [text + "\n" * text.startswith("def") for text in self.definitions.values()]
        return "\n".join([*above, *forward, "# backward", *back])

    __repr__ = __str__

    def _repr_html_(self):
        rows = "".join(
            f"<tr><td><code>{html.escape(line.assignment())}</code></td>"
            f"<td>{'forward' if line.forward else 'backward'}</td>"
            f"<td>{html.escape(line.comment)}</td><td>{line.value.shape}</td>"
            f"<td>{html.escape(short(line.value))}</td></tr>"
            for line in self.lines
        )
        above = html.escape("\n".join(self.definitions.values()))
        head = "".join(f"<th>{h}</th>" for h in ("line", "pass", "operation", "shape", "value"))
        return (f"<pre>{above}</pre>" if above else "") + f"<table><tr>{head}</tr>{rows}</table>"

    def run(self, **inputs) -> dict:
        """Execute the program, with other inputs if given; every name with its value."""
        unknown = inputs.keys() - self.inputs.keys()
        if unknown:
            raise TypeError(f"no input is called {sorted(unknown)}; there are {list(self.inputs)}")
        space = {"np": np} | self.inputs | inputs
        with np.errstate(all="ignore"):
            exec(str(self), space)
        return {line.name: space[line.name] for line in self.lines if line.name}


def derivation(
    output: Tensor,
    names: dict[str, Tensor] | None = None,
    *,
    gradient=None,
    all_steps: bool = False,
    expand: bool = False,
    values: bool = False,
) -> Derivation:
    """Write out how `output` was computed, and its gradient by the chain rule, line by line.

    names : name -> Tensor or array; else the caller's variables lend their names where only one
        of them holds the object, and the rest are called v1, v2, ... and c1, c2, ... (constants).
    gradient : the weights of the elements of an output that is not one number.
    all_steps : also write the lines that only give something another name.
    expand : write fused operations, such as `linear`, as the plain operations that they stand for.
    values : add the numbers of scalars and small arrays.

    Each line asks the rule of the engine's table. A rule that cannot be written as a formula is
    shown as a call. `assert` lines say on which values a formula depends.

    Raises: RuntimeError as backward() does, when there is nothing to differentiate.

    >>> import numpy as np
    >>> w, x, b = (Tensor(v, requires_grad=True) for v in (0.5, 3.0, -1.0))
    >>> loss = np.tanh(w * x + b) ** 2
    >>> print(derivation(loss, {"w": w, "x": x, "b": b, "loss": loss}))
    v1 = w * x
    v2 = v1 + b
    v3 = np.tanh(v2)
    loss = v3**2
    # backward
    d_loss = 1.0
    d_v3 = d_loss * (2 * v3)         # square
    d_v2 = d_v3 * (1 - v3 * v3)      # tanh
    d_b = d_v2                       # add
    d_w = d_v2 * x                   # multiply
    d_x = d_v2 * w                   # multiply
    """
    if not isinstance(output, Tensor):
        raise TypeError(f"derivation: output must be a Tensor, got {output!r:.60}")
    known = names_of(names or {}, sys._getframe(1))
    with np.errstate(all="ignore"):
        if expand:
            output = expanded(output, known)
        totals = differentiate(output, gradient, True, False)  # checks the graph, and is the truth
        made = Deriver(output, gradient, known, all_steps)
    leaves = [leaf for leaf in totals if leaf.is_leaf]
    for leaf in leaves:
        if not same(made.shares[leaf].value, totals[leaf]):
            raise RuntimeError(f"the program's {made.shares[leaf].name} is not what backward gives")
    gradients = {made.terms[leaf].name: made.shares[leaf].name for leaf in leaves}
    writer = made.writer
    return Derivation(made.lines, writer.inputs, gradients, writer.definitions, values)


class Deriver:
    """One walk, forward and back, that writes a line for each node of the graph."""

    def __init__(self, output, gradient, names, all_steps):
        self.output, self.all_steps = output, all_steps
        self.writer, self.lines = Writer(names), []
        self.nodes = graph(output)
        self.terms = {}  # Tensor -> its term
        self.shares = {}  # Tensor -> the term of its gradient
        self.owned = set()  # names of new arrays, which may be added to in place
        self.uses = Counter(a for t in self.nodes for a in t._args or () if wants_gradient(a))
        self.forward()
        self.backward(gradient)

    def write(self, name, term, comment="", forward=False, code=None):
        """Add a line, and return the term that stands for its result from now on."""
        code, sign = self.writer.text(term) if code is None else code, "="
        if term.fn is np.add and getattr(term.args[0], "name", 0) == name and name in self.owned:
            code, sign = self.writer.text(term.args[1]), "+="
        elif isinstance(term.fn, np.ufunc):
            self.owned.add(name)
        self.lines.append(Line(name, code, np.asarray(term.value), comment, forward, sign))
        return Term(term.value, name=name)

    def forward(self):
        for tensor in self.nodes:
            if tensor.is_leaf:
                self.terms[tensor] = self.input(tensor, tensor._data)
            else:
                made = call(tensor._fn, *self.arguments(tensor))
                name = self.writer.names.get(id(tensor)) or self.writer.fresh("v")
                self.terms[tensor] = self.write(name, made, forward=True)

    def arguments(self, tensor):
        """The arguments and options of the operation that made a Tensor, arrays as terms."""

        def term(x):
            if isinstance(x, Tensor):
                return self.terms[x]
            return self.input(x, x) if isinstance(x, np.ndarray) and x.ndim else x

        return [term(a) for a in tensor._args], {k: term(v) for k, v in tensor._kwargs.items()}

    def input(self, x, values):
        """An array that the program starts from; a number, repeated, is written as that."""
        varies = wants_gradient(x) or id(x) in self.writer.names or not values.size
        if not varies and (values == values.flat[0]).all():
            return apply(BROADCAST, (values.flat[0],), {"shape": values.shape})
        if id(x) not in self.writer.names:
            self.writer.names[id(x)] = self.writer.fresh("v" if wants_gradient(x) else "c")
        name = self.writer.names[id(x)]
        self.writer.inputs[name] = values
        return Term(values, name=name)

    def backward(self, gradient):
        data = self.output._data
        start = np.ones_like(data) if gradient is None else np.array(gradient, data.dtype)
        code = self.writer.text(start)
        if gradient is None and data.ndim:
            code = f"np.ones({data.shape})"
        name = "d_" + self.terms[self.output].name
        self.shares[self.output] = self.write(name, Term(start), code=code)
        for tensor in reversed(self.nodes):
            for i, arg in enumerate(tensor._args or () if tensor in self.shares else ()):
                if wants_gradient(arg):
                    self.add(tensor, i, arg)
        # 1.0 reads best, where all that it meets takes a Python number for an array
        asked = re.compile(r"\bd_\w+[.[]|(?<![\w.])[a-z]\w*\(d_")
        if code == "1.0" and any(asked.search(line.code) for line in self.lines):
            next(line for line in self.lines if line.name == name).code = "np.float64(1.0)"

    def add(self, tensor, i, arg):
        """Write what arg gets from its i-th place in the operation that made tensor."""
        term, chosen = self.share(tensor, i, arg)
        for choice in chosen:
            self.lines.append(Line("", self.writer.text(choice), choice.value))
        name, why, uses = "d_" + self.terms[arg].name, tensor._fn.__name__, self.uses[arg]
        alone = uses == 1 and (arg.is_leaf or self.all_steps)
        if bare(term).name and arg not in self.shares and not alone:
            self.shares[arg] = term  # only another name
        elif arg in self.shares:
            why += f", {name[2:]} is used {'twice' if uses == 2 else f'{uses} times'}"
            self.shares[arg] = self.write(name, apply(np.add, (self.shares[arg], term)), why)
        elif bare(term) is not term and uses == 1 and not arg.is_leaf:
            why += f", for each of the {term.size} elements"
            one = self.write(name, bare(term), why)
            self.shares[arg] = apply(BROADCAST, (one,), {"shape": term.shape})
        else:
            self.shares[arg] = self.write(name, term, why)

    def share(self, tensor, i, arg):
        rule = RULES[tensor._fn][i]
        args, options = self.arguments(tensor)
        args = [self.shares[tensor], self.terms[tensor], *args]

        def fitted(rule, *args, **options):
            d = rule(*args, **options)
            d = unbroadcast(d, arg.shape) if d.shape != arg.shape else d
            return d if d.dtype == arg.dtype else d.astype(arg.dtype)

        truth = fitted(rule, *map(value_of, args), **tensor._kwargs)
        try:
            term, chosen = trace(fitted, rule, *args, **options)
            if same(term.value, truth):
                return term, chosen
        except Exception:  # whatever it is that terms cannot do, the call is right
            pass
        return trace(fitted, lambda *a, **k: apply(rule, a, k), *args, **options)


def wants_gradient(x):
    return isinstance(x, Tensor) and x.requires_grad


def graph(output):
    """The Tensors that output was computed from, and itself, the oldest first."""
    seen, waiting = {output}, [output]
    while waiting:
        for arg in waiting.pop()._args or ():
            if isinstance(arg, Tensor) and arg not in seen:
                seen.add(arg)
                waiting.append(arg)
    return sorted(seen, key=lambda t: t._number)


def names_of(given, frame):
    """id -> name: those given, and variables of a frame which alone hold a Tensor or an array."""
    variables = frame.f_globals | frame.f_locals
    found = [(name, x) for name, x in variables.items() if re.match(r"[^\W_]\w*$", name)]
    for name, x in list(found):
        if not isinstance(x, type) and hasattr(x, "named_parameters"):
            found += [(f"{name}_{part}", p) for part, p in x.named_parameters()]
    found = [(n, x) for n, x in found if isinstance(x, Tensor | np.ndarray)]
    holders = Counter(id(x) for _, x in found)
    names = {id(x): n for n, x in found if holders[id(x)] == 1} | {
        id(x): n for n, x in given.items()
    }
    return {i: re.sub(r"^(?=\d)", "p", re.sub(r"\W", "_", name)) for i, name in names.items()}


def expanded(output, names):
    """The same computation with the bodies of fused operations in place of their calls."""
    new = {}
    for tensor in graph(output):
        if tensor.is_leaf:
            new[tensor] = tensor
            continue
        args = tuple(new[a] if isinstance(a, Tensor) else a for a in tensor._args)
        fused = not (is_ours(tensor._fn) and stands_for(tensor._fn, args, tensor._kwargs))
        made = (record if fused else call_body)(tensor._fn, args, tensor._kwargs)
        new[tensor] = made
        if id(tensor) in names:
            names[id(made)] = names[id(tensor)]
    return new[output]


def call_body(fn, args, kwargs):
    return fn(*args, **kwargs)


def stands_for(fn, args, kwargs):
    """Whether the body of fn, run on Tensors, gives the same value and the same gradients."""

    def results(run):
        own = [Tensor(a._data, a.requires_grad) if isinstance(a, Tensor) else a for a in args]
        y = run(fn, own, kwargs)
        leaves = [a for a in own if wants_gradient(a)]
        return y._data, *grad(y, leaves, np.ones(y.shape))

    try:
        return all(map(same, results(record), results(call_body)))
    except Exception:  # a body for arrays only, or one that leaves something out
        return False
