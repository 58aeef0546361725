"""Module: a function that owns parameters; Sequential: Modules in a row."""

from collections.abc import Iterator, Mapping
from typing import Any, overload

import numpy as np

from ..engine.arguments import real
from ..engine.tensor import Tensor

__all__ = ["Module", "Sequential"]


class MadeModule(type):
    """Looks at every Module after its __init__, which need not call super().__init__()."""

    def __call__(cls, *args, **kwargs):
        module = super().__call__(*args, **kwargs)
        for name, value in module._members():
            if isinstance(value, Tensor) and value.requires_grad and not value.is_leaf:
                raise TypeError(
                    f"{cls.__name__}.{name} was computed by {value.op}, so it cannot be trained: "
                    "make it a parameter with ml.Tensor(t.data, requires_grad=True), or compute it "
                    "in forward()"
                )
        module._register(module._members())
        return module


class Module(metaclass=MadeModule):
    """A function with parameters: its own, and those of the Modules among its attributes.

    Subclasses set attributes in __init__ and define forward(). Tensors and Modules in lists, tuples
    and dicts count as well.

    A parameter is a leaf Tensor that required a gradient when it was assigned. It stays one when
    `requires_grad = False` freezes it later. Constants are not parameters, and neither are results
    that forward() keeps. An array that belongs to the state without being trained, such as a
    running mean, is registered with register_buffer().

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> line(np.array([1.0, 2.0]))
    Tensor([2., 4.], op='multiply')
    >>> line.state_dict()
    {'slope': array(2.)}
    """

    training = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the Module computes. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define forward()")

    def __repr__(self) -> str:
        lines = [f"({name}): {module!r}" for name, module in self.named_children()]
        inside = "".join("\n  " + line.replace("\n", "\n  ") for line in lines)
        inside += "\n" if lines else ""
        return f"{type(self).__name__}({self.extra_repr()}{inside})"

    def extra_repr(self) -> str:
        """What stands between the brackets when a Module without Modules of its own is printed."""
        return ""

    # ---- attributes ------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        old = vars(self).get(name)
        if name in self._registered("buffers"):
            value = _buffer(name, value)
        elif isinstance(old, Tensor) and old in self._registered("parameters"):
            _check_replacement(name, old, value)
        super().__setattr__(name, value)
        self._register(_unpack(name, value))

    def register_buffer(self, name: str, value: Any) -> None:
        """Add an array to the state that no optimizer changes, such as a running mean.

        It is saved and loaded with the parameters. Assign to the attribute to change it. A Tensor
        must be a constant: a result with a graph would keep the graphs of all earlier steps alive.

        >>> model = Module()
        >>> model.register_buffer("mean", np.zeros(2))
        >>> model.mean = 0.9 * model.mean + 0.1 * np.ones(2)
        >>> model.state_dict()
        {'mean': array([0.1, 0.1])}
        """
        if name in vars(self) and name not in self._registered("buffers"):
            raise KeyError(f"register_buffer: {name} is an attribute already")
        self._registered("buffers")[name] = None
        setattr(self, name, value)

    def _registered(self, kind: str) -> dict[Any, None]:
        """Keys: the names of "buffers"; for "parameters", Tensors that required a gradient."""
        return vars(self).setdefault("_registry", {"buffers": {}, "parameters": {}})[kind]

    def _register(self, members: Iterator[tuple[str, Any]]) -> None:
        trainable = (value for _, value in members if _is_trainable(value))
        self._registered("parameters").update(dict.fromkeys(trainable))

    def _members(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and value: all attributes, and what their lists, tuples and dicts hold."""
        for name, value in vars(self).items():
            if name != "_registry":
                yield from _unpack(name, value)

    # ---- what belongs to it ----------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """Pairs of name and Module, for the Modules that belong to this one directly."""
        return ((name, value) for name, value in self._members() if isinstance(value, Module))

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Pairs of name and Tensor, in the order of definition, such as ("0.weight", ...).

        prefix : stands before each name, with its dot.
        """
        self._register(self._members())  # lists may have grown
        known = self._registered("parameters")
        for name, value in self._members():
            if isinstance(value, Tensor) and value in known:
                yield prefix + name, value
        for name, module in self.named_children():
            yield from module.named_parameters(f"{prefix}{name}.")

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, np.ndarray | Tensor]]:
        """Pairs of name and what register_buffer() registered."""
        for name in self._registered("buffers"):
            yield prefix + name, getattr(self, name)
        for name, module in self.named_children():
            yield from module.named_buffers(f"{prefix}{name}.")

    def parameters(self) -> list[Tensor]:
        """All parameters, each once, frozen ones included."""
        return list(dict.fromkeys(parameter for _, parameter in self.named_parameters()))

    def zero_grad(self) -> None:
        """Forget the gradients; backward() adds to what is there."""
        for p in self.parameters():
            p.grad = None

    def requires_grad_(self, requires_grad: bool = True) -> "Module":
        """Freeze all parameters (False), or let them be trained again. Returns the Module."""
        for p in self.parameters():
            p.requires_grad = requires_grad
        return self

    def train(self, mode: bool = True) -> "Module":
        """Say whether this is training: Dropout, for one, behaves differently then."""
        self.training = mode
        for _, module in self.named_children():
            module.train(mode)
        return self

    def eval(self) -> "Module":
        """The same as train(False)."""
        return self.train(False)

    # ---- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the values of all parameters and buffers by name.

        PyTorch's layers have the same names and shapes.
        """
        return {name: np.array(_values(value)) for name, value in self._state()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Set all parameters and buffers. Takes arrays, Tensors, or PyTorch's tensors on the CPU.

        Everything is checked before anything changes.

        Raises: TypeError for what is not a dict of numbers, KeyError for names that are missing or
        unknown, ValueError for shapes that differ.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                "state_dict must be a dict of arrays by name, such as model.state_dict() or "
                f"nn.load(path), got {state_dict!r:.60}"
            )
        own = dict(self._state())
        missing, unknown = sorted(own.keys() - state_dict), sorted(state_dict.keys() - own, key=str)
        if missing or unknown:
            raise KeyError(f"state_dict does not fit: it lacks {missing}, and {unknown} is unknown")
        values = {name: np.asarray(_values(value)) for name, value in state_dict.items()}
        for name, current in own.items():
            given = values[name]
            if not np.can_cast(given.dtype, current.dtype, "same_kind"):
                raise TypeError(f"{name} holds {current.dtype}, the state_dict has {given.dtype}")
            if given.shape != current.shape:
                raise ValueError(
                    f"{name} has shape {current.shape}, in the state_dict it has {given.shape}"
                )
        for name, current in own.items():
            if isinstance(current, Tensor):
                current.data = values[name]
            else:
                current[...] = values[name]

    def _state(self) -> Iterator[tuple[str, np.ndarray | Tensor]]:
        yield from self.named_parameters()
        yield from self.named_buffers()


def _unpack(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Pairs of name and item: lists, tuples and dicts are taken apart, at any depth."""
    if isinstance(value, set | frozenset):
        if any(isinstance(item, Tensor | Module) for item in value):
            raise TypeError(f"{name} is a set, which has no order: keep Modules in a list or dict")
    elif isinstance(value, list | tuple | dict):
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        if len({str(key) for key, _ in items}) < len(items):
            raise KeyError(f"{name} has keys that differ in type only, such as 1 and '1'")
        for key, item in items:
            yield from _unpack(f"{name}.{key}", item)
    else:
        yield name, value


