"""What counts as a list of parameters, for everything that takes one."""

from collections.abc import Iterable

from .engine.tensor import Tensor

__all__ = ["parameter_list"]


def parameter_list(given: Tensor | Iterable[Tensor], name: str = "params") -> list[Tensor]:
    """The leaf Tensors in `given`, as a list: one Tensor counts as a list of one.

    Raises: TypeError for anything but a Tensor or an iterable of Tensors; ValueError for a Tensor
    that was computed from others, and for an empty list.

    >>> parameter_list(Tensor(1.0, requires_grad=True))
    [Tensor(1., requires_grad=True)]
    """
    if isinstance(given, Tensor):
        params = [given]
    elif callable(getattr(given, "parameters", None)):
        raise TypeError(f"{name} is a {type(given).__name__}: pass its .parameters()")
    else:
        try:
            params = list(given)
        except TypeError:
            raise TypeError(
                f"{name} must be a Tensor or a list of Tensors, got {given!r:.60}"
            ) from None
    if not params:
        raise ValueError(f"{name} is empty: pass model.parameters(), or a list of Tensors")
    for i, p in enumerate(params):
        if not isinstance(p, Tensor):
            raise TypeError(f"{name}[{i}] must be a Tensor, got {p!r:.60}")
        if not p.is_leaf:
            raise ValueError(
                f"{name}[{i}] was computed by {p.op}, so a new value of it would be lost: pass the "
                "Tensor it was computed from, or start anew with "
                "ml.Tensor(t.data, requires_grad=True)"
            )
    return params
