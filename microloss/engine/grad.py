"""The walk back through the graph, and the derivatives that are made of it.

A Tensor has a larger number than everything it was made of. So among the Tensors that wait, the
gradient of the youngest is complete: all that was computed from it has been visited. The walk takes
the youngest, asks its rules what each argument gets, and adds that to what the argument has:

    totals, waiting = {output: gradient}, {output}
    while waiting:
        waiting.remove(tensor := max(waiting, key=number))
        for rule, arg in zip(RULES.get(tensor._fn, ()), tensor._args or ()):
            if isinstance(arg, Tensor) and arg.requires_grad:
                d = rule(totals[tensor], tensor.data, *tensor._values, **tensor._kwargs)
                totals[arg] = totals.get(arg, 0) + unbroadcast(d, arg.shape)
                waiting.add(arg)

`walk` below is the same, with a heap to find the youngest. What it has besides: it frees the graph,
notices changed data, skips what no wanted input needs, and can record what it does.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import real
from .modes import Block, check_unwritten, mode, watch_back
from .rules import BROADCASTING, RULES, unbroadcast
from .tensor import Tensor

__all__ = ["grad", "hessian", "hessians", "hvp", "hvps", "jacobian", "jacobians"]

Values = ArrayLike | Tensor


# A list sorted by number would read best, but costs a tenth of a small training step.
@np.errstate(under="ignore")  # what underflows to 0 is meant to
def walk(output, gradient, retain_graph, create_graph, wrt=None) -> dict:
    """Gradients of the leaves of `output`'s graph, or of the Tensors in `wrt`, as a dict.

    Without create_graph the rules run on arrays; with it they run on Tensors and record.
    """
    useful = None if wrt is None else on_path_to(wrt, output)
    watching = mode.origins is not None
    totals = {}
    if output._fn is None or (wrt and output in wrt):
        totals[output] = gradient.copy()
    heap = [-output._number]  # heapq pops the smallest, and the youngest has the largest number
    waiting = {-output._number: (output, gradient)}
    while heap:
        tensor, g = waiting.pop(heappop(heap))
        fn, args, kwargs, number = tensor._fn, tensor._args, tensor._kwargs, tensor._number
        if args is None:
            if fn is None:
                continue  # the output itself is a leaf
            raise lost_graph(tensor)
        if tensor._keeps_grad:
            totals[tensor] = g.copy()
        if watching:
            check_unwritten(tensor)
        if create_graph:
            y, values = tensor, args
        else:
            y, values = tensor._array, tensor._values
        rules = RULES[fn]
        i = -1
        for arg in args:
            i += 1
            if not isinstance(arg, Tensor):
                continue
            arg_number = arg._number
            if arg_number > number:
                raise changed_after_use(arg, fn, i)
            if not arg.requires_grad or (useful is not None and arg not in useful):
                continue

            try:
                d = rules[i](g, y, *values, **kwargs)  # the chain rule
                if d.shape != arg._array.shape:
                    d = match_shape(d, arg, fn, i)
            except (AttributeError, IndexError) as error:
                raise explained(rules, i, fn, error) from error.__cause__

            if d.dtype is not arg._array.dtype:
                d = d.astype(arg._array.dtype)
            if watching:
                watch_back(array_of(d), array_of(g), fn, i, tensor)
            if arg._fn is None or (wrt and arg in wrt):
                if arg in totals:
                    totals[arg] = totals[arg] + d
                elif d is g or (d._array if create_graph else d).base is not None:
                    totals[arg] = d.copy()  # a leaf keeps its gradient: it must be its own
                else:
                    totals[arg] = d
            if arg._fn is not None:
                key = -arg_number
                if key in waiting:  # sum into a new array: add hands one array to both sides
                    waiting[key] = arg, waiting[key][1] + d
                else:
                    waiting[key] = arg, d
                    heappush(heap, key)
        if not retain_graph:
            tensor.forget(FREED)
    return totals


FREED = "its graph was freed by an earlier backward(); give that one retain_graph=True"


def array_of(x):
    return x._array if isinstance(x, Tensor) else np.asarray(x)


def match_shape(d, arg, fn, i):
    """d, summed to the shape of the argument it belongs to, if fn is a function that broadcasts."""
    if isinstance(fn, np.ufunc) or fn in BROADCASTING:
        d = unbroadcast(d, arg.shape)
    if d.shape != arg.shape:
        raise RuntimeError(
            f"the rule of {fn.__name__} for argument {i} returned shape {d.shape}, "
            f"the argument has shape {arg.shape}"
        )
    return d


# ---- what can be wrong with a graph --------------------------------------------------------------


def lost_graph(tensor):
    return RuntimeError(f"backward through {tensor.op} is not possible: {tensor._lost}")


def changed_after_use(arg, fn, i):
    return RuntimeError(
        f"backward through {fn.__name__}: the data of its argument {i}, of shape {arg.shape}, was "
        "changed after use; compute the result again"
    )


def explained(rules, i, fn, error):
    """The error in plain words, if it comes from a table entry and not from its formulas."""
    if isinstance(error, AttributeError) and error.name == "shape":
        return RuntimeError(
            f"the rule of {fn.__name__} for argument {i} returned {error.obj!r}, not an array"
        )
    if isinstance(rules, tuple) and i >= len(rules):
        return RuntimeError(
            f"{fn.__name__} has rules for {len(rules)} of its arguments, and got a Tensor as "
            f"argument {i}: each needs a rule, or None"
        )
    return error


# ---- the graph -----------------------------------------------------------------------------------


def graph(output: Tensor) -> list[Tensor]:
    """All Tensors that output was computed from, and output; arguments before results."""
    seen, stack = {output}, [output]
    while stack:
        for arg in stack.pop()._args or ():
            if isinstance(arg, Tensor) and arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return sorted(seen, key=lambda tensor: tensor._number)


def on_path_to(wrt: set[Tensor], output: Tensor) -> set[Tensor]:
    """The Tensors of output's graph on a path to one of `wrt`."""
    tensors = graph(output)
    if not wrt.issubset(tensors):
        for tensor in tensors:
            if tensor._lost is not None:
                raise lost_graph(tensor)  # it may have been the way to what is missing
    useful = set(wrt)
    for tensor in tensors:
        if any(isinstance(arg, Tensor) and arg in useful for arg in tensor._args or ()):
            useful.add(tensor)
    return useful


