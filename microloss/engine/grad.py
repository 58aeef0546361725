"""The walk back through the graph, and the derivatives that are made of it.

A Tensor has a larger number than everything it was made of.  So the walk takes the youngest Tensor
that waits, asks its rules what each argument gets, and adds that to what the argument has already:
when an argument's turn comes, all its consumers have been visited and its gradient is complete.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import numpy as np

from .arguments import real
from .modes import first_bad, mode, mode_set
from .rules import BROADCASTING, RULES, unbroadcast
from .tensor import Tensor

__all__ = ["grad", "hessian", "hvp", "jacobian"]


@np.errstate(under="ignore")  # what underflows to 0 is meant to
def walk(output, gradient, retain_graph, create_graph, towards=None) -> dict:
    """Gradients of the leaves of `output`'s graph, or of the Tensors in `towards`, as a dict.

    Without create_graph the rules run on arrays; with it they run on Tensors and record.
    """
    useful = None if towards is None else leading_to(towards, output)
    watching = mode.origins is not None
    totals = {}
    if output._fn is None or (towards and output in towards):
        totals[output] = gradient.copy()
    heap = [-output._number]  # heapq pops the smallest, the youngest has the largest number
    waiting = {-output._number: (output, gradient)}
    while heap:
        tensor, g = waiting.pop(heappop(heap))
        fn, args, kwargs, number = tensor._fn, tensor._args, tensor._kwargs, tensor._number
        if args is None:
            if fn is None:
                continue  # the output itself is a leaf
            raise dead_end(tensor)
        if tensor._keeps_grad:
            totals[tensor] = g.copy()
        if create_graph:
            y, values = tensor, args
        else:
            y, values = tensor._data, tensor._values
        rules = RULES[fn]
        i = -1
        for arg in args:
            i += 1
            if not isinstance(arg, Tensor):
                continue
            if arg._number > number:
                raise RuntimeError(
                    f"backward through {fn.__name__}: the data of its argument {i}, of shape "
                    f"{arg.shape}, was changed after use; compute the result again"
                )
            if not arg.requires_grad or (useful is not None and arg not in useful):
                continue
            try:
                d = rules[i](g, y, *values, **kwargs)
                if d.shape != arg._data.shape:
                    d = fitted(d, arg, fn, i)
            except (AttributeError, IndexError) as error:
                check_rules(rules, i, fn, error)
                raise
            if d.dtype is not arg._data.dtype:
                d = d.astype(arg._data.dtype)
            if watching:
                check(d, g, fn, i, tensor)
            if arg._fn is None or (towards and arg in towards):
                if arg in totals:
                    totals[arg] = totals[arg] + d
                elif d is g or (d._data if create_graph else d).base is not None:
                    totals[arg] = d.copy()  # a leaf keeps its gradient: it must be its own
                else:
                    totals[arg] = d
            if arg._fn is not None:
                key = -arg._number
                if key in waiting:  # sum into a new array: add hands one array to both sides
                    waiting[key] = arg, waiting[key][1] + d
                else:
                    waiting[key] = arg, d
                    heappush(heap, key)
        if not retain_graph:
            tensor._args = tensor._values = None
            tensor._kwargs = FREED
    return totals


FREED = "its graph was freed by an earlier backward(); give that one retain_graph=True"


def dead_end(tensor):
    return RuntimeError(f"backward through {tensor.op} is not possible: {tensor._kwargs}")


def fitted(d, arg, fn, i):
    """d, summed to the shape of the argument it belongs to, if fn is a function that broadcasts."""
    if isinstance(fn, np.ufunc) or fn in BROADCASTING:
        d = unbroadcast(d, arg.shape)
    if d.shape != arg.shape:
        raise RuntimeError(
            f"the rule of {fn.__name__} for argument {i} returned shape {d.shape}, "
            f"the argument has shape {arg.shape}"
        )
    return d


def check_rules(rules, i, fn, error):
    """Say it plainly where an error comes of an operation's table entry, not of its formulas."""
    if isinstance(error, AttributeError) and error.name == "shape":
        raise RuntimeError(
            f"the rule of {fn.__name__} for argument {i} returned {error.obj!r}, not an array"
        ) from None
    if isinstance(rules, tuple) and i >= len(rules):
        raise RuntimeError(
            f"{fn.__name__} has rules for {len(rules)} of its arguments, and got a Tensor as "
            f"argument {i}: each needs a rule, or None"
        ) from None


