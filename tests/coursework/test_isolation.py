"""Attempts to break out of the grader, after the audit hook is put to sleep by plain Python."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from lessons.coursework import kernel, one_file
from lessons.coursework.commands import main
from lessons.coursework.one_file import what_stays_open

from .test_grading import FIRST, OTHERS, PLAN, RIGHT, marks_of

OPEN = what_stays_open()
needs_kernel = pytest.mark.skipif(bool(OPEN), reason="; ".join(OPEN) or "all closed")

# The garbage collector knows the hook's lists, and hands them out: the hook then refuses nothing.
SLEEP = """
import gc
for thing in gc.get_objects():
    if getattr(thing, "__name__", "") == "hook" and getattr(thing, "__closure__", None):
        for cell in thing.__closure__:
            if isinstance(cell.cell_contents, dict):
                cell.cell_contents.clear()
            elif isinstance(cell.cell_contents, tuple):
                cell.cell_contents = ()
"""

# Each raises GOT if it reaches what it should not; {folder} is the instructor's.
ATTEMPTS = {
    "read a file": "raise GOT(open('{folder}/canary').read())",
    "read a file of the grader": "raise GOT(open('{checks}').read())",
    "list a folder": "raise GOT(os.listdir('{folder}'))",
    "open a folder, then a file in it": (
        "raise GOT(os.read(os.open('canary', 0, dir_fd=os.open('{folder}', os.O_PATH)), 9))"
    ),
    "write a file": "open('{folder}/marker', 'w'); raise GOT('written')",
    "cut a file short": "os.open('{folder}/canary', os.O_TRUNC); raise GOT('cut')",
    "truncate a file": "os.truncate('{folder}/canary', 0); raise GOT('cut')",
    "remove a file": "os.remove('{folder}/canary'); raise GOT('removed')",
    "link a file in": "os.link('{folder}/canary', 'mine'); raise GOT(open('mine').read())",
    "a symbolic link": "os.symlink('{folder}/canary', 'mine'); raise GOT(open('mine').read())",
    "change permissions": "os.chmod('{folder}/canary', 0o777); raise GOT('changed')",
    "change times": "os.utime('{folder}/canary', (0, 0)); raise GOT('changed')",
    "set attributes": "os.setxattr('{folder}/canary', 'user.x', b'1'); raise GOT('changed')",
    "a data base": (
        "import sqlite3; d = sqlite3.connect(':memory:'); "
        "d.execute(\"attach '{folder}/marker' as m\"); d.execute('create table m.t (x)'); "
        "raise GOT('written')"
    ),
    "fork": "raise GOT(os.fork())",
    "start a program": "import subprocess; raise GOT(subprocess.run(['/bin/echo', 'x']))",
    "start a program below subprocess": (
        "import sys, importlib; sys.modules.pop('_posixsubprocess', None); "
        "m = importlib.import_module('_posixsubprocess'); "
        "raise GOT(os.posix_spawn('/bin/echo', ['echo', 'x'], {{}}))"
    ),
    "become another program": "os.execv('/bin/echo', ['echo', 'x'])",
    "a socket": "import socket; raise GOT(socket.socket())",
    "a pair of sockets": "import socket; raise GOT(socket.socketpair())",
    "signal the grader": "os.kill(os.getppid(), 0); raise GOT('reached')",
    "signal everybody": "os.kill(-1, 0); raise GOT('reached')",
    "the grader's memory": "raise GOT(open('/proc/%d/mem' % os.getppid(), 'rb'))",
    "the grader's environment": "raise GOT(open('/proc/%d/environ' % os.getppid()).read())",
    "a trace of the grader": (
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); "
        "code = libc.ptrace(16, os.getppid(), 0, 0); "
        "raise GOT('traced') if code == 0 else OSError(ctypes.get_errno(), 'ptrace')"
    ),
    "raise a limit": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); raise GOT('raised')"
    ),
    "the limit of another process": (
        "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)); "
        "raise GOT('set')"
    ),
    "slow the others down": "os.nice(-1); raise GOT('nicer')",
    "shared memory": (
        "from multiprocessing import shared_memory; "
        "raise GOT(shared_memory.SharedMemory(create=True, size=9))"
    ),
    "memory with a name": "raise GOT(os.memfd_create('x'))",
    "a sub-interpreter": (
        "import importlib; s = importlib.import_module('_xxsubinterpreters'); i = s.create(); "
        "s.run_string(i, \"open('{folder}/marker', 'w')\"); raise GOT('run')"
    ),
    "another root": "os.chroot('{folder}') if hasattr(os, 'chroot') else open('{folder}/canary')",
}


@needs_kernel
@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_kernel_holds_where_the_hook_does_not(name, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("secret-5417")
    os.utime(canary, (10**9, 10**9))
    attempt = ATTEMPTS[name].format(folder=tmp_path, checks=Path(one_file.__file__))
    body = f"import os\nGOT = type('GOT', (Exception,), {{}})\n{attempt}\n"
    source = f"{RIGHT}\n{SLEEP}\ndef {FIRST}(input, target, delta):\n" + textwrap.indent(
        body, "    "
    )
    marks = marks_of(source)
    told = marks[FIRST].feedback
    assert "GOT" not in told.partition("\nin ")[0] and "secret-5417" not in told, told
    assert "Error" in told or "the process ended" in told, told
    assert [child.name for child in tmp_path.iterdir()] == ["canary"]
    assert canary.read_text() == "secret-5417" and canary.stat().st_mtime == 10**9
    assert [marks[other].points for other in OTHERS] == [PLAN.points[other] for other in OTHERS]


@needs_kernel
def test_the_attempts_succeed_without_the_kernel(tmp_path, monkeypatch):
    """What the kernel is for: the sleeping hook alone stops nothing."""
    (tmp_path / "canary").write_text("secret-5417")
    copied = tmp_path / "coursework"
    copied.mkdir()
    for path in Path(one_file.__file__).parent.glob("*.py"):
        (copied / path.name).write_text(path.read_text())
    (copied / "kernel.py").write_text("def protect(home):\n    return []\n")
    monkeypatch.setattr(one_file, "RUNNER", copied / "runner.py")
    read = f"raise ValueError(open('{tmp_path}/canary').read())"
    told = marks_of(f"{RIGHT}\n{SLEEP}\ndef {FIRST}(input, target, delta):\n    {read}\n")
    assert "secret-5417" in told[FIRST].feedback


@needs_kernel
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="the tests run as one")
def test_it_holds_for_an_ordinary_user(tmp_path):
    code = "import os, kernel; print(kernel.protect(os.getcwd())); open('/etc/passwd')"
    environment = {"PYTHONPATH": str(Path(kernel.__file__).parent)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd="/", env=environment, user=65534, group=65534,
            extra_groups=[], capture_output=True, text=True,
        )  # fmt: skip
    except PermissionError:
        pytest.skip("an ordinary user may not run this Python")
    assert done.stdout.strip() == "[]"
    assert "PermissionError" in done.stderr


@needs_kernel
def test_what_honest_code_needs_stays_open():
    honest = """
