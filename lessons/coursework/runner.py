"""The process in which a student's file runs, started by `one_file`: it calls, and sends back.

It is given one call at a time and knows neither the checks nor the right answers. Both ways goes
one JSON object a line.
"""

import ast
import json
import os
import random
import sys
import traceback
import types
import warnings

import numpy as np
from kernel import protect
from messages import decode, encode, scope
from sandbox import end_with, limit, sandbox


class Submission:
    """A student's file: its functions, and which of them nobody has begun."""

    def __init__(self, source, name, given, names):
        self.names = names  # what drivers may use
        tree = ast.parse(source, name)
        allowed = imported(ast.parse(given))
        tree = ast.fix_missing_locations(WithoutForeign(allowed).visit(tree))
        last = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.empty = [name for name, node in last.items() if is_empty(node)]
        self.module = types.ModuleType("submission")
        vars(self.module)[Foreign.__name__] = Foreign
        # where dataclasses and the like look it up; and this program is out of the way
        sys.modules["submission"] = sys.modules["__main__"] = self.module
        exec(compile(tree, name, "exec"), vars(self.module))

    def call(self, name, args, driver, call):
        """Call a function; what came back, and the positions of the arguments that are changed."""
        function = getattr(self.module, name)
        before = [json.dumps(encode(a)) for a in args]
        names = dict(self.names)
        exec(driver, names)
        value = encode(names[call](function, *args))
        changed = [i for i, a in enumerate(args) if json.dumps(encode(a)) != before[i]]
        return {"value": value, "changed": changed}


class Foreign:
    """Stands for what a file imports and may not: who uses it is told so, and nobody else."""

    def __init__(self, name, line):
        vars(self)["error"] = f"it imports {name} in line {line}; use what the sheet imports"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(self.error)

    def __call__(self, *args, **options):
        raise ImportError(self.error)


class WithoutForeign(ast.NodeTransformer):
    """Puts stand-ins in place of the imports that are foreign."""

    def __init__(self, allowed):
        self.allowed = allowed

    def visit_Import(self, node):
        return [self.replaced(node, alias, alias.name) for alias in node.names]

    def visit_ImportFrom(self, node):
        if node.module == "__future__":
            return node
        return [
            self.replaced(node, alias, f"{node.module or '.'}.{alias.name}") for alias in node.names
        ]

    def replaced(self, node, alias, name):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top == "numpy" or name in self.allowed:
            alone = type(node)(**{**vars(node), "names": [alias]})
            return ast.copy_location(alone, node)
        if alias.name == "*":
            return ast.copy_location(ast.Pass(), node)
        bound = alias.asname or (top if isinstance(node, ast.Import) else alias.name)
        made = ast.parse(f"{bound} = {Foreign.__name__}({name!r}, {node.lineno})").body[0]
        for part in ast.walk(made):
            ast.copy_location(part, node)
        return made


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


def serve(job, names, requests, replies):
    """Load the file, then answer one call after the other."""
    submission = None
    for line in requests:
        request = json.loads(line)
        try:
            if submission is None:
                submission = Submission(job["source"], job["name"], job["given"], names)
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
    sys.path[0] = sys.argv.pop()  # where microloss is, not the folder of the checks
    names = scope()
    job = json.loads(requests.readline())
    # the engine serves the drivers; to the file, what it is not given is as if not installed
    for name in [name for name in sys.modules if name.partition(".")[0] == "microloss"]:
        if name != "microloss" or "microloss" not in job["given"]:
            del sys.modules[name]
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    random.seed(0)
    np.random.seed(0)
    home = os.path.realpath(os.getcwd())
    limit(job["megabytes"], job["seconds"])
    protect(home)  # the kernel first, and before the first thread
    for name in ("kernel", "ctypes", "_ctypes"):
        sys.modules.pop(name, None)  # a submission asks for them anew, and the hook says no
    end_with(os.getppid())
    sandbox(home)
    serve(job, names, requests, replies)


if __name__ == "__main__":
    main()