def check(d, g, fn, i, tensor):
    """Backward check of detect_anomaly()."""
    d, g = (x.data if isinstance(x, Tensor) else np.asarray(x) for x in (d, g))
    at = first_bad(d, (g, *tensor._values))
    if at is not None:
        where = mode.origins.get(tensor._number, "a line outside of detect_anomaly()")
        raise FloatingPointError(
            f"backward through {fn.__name__} made {d[at]} at element {at} of the gradient of its "
            f"argument {i}; {fn.__name__} was called at {where}"
        )


def leading_to(towards, output) -> set:
    """The Tensors of output's graph on a path to one of `towards`."""
    seen, stack = {output}, [output]
    while stack:
        for arg in stack.pop()._args or ():
            if isinstance(arg, Tensor) and arg not in seen:
                seen.add(arg)
                stack.append(arg)
    if not towards <= seen:
        for tensor in seen:
            if tensor._args is None and tensor._fn is not None:
                raise dead_end(tensor)  # which may have been the way to what is missing
    useful = set(towards)
    for tensor in sorted(seen, key=lambda t: t._number):
        if any(isinstance(arg, Tensor) and arg in useful for arg in tensor._args or ()):
            useful.add(tensor)
    return useful


def seed(output, gradient, create_graph):
    """The gradient to start from, checked."""
    if not output.requires_grad:
        raise RuntimeError(
            "this Tensor does not depend on any Tensor with requires_grad=True: nothing to "
            "differentiate (was it computed inside no_grad(), from .data or after detach()?)"
        )
    if gradient is None:
        if output._data.size != 1:
            raise RuntimeError(
                f"a gradient starts from one number, this Tensor has shape {output.shape}: reduce "
                "it with .sum() or .mean(), or say how much each element counts: "
                "backward(gradient=...), grad(..., grad_output=...)"
            )
        gradient = np.array(1, output._data.dtype)
        if output._data.ndim:
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


def differentiate(output, gradient, retain_graph, create_graph, towards=None) -> dict:
    """walk(), with its start checked and, for create_graph, everything recorded."""
    gradient = seed(output, gradient, create_graph)
    if not create_graph:
        return walk(output, gradient, retain_graph, False, towards)
    with mode_set(recording=True):
        return walk(output, gradient, True, True, towards)


def backward(
    self: Tensor, gradient=None, retain_graph: bool = False, create_graph: bool = False
) -> None:
    """Add the derivative of this Tensor to the `.grad` of every leaf it was computed from.

    Formula: `leaf.grad += gradient^T d self / d leaf`.

    gradient : weights of this Tensor's elements, of its shape; 1 for a single number.
    retain_graph : keep the graph, so that backward() can run again.
    create_graph : make the gradients Tensors that can be differentiated again (keeps the graph).

    Raises RuntimeError when there is nothing to differentiate, for more than one element without
    `gradient`, through a freed graph, and when data was changed since the forward pass.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """
    for leaf, total in differentiate(self, gradient, retain_graph, create_graph).items():
        if leaf.grad is not None:
            total = leaf.grad + total
        if not create_graph and type(total) is not np.ndarray:
            total = np.asarray(total)  # the sum of two arrays of shape () is a NumPy scalar
        leaf.grad = total


Tensor.backward = backward