# ---- backward and grad ---------------------------------------------------------------------------


def seed(output, gradient, create_graph):
    """The gradient to start from, checked."""
    if not output.requires_grad:
        raise RuntimeError(
            "this Tensor does not depend on any Tensor with requires_grad=True: nothing to "
            "differentiate (was it computed inside no_grad(), from .data or after detach()?)"
        )
    if gradient is None:
        if output._array.size != 1:
            raise RuntimeError(
                f"a gradient starts from one number, this Tensor has shape {output.shape}: reduce "
                "it with .sum() or .mean(), or say how much each element counts: "
                "backward(gradient=...), grad(..., grad_output=...)"
            )
        gradient = np.array(1, output._array.dtype)
        if output._array.ndim:
            gradient = gradient.reshape(output.shape)
        if not create_graph:
            return gradient
    elif not isinstance(gradient, Tensor):
        gradient = np.array(real(gradient, "gradient"), output.dtype)
    if gradient.shape != output.shape:
        raise ValueError(
            f"gradient has shape {gradient.shape}, the Tensor has shape {output.shape}"
        )
    if create_graph:
        return gradient if isinstance(gradient, Tensor) else Tensor(gradient)
    return gradient.data if isinstance(gradient, Tensor) else gradient


def differentiate(output, gradient, retain_graph, create_graph, wrt=None) -> dict:
    """walk(), with its start checked and, for create_graph, everything recorded."""
    gradient = seed(output, gradient, create_graph)
    if not create_graph:
        return walk(output, gradient, retain_graph, False, wrt)
    with Block(recording=True):
        return walk(output, gradient, True, True, wrt)


