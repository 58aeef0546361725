"""The gradient of a computation, written out as a NumPy program that can be read, checked and run.

The walk of grad.py asks the rules of the table for numbers. Here the same rules are asked for their
formulas: they are handed terms (terms.py) in place of arrays.
"""

import html
import re
import sys
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .engine.grad import differentiate, grad
from .engine.rules import RULES, unbroadcast
from .engine.tensor import Tensor, record
from .terms import (
    BROADCAST,
    Term,
    Writer,
    apply,
    bare,
    call,
    is_ours,
    lifted,
    same,
    trace,
    value_of,
)

__all__ = ["Derivation", "derivation"]


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


def constant(name, x):
    """The line that gives a small constant, or tells what a large one is."""
    if not isinstance(x, np.ndarray):
        return f"# {name} is a constant"
    written = x.dtype in (np.float64, np.int64, bool) and x.size <= 6 and np.isfinite(x).all()
    return f"{name} = np.array({x.tolist()})" if written else f"# {name} has shape {x.shape}"


@dataclass
class Derivation:
    """A program that computes a value and its gradient; print it, show it in a notebook, run it.

    lines : the assignments, forward and then backward.
    inputs : name -> array, what the program starts from.
    constants : name -> array, what was used beside Tensors and has no name; small ones are written.
    gradients : name of an input -> name of its gradient.
    definitions : name -> source of the functions that NumPy does not have.
    """

    lines: list[Line]
    inputs: dict
    constants: dict
    gradients: dict[str, str]
    definitions: dict[str, str] = field(default_factory=dict)
    values: bool = False

    def __str__(self):
        width = min(48, max(len(line.assignment()) for line in self.lines))
        forward = [line.text(width, self.values) for line in self.lines if line.forward]
        back = [line.text(width, self.values) for line in self.lines if not line.forward]
        above = [text + "\n" * text.startswith("def") for text in self.definitions.values()]
        constants = [constant(name, x) for name, x in self.constants.items()]
        return "\n".join([*above, *constants, *forward, "# backward", *back])

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
        space = {"np": np} | self.constants | self.inputs | inputs
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
    named = {name: x for name, x in writer.inputs.items() if name not in writer.constants}
    constants = {name: x for name, x in writer.inputs.items() if name in writer.constants}
    return Derivation(made.lines, named, constants, gradients, writer.definitions, values)


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
                self.terms[tensor] = self.input(tensor, tensor._array)
            else:
                made = call(tensor._fn, *self.arguments(tensor))
                self.terms[tensor] = self.write(self.writer.name(tensor, "v"), made, forward=True)

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
        name = self.writer.name(x, "v" if wants_gradient(x) else "c")
        self.writer.inputs[name] = values
        return Term(values, name=name)

    def backward(self, gradient):
        data = self.output._array
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
        term = lifted(term)
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
        own = [Tensor(a._array, a.requires_grad) if isinstance(a, Tensor) else a for a in args]
        y = run(fn, own, kwargs)
        leaves = [a for a in own if wants_gradient(a)]
        return y._array, *grad(y, leaves, np.ones(y.shape))

    try:
        return all(map(same, results(record), results(call_body)))
    except Exception:  # a body for arrays only, or one that leaves something out
        return False
