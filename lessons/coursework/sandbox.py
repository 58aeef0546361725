"""What a student's file cannot reach by accident: files, processes, the network, the library.

Python tells an audit hook of every wish to open, list, change or start something, and the hook
refuses in words that help. The hook is Python, and Python can undo it: on Linux, what is refused
here is refused once more by the kernel, in `kernel`.
"""

import contextlib
import math
import os
import sys
import sysconfig
import threading
import time

import numpy as np

# event -> how many paths its arguments begin with
PATHS = {
    "open": 1, "os.listdir": 1, "os.scandir": 1, "os.chdir": 1, "os.chmod": 1, "os.chown": 1,
    "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.truncate": 1, "os.utime": 1, "os.rename": 2,
    "os.link": 2, "os.symlink": 2, "sqlite3.connect": 1,
}  # fmt: skip
READING = {"os.listdir", "os.scandir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
REFUSED = (
    "subprocess.", "socket.", "ctypes.", "mmap.", "os.exec", "os.fork", "os.posix_spawn",
    "os.spawn", "os.startfile", "os.system", "os.kill", "pty.", "resource.prlimit", "winreg.",
)  # fmt: skip
# what does such things without telling
CLOSED = ("_posixshmem", "_dbm", "_gdbm", "readline")
REMOVED = ("chroot", "mkfifo", "mknod", "pidfd_open", "pidfd_send_signal")


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


def end_with(parent):
    """End this process soon after the one that started it."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.name == "posix":
        threading.Thread(target=watch, daemon=True).start()


def sandbox(home):
    """Refuse files outside `home` but the standard library and NumPy; processes; the network."""
    # bound here, where replacing them in their modules does not help
    realpath, fsdecode, separator = os.path.realpath, os.fsdecode, os.sep
    paths, refused, reading = dict(PATHS), REFUSED, frozenset(READING)
    standard = [realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
    numpy = realpath(os.path.dirname(np.__file__))
    harmless = (os.devnull, "/dev/urandom")

    def within(path, folder):
        return path == folder or path.startswith(folder + separator)

    def readable(path):
        if within(path, home) or within(path, numpy) or path in harmless:
            return True
        installed = "site-packages" in path or "dist-packages" in path
        return not installed and any(within(path, folder) for folder in standard)

    def hook(event, values):
        if event.startswith(refused):
            raise PermissionError(f"{event} is not open to a file being checked")
        if event == "import" and values[0].startswith("microloss"):
            raise ImportError(f"{values[0]} is not open here: use what the sheet imports")
        for path in values[: paths.get(event, 0)]:
            if type(path) in (str, bytes):
                real = realpath(path := fsdecode(path))
                reads = event in reading or (event == "open" and not values[2] & WRITING)
                upwards = not os.path.isabs(path) and ".." in path  # of which folder? of dir_fd
                if upwards or not (readable(real) if reads else within(real, home)):
                    raise PermissionError(f"{path}: closed to a file being checked")
            elif not isinstance(path, int):
                raise PermissionError(f"{event}: name the file by a string")

    def no_process(*_):
        raise PermissionError("starting a process is not open to a file being checked")

    with contextlib.suppress(ImportError):  # Windows
        import _posixsubprocess

        _posixsubprocess.fork_exec = no_process
    for name in CLOSED:
        sys.modules[name] = None
    for module in map(sys.modules.get, ("os", "posix", "signal", "_signal")):
        for name in REMOVED:
            if hasattr(module, name):
                delattr(module, name)
    sys.addaudithook(hook)
