"""What Linux keeps from a student's file: files by Landlock, processes and sockets by seccomp.

The audit hook of `sandbox` is Python, and Python can undo it. What stands here is set in the
kernel: it binds the thread that calls `protect` and all that comes from it, and nothing takes it
back. So it is called before any other thread starts.

Run as a script, it prints what this machine lacks, as JSON.
"""

import ctypes
import errno
import importlib.util
import json
import os
import platform
import struct
import sys
import sysconfig
from pathlib import Path

# ---- system calls --------------------------------------------------------------------------------

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, audit number

# name: (number on x86-64, on AArch64); None where there is no such call
CALLS = {
    "clone": (56, 220), "clone3": (435, 435), "kill": (62, 129), "tgkill": (234, 131),
    "prlimit64": (302, 261), "ioctl": (16, 29), "truncate": (76, 45),
}  # fmt: skip
REFUSED = {
    # processes, and a hand in those of others
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    "setrlimit": (160, 164), "unshare": (272, 97), "setns": (308, 268),
    # sockets, queues and memory that others see
    "socket": (41, 198), "socketpair": (53, 199), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "shmget": (29, 194),
    "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "semctl": (66, 191), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219),
    # owners, permissions and times of files, which Landlock leaves alone
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88),
    # the system itself
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "mknod": (133, None), "mknodat": (259, 33), "fanotify_init": (300, 262),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "iopl": (172, None), "ioperm": (173, None), "syslog": (103, 116),
}  # fmt: skip

# instructions of the kernel's filter machine: (code, jump if true, jump if false, value)
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE = 0, 4  # where the machine finds them
ALLOW, KILL = 0x7FFF0000, 0x80000000
NO = 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS  # so that the C library falls back on clone
X32 = 0x40000000  # numbers of x86-64's other interface, which would get around the list
CLONE_THREAD = 0x10000
TERMINAL_INPUT = (0x5412, 0x541C)  # ioctls that type into the grader's terminal


def argument(place: int, high: bool = False) -> tuple[int, int, int, int]:
    """Load half of a call's argument."""
    return LOAD, 0, 0, 16 + 8 * place + 4 * high


def seccomp_filter(machine: str, process: int, landlock: int) -> bytes:
    """A program that allows all calls but those above; kill() and the like for this process."""
    column, architecture = ARCHITECTURES[machine]
    only_itself = [argument(0), (EQUAL, 1, 0, process), (RETURN, 0, 0, NO), (RETURN, 0, 0, ALLOW)]
    bodies = {name: [(RETURN, 0, 0, NO)] for name in REFUSED}
    bodies |= {
        "clone3": [(RETURN, 0, 0, UNKNOWN)],
        "clone": [
            argument(0),
            (ANY_BIT, 1, 0, CLONE_THREAD),
            (RETURN, 0, 0, NO),
            (RETURN, 0, 0, ALLOW),
        ],
        "kill": only_itself,
        "tgkill": only_itself,
        "prlimit64": [  # to read a limit, not to set one
            argument(2),
            (EQUAL, 0, 2, 0),
            argument(2, high=True),
            (EQUAL, 1, 0, 0),
            (RETURN, 0, 0, NO),
            (RETURN, 0, 0, ALLOW),
        ],
        "ioctl": [
            argument(1),
            (EQUAL, 2, 0, TERMINAL_INPUT[0]),
            (EQUAL, 1, 0, TERMINAL_INPUT[1]),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, NO),
        ],
    }
    if landlock < 3:  # its truncate() is not covered yet
        bodies["truncate"] = [(RETURN, 0, 0, NO)]
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, NO),
    ]
    for name, body in bodies.items():
        number = (REFUSED | CALLS)[name][column]
        if number is not None:
            program += [(EQUAL, 0, len(body), number), *body]
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


# ---- files ---------------------------------------------------------------------------------------

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REGULAR = 1 << 4, 1 << 5, 1 << 7, 1 << 8
MAKE_LINK, TRUNCATE = 1 << 12, 1 << 14
READ = EXECUTE | READ_FILE | READ_DIR
OWN = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE
OWN |= REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REGULAR | MAKE_LINK
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


