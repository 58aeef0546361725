"""Files: the state of a run in one .npz, without pickles."""

import json
import zipfile
from typing import Any

import numpy as np

from ..engine.tensor import Tensor

__all__ = ["load", "save"]


def save(path, state: dict) -> None:
    """Write nested dicts and lists of arrays, numbers and strings to an .npz file, without pickles.

    A whole run: `save("run.npz", {"model": model.state_dict(), "optimizer":
    optimizer.state_dict(), "rng": rng.bit_generator.state})`.

    Keys are strings or integers. NumPy numbers come back as Python numbers, tuples as lists.

    Raises: TypeError for anything else, with its place in the state; the file is then not touched.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_outline(state, "state", arrays))
    with open(path, "wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, outline=text, **{f"a{i}": a for i, a in enumerate(arrays)}
        )


def _outline(value: Any, place: str, arrays: list[np.ndarray]) -> Any:
    """What JSON can hold of a value; its arrays are appended to `arrays`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) in (np.ndarray, np.memmap) and not value.dtype.hasobject:
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list | tuple):
        return [_outline(item, f"{place}[{i}]", arrays) for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if type(key) not in (str, int):
                raise TypeError(f"save: keys must be strings or integers; {place} has {key!r:.60}")
        pairs = [[key, _outline(v, f"{place}[{key!r}]", arrays)] for key, v in value.items()]
        return {"dict": pairs}
    raise TypeError(f"save: {place} is {value!r:.60}; {_cure(value)}")


def _cure(value: Any) -> str:
    if isinstance(value, Tensor):
        return "pass its values, t.data"
    if hasattr(value, "state_dict"):
        return "pass its .state_dict()"
    if isinstance(value, np.ma.MaskedArray):
        return "pass its .filled(...) values, and the mask beside them"
    return "dicts, lists, arrays of numbers or strings, numbers and strings can be saved"


def load(path) -> dict:
    """Read what save() wrote. No code in the file is run, even if a stranger made it.

    Raises: FileNotFoundError, and ValueError for a file that save() did not write.
    """
    try:
        file = np.load(path, allow_pickle=False)
    except (EOFError, zipfile.BadZipFile):
        raise ValueError(f"{path} is empty or cut short") from None
    except ValueError:
        raise ValueError(f"{path} was not written by nn.save; it is not an .npz file") from None
    if isinstance(file, np.ndarray):
        raise ValueError(f"{path} holds one array of shape {file.shape}: read it with np.load")
    with file:
        if "outline" not in file:
            raise ValueError(_other_archive(path, file.files))
        return _restore(json.loads(str(file["outline"])), file)


def _restore(value: Any, file) -> Any:
    if isinstance(value, list):
        return [_restore(item, file) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return file[f"a{value['array']}"]
    return {key: _restore(item, file) for key, item in value["dict"]}


def _other_archive(path, names: list[str]) -> str:
    if any(name.endswith("data.pkl") for name in names):
        return (
            f"{path} was written by torch.save: in PyTorch, write it with np.savez(path, **state)"
        )
    return f"{path} was not written by nn.save; it holds {names[:8]}: read it with np.load"