def backward(
    self: Tensor,
    gradient: Values | None = None,
    retain_graph: bool = False,
    create_graph: bool | None = None,
) -> None:
    """Add the derivative of this Tensor to the `.grad` of every leaf it was computed from.

    Formula: `leaf.grad += gradient^T d self / d leaf`.

    gradient : weights of this Tensor's elements, of its shape; 1 for a single number.
    retain_graph : keep the graph, so that backward() can run again.
    create_graph : make the gradients Tensors that can be differentiated again (keeps the graph);
        by default inside a function that jacobian(), hessian() or hvp() differentiates.

    Raises: RuntimeError when there is nothing to differentiate, for more than one element without
    `gradient`, through a freed graph, and when data was changed since the forward pass.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """
    if create_graph is None:
        create_graph = mode.nested and mode.recording
    for leaf, total in differentiate(self, gradient, retain_graph, create_graph).items():
        if leaf.grad is not None:
            keep = create_graph or type(leaf.grad) is np.ndarray
            total = (leaf.grad if keep else array_of(leaf.grad)) + total
        if not create_graph and type(total) is not np.ndarray:
            total = np.asarray(total)  # the sum of two arrays of shape () is a NumPy scalar
        leaf.grad = total


Tensor.backward = backward  # type: ignore[method-assign]


