"""What passes between the grader and a student's process: values as JSON, and a driver's names.

JSON and not pickles, which could run code in the grader.
"""

import numpy as np

KINDS = {"b": bool, "i": np.int64, "u": np.uint64, "f": np.float64}


def encode(value):
    """Numbers, strings, arrays, Tensors, and lists, tuples and dicts of them, ready for JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value).__name__ == "Tensor":
        value = value.data
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in KINDS:
            raise TypeError(f"it returns an array of dtype {value.dtype}, not of numbers")
        value = value.astype(KINDS[value.dtype.kind])
        return {"array": value.tolist(), "kind": value.dtype.kind, "shape": value.shape}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    raise TypeError(f"it returns a {type(value).__name__}: no number, array, list or dict")


def decode(data):
    """What encode made; tuples come back as lists."""
    if isinstance(data, list):
        return [decode(item) for item in data]
    if isinstance(data, dict) and "dict" in data:
        return {decode(key): decode(item) for key, item in data["dict"]}
    if isinstance(data, dict):
        return np.array(data["array"], KINDS[data["kind"]]).reshape(data["shape"])
    return data


def scope():
    """What the function that makes a call may use."""
    import microloss

    return {"np": np, "ml": microloss, "Tensor": microloss.Tensor, "grad": microloss.grad}