import threading, tempfile, decimal, csv, json, sqlite3, ssl, zoneinfo, ctypes.util
import numpy.polynomial, numpy.linalg, numpy.fft, numpy.random
with tempfile.TemporaryFile("w+") as file:
    file.write("1")
np.save("kept.npy", np.ones(3))
assert np.load("kept.npy").sum() == 3
thread = threading.Thread(target=print, args=("hello",))
thread.start()
thread.join()
"""
    marks = marks_of(RIGHT + honest.replace(", ctypes.util", ""))
    assert [m.points for m in marks.values()] == list(PLAN.points.values()), marks


def test_a_folder_that_is_filled_ends_the_call():
    fill = "[open(str(i), 'wb').write(bytes(15 << 20)) for i in range(9)]"
    body = f"import time; {fill}; time.sleep(1.5)"
    started = time.monotonic()
    marks = marks_of(f"{RIGHT}\n\ndef {FIRST}(input, target, delta):\n    {body}\n")
    assert "more than 64 MB" in marks[FIRST].feedback
    assert time.monotonic() - started < 10


def test_what_is_not_closed_is_said(tmp_path, capsys, monkeypatch):
    (tmp_path / "ann.py").write_text(RIGHT)
    command = ["grade", str(tmp_path), "--sheet", "02", "--out", str(tmp_path / "marks.csv")]
    for module in (one_file, sys.modules["lessons.coursework.commands"]):
        monkeypatch.setattr(module, "what_stays_open", lambda: ["files: no Landlock here"])
    with pytest.raises(SystemExit):
        main([*command, "--require-sandbox"])
    assert "--require-sandbox: not closed here: files: no Landlock here" in capsys.readouterr().err
    assert not (tmp_path / "marks.csv").exists()
    main(command)
    assert "not closed to submissions by the operating system: files: no" in capsys.readouterr().out
