"""What a figure is measured with: loopback addresses, scripted upstreams and load clients, each a
process that is ended by its process id; and the servers under test (peers.py)."""

import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "functional"))

from runner import own_network  # noqa: E402

PROGRAMS = os.environ.get("FAULTS", "build/release")
ROUTER_PROGRAMS = os.environ.get("FAULTS_ROUTER", PROGRAMS + "-noweb-noseccomp-nonftset-nosystemd")
PORT = 5300
WAIT = 5.0      # seconds a client waits: the deadline of 4.5 s and half a second (L16)
SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
LATE_AT_WORST, LATE_SHARE = 0.25, 0.02


class Process:
    """One that must be ended; all of them are in `running` until they are."""

    running = []
    lock = threading.Lock()

    def __init__(self, command, stdout, stderr=subprocess.DEVNULL, cwd=None):
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout,
                                      stderr=stderr, cwd=cwd, start_new_session=True)
        with Process.lock:
            Process.running.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def signal(self, number):
        if self.popen.poll() is None:
            os.kill(self.pid, number)

    def end(self, patience=10.0):
        """Its whole group: some servers start children."""
        self.signal(signal.SIGTERM)
        try:
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.popen.wait()
        with Process.lock:
            if self in Process.running:
                Process.running.remove(self)

    @classmethod
    def end_all(cls):
        for process in list(cls.running):
            process.end(0.5)


def options(how):
    """{"drop": 30, "no_tcp": True} as a command line."""
    line = []
    for name, value in how.items():
        if value is not False and value is not None:
            line.append("--" + name.replace("_", "-"))
            if value is not True:
                line.append(str(value))
    return line


class Upstream:
    """A scripted server (upstream.c); `how` is its command line."""

    def __init__(self, rig, **how):
        self.address, self.port, self.how = rig.addresses(1), PORT, dict(how)
        self.how["seed"] = rig.next_seed()
        self.open()

    def open(self):
        self.process = Process([os.path.join(PROGRAMS, "faults", "upstream"), "--listen",
                                "%s@%d" % (self.address, self.port)] + options(self.how),
                               subprocess.PIPE, None)
        if self.process.popen.stdout.readline() != b"ready\n":
            raise RuntimeError("the upstream did not start")

    def deaf(self, is_deaf):
        self.process.signal(signal.SIGUSR1 if is_deaf else signal.SIGUSR2)

    def close(self):
        """From now on the system refuses what is sent there. Returns what it counted."""
        self.process.signal(signal.SIGTERM)
        said = self.process.popen.stdout.read()
        self.process.end()
        return json.loads(said)


class Load:
    """A load client at work (load.c), from a source address of its own."""

    def __init__(self, rig, server, **how):
        self.rig, self.server = rig, server
        how.setdefault("tag", rig.next_tag())
        how.setdefault("wait", WAIT)
        how["source"] = rig.addresses(how.get("sources", 1))
        self.process = Process([os.path.join(PROGRAMS, "faults", "load"), "--server",
                                "%s@%d" % (server.address, server.port)] + options(how),
                               subprocess.PIPE, None)

    def result(self, counts_silence=True, timeout=900):
        try:
            said = self.process.popen.communicate(timeout=timeout)[0]
        finally:
            self.process.end(0)
        if self.process.popen.returncode != 0:
            raise RuntimeError("the load client failed")
        result = json.loads(said)
        self.rig.note(self.server, result, counts_silence)
        return result


class Rig:
    """`late` tells whether a load client could not keep time since forget_late()."""

    def __init__(self, seed):
        self.number, self.lock = own_network()
        self.directory = tempfile.mkdtemp(prefix="courierdns-faults-")
        os.chmod(self.directory, 0o755)     # a server that gave up being root still reads its file
        self.seeds, self.tags, self.hosts, self.ports = (
            itertools.count(start) for start in (seed, seed, 1, 1))
        self.guard = threading.Lock()
        self.late = 0.0
        self.silence, self.slowest, self.asked, self.dropped = {}, {}, {}, {}

    def addresses(self, count):
        """The first of so many loopback addresses that follow each other and are nobody else's."""
        with self.guard:
            first = next(self.hosts)
            for _ in range(count - 1):
                next(self.hosts)
            if first + count >= 65000:
                raise RuntimeError("no addresses are left")
        return "127.%d.%d.%d" % (self.number, first >> 8, first & 255)

    def next_seed(self):
        with self.guard:
            return next(self.seeds)

    def next_port(self):
        with self.guard:
            return next(self.ports)

    def next_tag(self):
        with self.guard:
            return "%x" % next(self.tags)

    def place(self, name):
        with self.guard:
            path = tempfile.mkdtemp(prefix=name + "-", dir=self.directory)
        os.chmod(path, 0o755)
        return path

    def note(self, server, result, counts_silence):
        with self.guard:
            if (result["late_max"] > LATE_AT_WORST
                    or result["late"] > LATE_SHARE * max(result["seconds"], 5.0)):
                self.late = max(self.late, result["late_max"])
            if counts_silence:
                name = server.name
                self.asked[name] = self.asked.get(name, 0) + result["asked"]
                self.silence[name] = self.silence.get(name, 0) + result["silent"]
                self.slowest[name] = max(self.slowest.get(name, 0), result["max"])

    def note_dropped(self, server):
        with self.guard:
            self.dropped[server.name] = self.dropped.get(server.name, 0) + server.dropped()

    def close(self):
        Process.end_all()
        self.lock.close()
        shutil.rmtree(self.directory, ignore_errors=True)