def handled(version: int) -> tuple[int, int, int]:
    """All that this version of Landlock can refuse: rights on files, on TCP, beyond the process."""
    files = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, TRUNCATE), (5, 1 << 15)):
        files |= right if version >= since else 0
    return files, 3 if version >= 4 else 0, 3 if version >= 6 else 0


def readable() -> list[Path]:
    """The standard library without what is installed in it, NumPy, and the shared libraries."""
    standard = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    paths = [
        entry
        for folder in standard
        for entry in folder.iterdir()
        if entry.name not in ("site-packages", "dist-packages")
    ]
    numpy = Path(importlib.util.find_spec("numpy").origin).parent  # not imported: it may thread
    paths += [numpy, numpy.with_name("numpy.libs"), Path("/etc/ld.so.cache"), Path("/dev/urandom")]
    maps = Path("/proc/self/maps").read_text().split("\n")
    loaded = {Path(line.split(maxsplit=5)[5]) for line in maps if ".so" in line}
    paths += [lib for folder in {path.parent for path in loaded} for lib in folder.glob("*.so*")]
    return paths


class Kernel:
    """The system calls that the C library has no functions for."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)

    def call(self, number: int, *args) -> int:
        wide = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
        return self.libc.syscall(ctypes.c_long(number), *wide)

    def landlock_version(self) -> int:
        """0 where there is none."""
        return max(0, self.call(CREATE_RULESET, None, 0, 1))

    def allow(self, rules: int, path: Path, rights: int) -> None:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not on this machine
            return
        if not path.is_dir():
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights, opened)
        done = self.call(ADD_RULE, rules, 1, rule, 0)
        os.close(opened)
        if done != 0:
            raise OSError(ctypes.get_errno(), f"Landlock refuses a rule for {path}")

    def restrict_files(self, home: str, version: int) -> None:
        files, tcp, scopes = handled(version)
        attributes = struct.pack("=QQQ", files, tcp, scopes)
        attributes = attributes[: 8 if version < 4 else 16 if version < 6 else 24]
        rules = self.call(CREATE_RULESET, attributes, len(attributes), 0)
        if rules < 0:
            raise OSError(ctypes.get_errno(), "Landlock makes no rules")
        for path in readable():
            self.allow(rules, path, READ & files)
        self.allow(rules, Path(os.devnull), (READ_FILE | WRITE_FILE) & files)
        self.allow(rules, Path(home), OWN & files)
        if self.call(RESTRICT_SELF, rules, 0) != 0:
            raise OSError(ctypes.get_errno(), "Landlock does not begin")
        os.close(rules)

    def restrict_calls(self, machine: str, version: int) -> None:
        program = seccomp_filter(machine, os.getpid(), version)
        buffer = ctypes.create_string_buffer(program, len(program))
        header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
        if self.libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp takes no filter")


def protect(home: str) -> list[str]:
    """Close everything but `home` and what Python needs, for good. Returns what stays open."""
    if sys.platform != "linux":
        return [f"files, processes and the network: {platform.system()} has no Landlock"]
    machine = platform.machine()
    if machine not in ARCHITECTURES or struct.calcsize("P") != 8:
        return [f"files, processes and the network: unknown machine {machine}"]
    if len(os.listdir("/proc/self/task")) > 1:
        return ["files, processes and the network: a thread runs already, which would stay free"]
    kernel = Kernel()
    version = kernel.landlock_version()
    missing = []
    if kernel.libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ["files, processes and the network: the kernel lets nobody give up privileges"]
    try:
        if version:
            kernel.restrict_files(home, version)
        else:
            missing.append("files: this kernel has no Landlock (Linux 5.13 or newer has it)")
    except OSError as error:
        missing.append(f"files: {error}")
    try:
        kernel.restrict_calls(machine, version)
    except OSError as error:
        missing.append(f"processes and the network: {error}")
    return missing


if __name__ == "__main__":
    print(json.dumps(protect(os.getcwd())))
