"""A service manager as a daemon sees one: a socket that hears how it is (sd_notify(3)), sockets that
are opened for it (sd_listen_fds(3)), and what a unit file asks for."""

import ctypes
import os
import re
import socket
import subprocess
import sys
import threading
import time

from harness.mark import Skip

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
UNITS = os.path.join(ROOT, "contrib", "systemd")
BUILT_IN = os.environ.get("SYSTEMD") != "no"

# Behind its own arguments: puts the descriptors where they belong, and says so to whatever it becomes.
WRAPPER = r"""
import os, sys
fds, pid, names, *command = sys.argv[1:]
fds = [int(fd) for fd in fds.split(",")]
for at, fd in enumerate(fds):
    os.dup2(fd, 100 + at)
for at in range(len(fds)):
    os.dup2(100 + at, 3 + at)
os.closerange(3 + len(fds), 200)
os.environ.update(LISTEN_PID=pid or str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""


def need_it():
    if not BUILT_IN:
        raise Skip("built without what systemd speaks (make SYSTEMD=yes)")


class Manager:
    """Hears what a daemon says, each datagram with its time: [(when, {"READY": "1", ...})]."""

    def __init__(self, t, abstract=False):
        need_it()
        self.name = "@courierdns-test-%d-%s" % (os.getpid(), t.title) if abstract else os.path.join(
            t.directory, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.name.replace("@", "\0", 1))
        if not abstract:
            os.chmod(self.name, 0o777)  # as that of systemd is
        self.socket.settimeout(0.05)
        self.said, self.is_over, self.thread = [], False, None
        t.closing.append(self.close)

    @property
    def env(self):
        return {"NOTIFY_SOCKET": self.name}

    def listen(self):
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        return self

    def _listen(self):
        while not self.is_over:
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            self.said.append((time.monotonic(), dict(
                line.split("=", 1) for line in data.decode("ascii").splitlines())))

    def values(self, key):
        """What it has said of that, in its order."""
        return [words[key] for _, words in self.said if key in words]

    def times(self, key):
        return [when for when, words in self.said if key in words]

    def order(self):
        """What it went through."""
        return [word for _, words in self.said for word in ("READY", "RELOADING", "STOPPING")
                if words.get(word) == "1"]

    def close(self):
        self.is_over = True
        if self.thread is not None:
            self.thread.join()
        self.socket.close()


# --- sockets ---------------------------------------------------------------------------------

def listening(address, port, kind="udp", make=socket.socket, options=()):
    """A socket as a socket unit has it opened."""
    made = make(socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    if ":" in address:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    made.bind((address, port))
    if kind == "tcp":
        made.listen(128)
    return made


def passing(sockets, names=None, pid=""):
    """Before a command, has it find these sockets, whose descriptors it must inherit."""
    need_it()
    return [sys.executable, "-c", WRAPPER, ",".join(str(one.fileno()) for one in sockets), str(pid),
            ":".join(names or ["courierdns.socket"] * len(sockets))]


# --- units -----------------------------------------------------------------------------------

def unit(name="courierdns.service"):
    """{"ExecStart": ["..."], ...}: every setting with its values."""
    settings = {}
    with open(os.path.join(UNITS, name), encoding="ascii") as file:
        for key, value in re.findall(r"^(\w+)=(.*)$", file.read(), re.M):
            settings.setdefault(key, []).append(value)
    return settings


def expanded(names):
    """The system calls behind "@system-service seccomp"."""
    calls = set()
    for name in names.split():
        if not name.startswith("@"):
            calls.add(name)
            continue
        said = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        calls |= expanded(" ".join(re.findall(r"^    ([@\w-]+)$", said, re.M)))
    return calls


def system_calls(settings):
    """Those that the unit lets through."""
    calls = set()
    for value in settings["SystemCallFilter"]:
        calls = calls - expanded(value[1:]) if value.startswith("~") else calls | expanded(value)
    return calls


# Behind its own argument: lets no other system call through, as systemd does (EPERM), from here on.
FILTER = r"""
import ctypes, os, sys
lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                       ctypes.c_void_p]
lib.seccomp_load.argtypes = [ctypes.c_void_p]
rules = lib.seccomp_init(0x00050001)
for name in sys.argv[1].split(","):
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number >= 0 and lib.seccomp_rule_add_array(rules, 0x7fff0000, number, 0, None) != 0:
        sys.exit("seccomp: no rule for " + name)
if lib.seccomp_load(rules) != 0:
    sys.exit("seccomp: not loaded")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def filtering(settings):
    """Before a command that may not gain privileges: what the unit's filter makes of it."""
    return [sys.executable, "-c", FILTER, ",".join(sorted(system_calls(settings)))]


# --- one thread of many ----------------------------------------------------------------------

PTRACE_CONT, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 7, 17, 0x4206, 0x4207
WALL = 0x40000000


class Stuck:
    """That thread of the daemon stands still inside the `with`, and the others run on."""

    def __init__(self, tid):
        self.tid, self.libc = tid, ctypes.CDLL(None, use_errno=True)

    def _ptrace(self, what):
        zero = ctypes.c_void_p(0)
        if self.libc.ptrace(what, self.tid, zero, zero) != 0:
            raise OSError(ctypes.get_errno(), "ptrace of %d" % self.tid)

    def __enter__(self):
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.tid, WALL)

    def __exit__(self, *_):
        self._ptrace(PTRACE_DETACH)


def threads(pid):
    """{name: tid}, the main one's that of the program, whatever a sanitizer adds."""
    found = {}
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, tid), encoding="ascii") as file:
            found[file.read().strip()] = int(tid)
    return dict(found, courierdns=pid)