def _is_trainable(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad and value.is_leaf


def _check_replacement(name: str, parameter: Tensor, value: Any) -> None:
    if not (value is None or value is parameter or _is_trainable(value)):
        raise TypeError(
            f"{name} is a parameter, and {value!r:.60} is not a leaf Tensor that requires a "
            f"gradient; to change its values, assign to {name}.data"
        )


def _values(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _buffer(name: str, value: Any) -> np.ndarray | Tensor:
    if isinstance(value, Tensor):
        if value.requires_grad:
            raise TypeError(f"buffer {name}: a constant is needed, pass t.data or t.detach()")
        return value
    return np.array(real(value, f"buffer {name}"))


class Sequential(Module):
    """Modules in a row; their parameters are named by position, as in PyTorch.

    An index gives a Module, a slice a Sequential of the same Modules.
    """

    def __init__(self, *modules: Module):
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential: argument {i} is not a Module: {module!r:.60}; {_cure(module)}"
                )
            setattr(self, str(i), module)

    @property
    def modules(self) -> tuple[Module, ...]:
        """The Modules in their order."""
        return tuple(module for name, module in vars(self).items() if name.isdigit())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            return Sequential(*self.modules[index])
        return self.modules[index]

    def __len__(self) -> int:
        return len(self.modules)

    def forward(self, x: Any) -> Any:
        for name, module in vars(self).items():
            if name.isdigit():  # as in `modules`, without the cost of a tuple in every step
                x = module.forward(x)
        return x


def _cure(given: Any) -> str:
    if isinstance(given, list | tuple):
        return "pass the Modules one by one: Sequential(*modules)"
    if isinstance(given, type):
        return f"it is a class: write {given.__name__}()"
    return "wrap a function in a Module, such as nn.Tanh() for np.tanh"
