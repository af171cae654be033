"""What the kernel still does for the decoding child: Linux's no_new_privs, Landlock and seccomp, by system calls.

No living package has these: pyseccomp needs a library of the system, landlock has no release. The filter is a list of
what is allowed; everything else fails with EPERM, also what later kernels bring.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from collections.abc import Iterator

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
#: Rights over files by Landlock's version, as the number of its flags; network (version 4) and scopes (6) besides.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1

#: Machine → AUDIT_ARCH_…, and the number of seccomp().
_ARCHITECTURES = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}
#: Memory, time, locks, the open descriptors, and the end: (x86-64, ARM64), None where there is no such call. None of
#: them opens, connects, starts, signals or names anything.
_ALLOWED: tuple[tuple[int | None, int | None], ...] = (
    *((0, 63), (19, 65), (17, 67), (8, 62), (5, 80), (3, 57)),  # read, readv, pread64, lseek, fstat, close
    *((1, 64), (20, 66)),  # write, writev
    *((7, None), (271, 73), (23, None), (270, 72)),  # poll, ppoll, select, pselect6
    *((11, 215), (12, 214), (25, 216), (28, 233)),  # munmap, brk, mremap, madvise
    *((202, 98), (24, 124), (273, 99), (334, 293), (324, 283)),  # futex, sched_yield, set_robust_list, rseq, membarrier
    *((13, 134), (14, 135), (15, 139), (131, 132)),  # rt_sigaction, rt_sigprocmask, rt_sigreturn, sigaltstack
    *((35, 101), (230, 115), (228, 113), (229, 114), (96, 169)),  # nanosleep, clock_nanosleep, clock_gettime, …
    *((39, 172), (186, 178), (98, 165), (204, 123), (318, 278)),  # getpid, gettid, getrusage, sched_getaffinity, random
    *((60, 93), (231, 94), (219, 128)),  # exit, exit_group, restart_syscall
)
#: mmap, mprotect: without PROT_EXEC.
_MAPPING = ((9, 222), (10, 226))
#: fcntl: F_GETFD and F_GETFL alone, for F_SETOWN sends signals.
_FCNTL = (72, 25)
_PROT_EXEC, _F_GETFD, _F_GETFL = 4, 1, 3

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _EPERM = 0x7FFF_0000, 0x8000_0000, 0x0005_0001
#: Where a filter finds the call's number, its architecture and its arguments.
_NUMBER, _ARCHITECTURE, _ARGUMENT_1, _ARGUMENT_2 = 0, 4, 24, 32
#: Numbers from here on are x32's: other calls on the same machine.
_X32 = 0x4000_0000


def layers() -> list[str]:
    """Which of the kernel's means there are here: "seccomp", "landlock"; none on systems other than Linux."""
    if sys.platform != "linux":
        return []
    found = ["seccomp"] if platform.machine() in _ARCHITECTURES else []
    return [*found, "landlock"] if _landlock_version() > 0 else found


def forbid_everything_new() -> None:
    """No further privileges, no file by name, no TCP, no signals, no core or look inside: this thread and later ones.

    To be called before any other thread starts: Landlock holds for those that the calling one starts.
    """
    if sys.platform != "linux":
        return
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    version = _landlock_version()
    if version > 0:
        rights = max(count for known, count in _FILE_RIGHTS.items() if known <= version)
        attributes = struct.pack("=QQQ", (1 << rights) - 1, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)[
            : 24 if version >= 6 else 16 if version >= 4 else 8
        ]
        ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
        if ruleset >= 0:
            libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
            libc.close(ruleset)


def allow_only_decoding() -> bool:
    """The allow-list for all threads of this process, for good; False where there is no seccomp."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHITECTURES:
        return False
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(machine))
    held = ctypes.create_string_buffer(program, len(program))
    filters = struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
    seccomp = _ARCHITECTURES[machine][1]
    done: int = _libc().syscall(seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, filters)
    return done == 0


def _program(machine: str) -> Iterator[tuple[int, int, int, int]]:
    """The filter, as instructions (code, jump if true, jump if false, value)."""
    place = list(_ARCHITECTURES).index(machine)
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _EQUAL, 1, 0, _ARCHITECTURES[machine][0]
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _NUMBER
    yield _AT_LEAST, 0, 1, _X32
    yield _RETURN, 0, 0, _EPERM
    for numbers in _ALLOWED:
        if (number := numbers[place]) is not None:
            yield _EQUAL, 0, 1, number
            yield _RETURN, 0, 0, _ALLOW
    for mapping in _MAPPING:
        yield _EQUAL, 0, 4, mapping[place]
        yield _LOAD, 0, 0, _ARGUMENT_2
        yield _ANY_BIT, 0, 1, _PROT_EXEC
        yield _RETURN, 0, 0, _EPERM
        yield _RETURN, 0, 0, _ALLOW
    yield _EQUAL, 0, 4, _FCNTL[place]
    yield _LOAD, 0, 0, _ARGUMENT_1
    yield _EQUAL, 1, 0, _F_GETFD
    yield _EQUAL, 0, 1, _F_GETFL
    yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _EPERM


def _landlock_version() -> int:
    version: int = _libc().syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    return version


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc
