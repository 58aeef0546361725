"""The process in which a student's file runs, started by `marking`: it calls, and sends back.

It is given one call at a time and knows neither the checks nor the right answers.  Both ways go
one JSON object a line, never pickles, which could run code in the grader.
"""

import ast
import contextlib
import json
import math
import os
import random
import sys
import traceback
import types
import warnings

import numpy as np

# ---- values as JSON ------------------------------------------------------------------------------

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


# ---- limits --------------------------------------------------------------------------------------


def limit(megabytes, seconds):
    """Bound memory, processor time and the size of files, where the system knows how."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (
        (resource.RLIMIT_AS, megabytes << 20),
        (resource.RLIMIT_CPU, math.ceil(seconds)),
        (resource.RLIMIT_FSIZE, 16 << 20),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows limits that it does not set
            resource.setrlimit(kind, (most, most))


# what Python tells an audit hook: event -> how many paths its arguments begin with
PATHS = {
    "open": 1, "os.listdir": 1, "os.scandir": 1, "os.chdir": 1, "os.chmod": 1, "os.chown": 1,
    "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.truncate": 1, "os.utime": 1, "os.rename": 2,
    "os.link": 2, "os.symlink": 2,
}  # fmt: skip
READING = {"os.listdir", "os.scandir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
REFUSED = (
    "subprocess.", "socket.", "ctypes.", "mmap.", "os.exec", "os.fork", "os.posix_spawn",
    "os.spawn", "os.startfile", "os.system", "os.kill", "pty.", "winreg.",
)  # fmt: skip


def fence(home, library):
    """Refuse files outside `home` but Python's own packages, other processes, and the network.

    The hook cannot be taken away again. It stops Python code, not code in C made to get past it.
    """
    here = os.path.realpath(__file__)
    packages = [os.path.realpath(path) for path in sys.path]
    # the project itself may be among them, and it holds the checks
    packages = [path for path in packages if not here.startswith(path + os.sep)]
    readable = [home, library, *packages, os.devnull, "/dev/urandom"]

    def within(path, folders):
        real = os.path.realpath(os.fsdecode(path))
        return any(real == folder or real.startswith(folder + os.sep) for folder in folders)

    def hook(event, values):
        if event.startswith(REFUSED):
            raise PermissionError(f"{event} is not open to a file that is being checked")
        if event == "import" and values[0].startswith("microloss."):
            raise ImportError(f"{values[0]} is not open here: use what the sheet imports")
        for path in values[: PATHS.get(event, 0)]:
            if isinstance(path, str | bytes | os.PathLike):
                reads = event in READING or (event == "open" and not values[2] & WRITING)
                if not within(path, readable if reads else [home]):
                    raise PermissionError(f"{os.fsdecode(path)}: closed to a file being checked")

    sys.addaudithook(hook)


# ---- the student's file --------------------------------------------------------------------------


class Submission:
    """A student's file: its functions, and which of them nobody has begun."""

    def __init__(self, source, name, given):
        self.name, self.lines = name, source.splitlines()
        tree = ast.parse(source, name)
        foreign = sorted(imported(tree) - imported(ast.parse(given)))
        foreign = [n for n in foreign if n.partition(".")[0] not in sys.stdlib_module_names]
        if foreign:
            raise ImportError(f"it imports {', '.join(foreign)}; use what the sheet imports")
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        self.empty = [node.name for node in functions if is_empty(node)]
        self.module = types.ModuleType("submission")
        sys.modules["submission"] = self.module  # where dataclasses and the like look it up
        exec(compile(tree, name, "exec"), vars(self.module))

    def call(self, name, args, driver, call):
        """Call a function; what came back, and the positions of the arguments that are changed."""
        function = getattr(self.module, name)
        before = [json.dumps(encode(a)) for a in args]
        names = scope()
        exec(driver, names)
        value = encode(names[call](function, *args))
        changed = [i for i, a in enumerate(args) if json.dumps(encode(a)) != before[i]]
        return {"value": value, "changed": changed}


def is_empty(function):
    """Whether a function has no more than a docstring and `...` or `pass`."""
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )


def imported(tree):
    """What a file imports, NumPy aside, as dotted names."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module or '.'}.{alias.name}" for alias in node.names}
    return {name for name in names if name.partition(".")[0] != "numpy"}


def describe(error, name, source):
    """An exception as its author can use it: what it says, and where in the file."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == name]
    line = frames[-1].lineno if frames else getattr(error, "lineno", None)
    lines = source.splitlines()
    where = f"line {line}: {lines[line - 1].strip()[:100]}" if line and line <= len(lines) else ""
    text = getattr(error, "msg", None) if isinstance(error, SyntaxError) else str(error)
    return {"kind": type(error).__name__, "text": str(text)[:1000], "where": where}


def serve(job, requests, replies):
    """Load the file, then answer one call after the other."""
    submission = None
    for line in requests:
        request = json.loads(line)
        try:
            if submission is None:
                submission = Submission(job["source"], job["name"], job["given"])
                there = [name for name, value in vars(submission.module).items() if callable(value)]
                reply = {"functions": there, "empty": submission.empty}
            else:
                request["args"] = decode(request["args"])
                reply = submission.call(**request)
            reply = json.dumps(reply)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too
            reply = json.dumps({"error": describe(error, job["name"], job["source"])})
        print(reply, file=replies, flush=True)


def main():
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the file prints must not mix with the replies
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    job = json.loads(requests.readline())
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    random.seed(0)
    np.random.seed(0)
    limit(job["megabytes"], job["seconds"])
    fence(os.path.realpath(os.getcwd()), os.path.dirname(os.path.realpath(microloss.__file__)))
    serve(job, requests, replies)


if __name__ == "__main__":
    sys.path[0] = sys.argv.pop()  # where microloss is, not the folder of the checks
    import microloss

    main()