def grad(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    grad_output: Values | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool | None = None,
) -> tuple[Any, ...]:
    """The derivatives of `output` with respect to `inputs`, without touching any `.grad`.

    Formula: `grad_output^T d output / d input` for each input, of the input's shape.

    Returns a tuple of arrays; of Tensors that can be differentiated again with create_graph.
    retain_graph : keep the graph for another call; by default when create_graph is set.
    create_graph : record the derivatives; by default inside a function that jacobian(), hessian()
        or hvp() differentiates.

    Raises: RuntimeError as backward() does, and when an input was not used to compute the output.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> (dx,) = grad(x**3, x, create_graph=True)
    >>> grad(dx, x)                                      # 6 x
    (array(12.),)
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for name, x in [("output", output), *((f"inputs[{i}]", x) for i, x in enumerate(inputs))]:
        if not isinstance(x, Tensor):
            raise TypeError(f"grad: {name} must be a Tensor, got {x!r:.60}")
    if create_graph is None:
        create_graph = mode.nested and mode.recording
    retain_graph = create_graph if retain_graph is None else retain_graph
    totals = differentiate(output, grad_output, retain_graph, create_graph, set(inputs))
    for i, tensor in enumerate(inputs):
        if tensor not in totals:
            raise RuntimeError(f"grad: output does not depend on inputs[{i}], {tensor!r:.60}")
    results: list[Any] = []
    given = set()
    for tensor in inputs:
        total = totals[tensor].copy() if tensor in given else totals[tensor]
        given.add(tensor)
        results.append(total if create_graph else np.asarray(total))
    return tuple(results)


# ---- whole derivatives of functions --------------------------------------------------------------


def slopes(output, inputs, gradient=None, create_graph=False) -> list:
    """d output / d x for each input x, 0 where output does not depend on it; keeps the graph."""
    totals = {}
    if isinstance(output, Tensor) and output.requires_grad:
        totals = differentiate(output, gradient, True, create_graph, set(inputs))
    make = Tensor if create_graph else np.asarray
    return [totals[x] if x in totals else make(np.zeros_like(x.data)) for x in inputs]


def is_recorded(given):
    """Whether a derivative should be recorded itself: if its inputs, or the code around it, are."""
    wanted = any(isinstance(x, Tensor) and x.requires_grad for x in given)
    return mode.recording and (mode.nested or wanted)


def variable(x, create_graph):
    """A Tensor to differentiate by, still connected to x if that is recorded."""
    if create_graph and isinstance(x, Tensor) and x.requires_grad:
        return +x
    return Tensor(x._array if isinstance(x, Tensor) else x, requires_grad=True)


def evaluate(name, f, inputs, allow_unused, create_graph):
    """The inputs as Tensors of their own, and f of them, checked."""
    with Block(recording=True, nested=True):
        variables = [variable(x, create_graph) for x in inputs]
        output = f(*variables)
    if not isinstance(output, Tensor):
        raise TypeError(
            f"{name}: f must return a Tensor, it returned {output!r:.60} (is a return missing, or "
            "was .item(), .data or float() used on the way?)"
        )
    for i, x in enumerate(variables):
        if not allow_unused and output not in on_path_to({x}, output):
            which = f"inputs[{i}]" if len(inputs) > 1 else "its input"
            raise RuntimeError(
                f"{name}: the result of f does not depend on {which} (was .data, detach() or "
                "no_grad() used?); allow_unused=True gives zeros"
            )
    return variables, output


def check_list(name, inputs):
    if not isinstance(inputs, list | tuple) or not inputs:
        raise TypeError(f"{name}: inputs must be a list of arrays or Tensors, got {inputs!r:.60}")


def unit_vectors(like):
    """The arrays of one shape that are 1 at one element and 0 elsewhere."""
    for i in range(like.size):
        unit = np.zeros(like.shape, like.dtype)
        unit.flat[i] = 1
        yield unit


def all_slopes(output, inputs, create_graph) -> tuple:
    """The Jacobian of output for each input, of shape output.shape + x.shape."""
    rows = [slopes(output, inputs, unit, create_graph) for unit in unit_vectors(output)]
    jacobians = []
    for i, x in enumerate(inputs):
        shape = output.shape + x.shape
        if create_graph and rows:
            jacobians.append(np.stack([row[i] for row in rows]).reshape(shape))
        else:
            jacobians.append(np.array([row[i] for row in rows], x.dtype).reshape(shape))
    return tuple(jacobians)


def jacobian(
    f: Callable, x: Values, *, allow_unused: bool = False, create_graph: bool | None = None
) -> Any:
    """All first derivatives of f at x: J[i, j] = d f(x)_i / d x_j.

    Shapes: f(x).shape + x.shape, one walk for each element of f(x). For functions of several
    arguments: jacobians(f, [x, y]).

    allow_unused : give zeros where f(x) does not depend on x, which is an error otherwise.
    create_graph : return a Tensor that can be differentiated again; by default where x is a Tensor
        that requires a gradient, and inside a function that is differentiated. An array otherwise.

    Raises: TypeError when f returns anything but a Tensor; RuntimeError when its result does not
    depend on x.

    >>> jacobian(lambda x: x[0] * x, [2.0, 3.0])
    array([[4., 0.],
           [3., 2.]])
    """
    create_graph = is_recorded([x]) if create_graph is None else create_graph
    variables, output = evaluate("jacobian", f, [x], allow_unused, create_graph)
    return all_slopes(output, variables, create_graph)[0]


def jacobians(
    f: Callable,
    inputs: Sequence[Values],
    *,
    allow_unused: bool = False,
    create_graph: bool | None = None,
) -> tuple[Any, ...]:
    """The Jacobian of f(*inputs) for each input; options and errors are those of jacobian().

    >>> jacobians(lambda x, y: x * y, [2.0, 3.0])
    (array(3.), array(2.))
    """
    check_list("jacobians", inputs)
    create_graph = is_recorded(inputs) if create_graph is None else create_graph
    variables, output = evaluate("jacobians", f, inputs, allow_unused, create_graph)
    return all_slopes(output, variables, create_graph)


def slopes_of_number(name, f, inputs, allow_unused, create_graph):
    """The inputs as Tensors, and the recorded first derivatives of f, which gives one number."""
    variables, output = evaluate(name, f, inputs, allow_unused, create_graph)
    if output.size != 1:
        raise ValueError(f"{name}: f must return one number, it returned shape {output.shape}")
    return variables, slopes(output, variables, create_graph=True)


def hvp(
    f: Callable,
    x: Values,
    v: Values,
    *,
    allow_unused: bool = False,
    create_graph: bool | None = None,
) -> Any:
    """The Hessian of f at x times v, at the cost of a few gradients, without the Hessian.

    Formula: H v = d/dx (grad f(x)^T v). Shapes: x, v and the result have one shape. For functions
    of several arguments: hvps(f, [x, y], [v, w]).

    Options and errors are those of jacobian(); ValueError when f returns more than one number, or v
    has another shape than x. Where f is linear in x, the result is 0.

    >>> hvp(lambda x: np.sum(x**3), [1.0, 2.0], [1.0, 1.0])
    array([ 6., 12.])
    """
    return products("hvp", f, [x], [v], allow_unused, create_graph)[0]


def hvps(
    f: Callable,
    inputs: Sequence[Values],
    vectors: Sequence[Values],
    *,
    allow_unused: bool = False,
    create_graph: bool | None = None,
) -> tuple[Any, ...]:
    """The Hessian of f(*inputs) with respect to all inputs, times all vectors; see hvp().

    >>> hvps(lambda x, y: x * x * y, [2.0, 3.0], [1.0, 1.0])  # [[2y, 2x], [2x, 0]] times [1, 1]
    (array(10.), array(4.))
    """
    check_list("hvps", inputs)
    if len(vectors) != len(inputs):
        raise ValueError(f"hvps: {len(inputs)} inputs, but {len(vectors)} vectors")
    return products("hvps", f, inputs, vectors, allow_unused, create_graph)


def products(name, f, inputs, vectors, allow_unused, create_graph):
    if create_graph is None:
        create_graph = is_recorded([*inputs, *vectors])
    variables, firsts = slopes_of_number(name, f, inputs, allow_unused, create_graph)
    totals = [0] * len(variables)
    for i, (x, first, v) in enumerate(zip(variables, firsts, vectors)):
        if not isinstance(v, Tensor):
            v = real(v, "v")
        if v.shape != x.shape:
            where = f" {i}" if len(inputs) > 1 else ""
            raise ValueError(f"{name}: v{where} has shape {v.shape}, x{where} has shape {x.shape}")
        seconds = slopes(first, variables, v, create_graph)
        totals = [total + second for total, second in zip(totals, seconds)]
    return tuple(totals if create_graph else map(np.asarray, totals))


def hessian(
    f: Callable, x: Values, *, allow_unused: bool = False, create_graph: bool | None = None
) -> Any:
    """All second derivatives of f at x: H[i, j] = d^2 f / d x_i d x_j.

    Shapes: x.shape + x.shape, one walk for each element of x. For functions of several arguments:
    hessians(f, [x, y]).

    Options and errors are those of jacobian(); ValueError when f returns more than one number.
    Where f is linear in x, the Hessian is 0.

    >>> hessian(lambda x: x[0] ** 2 * x[1], [1.0, 2.0])
    array([[4., 2.],
           [2., 0.]])
    """
    create_graph = is_recorded([x]) if create_graph is None else create_graph
    variables, firsts = slopes_of_number("hessian", f, [x], allow_unused, create_graph)
    return all_slopes(firsts[0], variables, create_graph)[0]


def hessians(
    f: Callable,
    inputs: Sequence[Values],
    *,
    allow_unused: bool = False,
    create_graph: bool | None = None,
) -> tuple[tuple[Any, ...], ...]:
    """The blocks of the Hessian of f(*inputs): [i][j] belongs to inputs i and j; see hessian().

    >>> hessians(lambda x, y: x * x * y, [2.0, 3.0])
    ((array(6.), array(4.)), (array(4.), array(0.)))
    """
    check_list("hessians", inputs)
    create_graph = is_recorded(inputs) if create_graph is None else create_graph
    variables, firsts = slopes_of_number("hessians", f, inputs, allow_unused, create_graph)
    return tuple(all_slopes(first, variables, create_graph) for first in firsts)