def grad(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    grad_output=None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> tuple:
    """The derivatives of `output` with respect to `inputs`, without touching any `.grad`.

    Formula: `grad_output^T d output / d input` for each input, of the input's shape.

    Returns a tuple of arrays; of Tensors that can be differentiated again with create_graph.
    retain_graph : keep the graph for another call; by default when create_graph is set.

    Raises RuntimeError as backward() does, and when an input was not used to compute the output.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> (dx,) = grad(x**3, x, create_graph=True)
    >>> grad(dx, x)                                      # 6 x
    (array(12.),)
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for name, x in [("output", output), *((f"inputs[{i}]", x) for i, x in enumerate(inputs))]:
        if not isinstance(x, Tensor):
            raise TypeError(f"grad: {name} must be a Tensor, got {x!r:.60}")
    retain_graph = create_graph if retain_graph is None else retain_graph
    totals = differentiate(output, grad_output, retain_graph, create_graph, set(inputs))
    for i, tensor in enumerate(inputs):
        if tensor not in totals:
            raise RuntimeError(f"grad: output does not depend on inputs[{i}], {tensor!r:.60}")
    return tuple(totals[t] if create_graph else np.asarray(totals[t]) for t in inputs)


# ---- whole derivatives of functions --------------------------------------------------------------


def variable(x) -> Tensor:
    return Tensor(x.data if isinstance(x, Tensor) else x, requires_grad=True)


def derivative(output, x, gradient=None, create_graph=False):
    """d output / d x, 0 where output does not depend on x; keeps the graph."""
    totals = {}
    if isinstance(output, Tensor) and output.requires_grad:
        totals = differentiate(output, gradient, True, create_graph, {x})
    return totals.get(x, Tensor(np.zeros_like(x.data)) if create_graph else np.zeros_like(x.data))


def unit_vectors(like):
    """The arrays of one shape that are 1 at one element and 0 elsewhere."""
    for i in range(like.size):
        unit = np.zeros_like(like)
        unit.flat[i] = 1
        yield unit


def scalar(f, x, name):
    y = f(x)
    if np.size(y) != 1:
        raise ValueError(f"{name}(f, x): f must return one number, it returned shape {y.shape}")
    return y


def jacobian(f: Callable, x) -> np.ndarray:
    """All first derivatives of f at x: J[i, j] = d f(x)_i / d x_j.

    Shapes: f(x).shape + x.shape, one walk for each element of f(x).

    >>> jacobian(lambda x: x[0] * x, [2.0, 3.0])
    array([[4., 0.],
           [3., 2.]])
    """
    x = variable(x)
    y = f(x)
    rows = [derivative(y, x, unit) for unit in unit_vectors(np.zeros(np.shape(y), x.dtype))]
    return np.array(rows, x.dtype).reshape(np.shape(y) + x.shape)


def hvp(f: Callable, x, v) -> np.ndarray:
    """The Hessian of f at x times v, at the cost of a few gradients, without the Hessian.

    Formula: H v = d/dx (grad f(x)^T v).  Shapes: x, v and the result have one shape.

    >>> hvp(lambda x: np.sum(x**3), [1.0, 2.0], [1.0, 1.0])
    array([ 6., 12.])
    """
    x = variable(x)
    v = np.asarray(v.data if isinstance(v, Tensor) else v, x.dtype)
    if v.shape != x.shape:
        raise ValueError(f"hvp(f, x, v): v has shape {v.shape}, x has shape {x.shape}")
    return np.asarray(derivative(derivative(scalar(f, x, "hvp"), x, create_graph=True), x, v))


def hessian(f: Callable, x) -> np.ndarray:
    """All second derivatives of f at x: H[i, j] = d^2 f / d x_i d x_j.

    Shapes: x.shape + x.shape, one walk for each element of x.

    >>> hessian(lambda x: x[0] ** 2 * x[1], [1.0, 2.0])
    array([[4., 2.],
           [2., 0.]])
    """
    x = variable(x)
    slope = derivative(scalar(f, x, "hessian"), x, create_graph=True)
    rows = [derivative(slope, x, unit) for unit in unit_vectors(x.data)]
    return np.array(rows, x.dtype).reshape(x.shape * 2)
