"""The servers under measurement (../faults/peers.py has most of it), and what they are measured with: an
echo, an upstream and a load (echo.c, origin.c, load.c).

Each server has one worker and room for 300,000 names, and as many questions in flight as W5 wants. What
else is changed is what its manual says for busy servers; a default that does not matter here stays."""

import contextlib
import glob
import json
import mmap
import os
import resource
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "faults"))

from rig import HARD, PORT, PROGRAMS, SOFT, Process, Rig, options  # noqa: E402
import peers  # noqa: E402

NAMES, LANES = 300000, 64
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
READY = (b"\0\1\1\0\0\1\0\0\0\0\0\0\5ready\7example\0\0\1\0\1")


@contextlib.contextmanager
def on_core(core):
    """What is started meanwhile stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def children(pid):
    for path in glob.glob("/proc/%d/task/*/children" % pid):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            yield from map(int, file.read().split())


def cpu_seconds(pid):
    """Processor time of a process, its threads and children, in nanoseconds' steps (ticks, for children
    that have ended)."""
    total = 0.0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            total += int(file.read().split()[0]) / 1e9
    with contextlib.suppress(OSError), open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
        total += sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")
    return total + sum(cpu_seconds(child) for child in children(pid))


def medians(values):
    """Of dictionaries that are alike."""
    return {what: statistics.median(one[what] for one in values) for what in values[0]}


class Responder:
    """echo or origin, on a core. Of what is shared with it (responder.h): questions so far, over UDP
    and TCP, and its orders."""

    def __init__(self, rig, name, core):
        self.name, self.address, self.port = name, rig.addresses(1), PORT
        path = os.path.join(rig.place(name), "shared")
        with open(path, "wb") as file:
            file.write(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as file:
            self.shared = memoryview(mmap.mmap(file.fileno(), mmap.PAGESIZE)).cast("Q")
        with on_core(core):
            self.process = Process([os.path.join(PROGRAMS, "bench", name), "--listen",
                                    "%s@%d" % (self.address, self.port), "--shared", path],
                                   subprocess.PIPE, None)
        if self.process.popen.stdout.readline() != b"ready\n":
            raise RuntimeError("%s did not start" % name)

    def asked(self):
        return self.shared[0] + self.shared[1]

    def order(self, delay_ms=0, loss_percent=0):
        self.shared[2], self.shared[3] = delay_ms * 1000, loss_percent * 10000

    def cpu(self):
        return cpu_seconds(self.process.pid)


class Bench(Rig):
    """The same addresses to ask from, over and over."""

    def __init__(self):
        super().__init__(1)
        self.first_source = self.addresses(LANES)
        self.load_core = LOAD_CORE

    def sources(self, lanes):
        assert lanes <= LANES
        return self.first_source


def load(rig, server, echo=None, timeout=600, **how):
    """What load.c says; its sources are addresses of their own."""
    how.setdefault("lanes", 4)
    how["source"] = rig.sources(how["lanes"])
    if echo is not None:
        how["echo"] = "%s@%d" % (echo.address, echo.port)
    with on_core(rig.load_core):
        process = Process([os.path.join(PROGRAMS, "bench", "load"), "--server",
                           "%s@%d" % (server.address, server.port)] + options(how),
                          subprocess.PIPE, None)
    try:
        said = process.popen.communicate(timeout=timeout)[0]
    finally:
        process.end(0)
    if process.popen.returncode != 0:
        raise RuntimeError("the load failed")
    return json.loads(said)


def sweep(rig, server, **how):
    """Asks all names of a mix until each has been answered."""
    for _ in range(5):
        result = load(rig, server, sweep=True, seconds=300, slice=300, wait=2, **how)
        if result["server"]["lost"] + result["server"]["wrong"] == 0:
            break
    return result["server"]


class Measured:
    """Of every server: on its core; `first_ms`, from exec to the first answer; processor time of all
    its threads."""

    next_fresh = 0

    def start(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD))
        try:
            with on_core(SERVER_CORE):
                self.limits, self.began = self.prefix(), time.monotonic()
                super().start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))

    def prefix(self):
        return []

    def wait_ready(self, seconds=60.0):
        """Asks every half millisecond, so that it is known when."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.address, self.port))
            sock.settimeout(0.0005)
            while self.process.popen.poll() is None and time.monotonic() < self.began + seconds:
                try:
                    sock.send(READY)
                    sock.recv(4096)
                    self.first_ms = 1000 * (time.monotonic() - self.began)
                    return
                except ConnectionRefusedError:
                    time.sleep(0.0002)
                except socket.timeout:
                    pass
        raise RuntimeError("%s does not start: %s" % (self.name, self.log()[-2000:]))

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def amounts(self):
        return {**super().amounts(), "cache_names": NAMES, "forwards": 2100}

    def memory(self):
        """(resident, anonymous) in MB."""
        with open("/proc/%d/smaps_rollup" % self.process.pid, encoding="ascii") as file:
            lines = dict(line.split(":") for line in file.read().splitlines()[1:])
        return tuple(int(lines[key].split()[0]) / 1000 for key in ("Rss", "Anonymous"))


class Courierdns(Measured, peers.Courierdns):
    """With its defaults, but for the room in the cache."""

    more = 'cache = { size = "64M"; };\n'


class Crowded(Courierdns):
    """For so many TCP clients that stay."""

    CLIENTS = 10000
    more = ("limits = { tcp_clients = %d; tcp_clients_per_address = %d; tcp_idle = 600.0; };\n"
            % (CLIENTS + 10, CLIENTS + 10))


class Dnsmasq(Measured, peers.Dnsmasq):
    pass


class Unbound(Measured, peers.Unbound):
    more = "    msg-cache-size: 128m\n    rrset-cache-size: 256m\n"


class Dnsdist(Measured, peers.Server):
    """Its cache; recvmmsg; one listener, one server, one thread for TCP. It asks for no security status,
    and takes it that its server is up."""

    name = binary = "dnsdist"
    one = 'newServer({{address="{address}:{port}", sockets=8}}):setUp()\n'
    config = """
setLocal("{address}:{port}", {{tcpListenQueueSize=1024}})
setACL("127.0.0.0/8")
setSecurityPollSuffix("")
setUDPMultipleMessagesVectorSize(64)
setMaxUDPOutstanding(65535)
setMaxTCPClientThreads(1)
setMaxTCPQueuedConnections(10000)
{servers}getPool(""):setCache(newPacketCache({cache_names}, {{maxTTL=86400}}))
"""

    def arguments(self):
        return ["--supervised", "--disable-syslog", "-C", self.path]


class Kresd(Measured, peers.Server):
    """Forwards without validating; its cache is a file in memory of the system."""

    name, binary = "kresd", "kresd"
    one = "'{address}@{port}', "
    config = """
net.listen('{address}', {port}, {{ kind = 'dns' }})
net.ipv6 = false
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
cache.open(200 * MB, 'lmdb://{directory}')
policy.add(policy.all(policy.FORWARD({{ {servers}}})))
"""

    def arguments(self):
        return ["-n", "-c", self.path, self.directory]


OURS = Courierdns
PEERS = {peer.name: peer for peer in (Unbound, Dnsdist, Dnsmasq, Kresd)}
