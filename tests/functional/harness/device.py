"""Starts the program under test with a configuration of the test's own, and sees it end well."""

import os
import re
import signal
import socket
import subprocess
import time

from . import client, wire

PROGRAM = os.environ.get("COURIERDNS", "")
SANITIZED = bool(os.environ.get("SAN"))
# As many threads as every device has whose test does not say otherwise.
WORKERS = int(os.environ.get("WORKERS") or 1)
# What a sanitizer build may take longer: it is measured for what it says, not for how fast.
SLOWER = 4.0 if SANITIZED else 1.0
# Whom it becomes, where root runs the tests and none of them says otherwise: "" is nobody else.
USER = os.environ.get("AS_USER", "")
PORT = 5300
STATUS = wire.query(".", "A", flags=2 << 11)    # opcode 2: refused without asking anybody (D9)

BAD_NEWS = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|"
                      r"ThreadSanitizer|Assertion .* failed|\*\*\* .* \*\*\*|\[warn\]|\[err\]")
# The last line may still be on its way when a test has it killed.
NOT_OURS = re.compile(r"^(?!(?:error|warning|notice|info|debug): |<[3-7]>).*\n", re.M)


def environment(extra=None):
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.update(extra or {})
    return env


def servers(upstreams):
    return "[ %s ]" % ", ".join('"%s@%d"' % (up.address, up.port) for up in upstreams)


class Device:
    """A running daemon. `address` and `port` are where it is asked by default. With a `network`
    (harness/netns.py) it runs in there, and is asked from in there."""

    def __init__(self, directory, config, address, port=PORT, args=None, env=None, prefix=(),
                 rlimit_files=None, network=None):
        self.directory, self.address, self.port = directory, address, port
        self.path = os.path.join(directory, "courierdns.conf")
        self.stderr_path = os.path.join(directory, "stderr")
        self.control = os.path.join(directory, "control.sock")
        self.args, self.env, self.prefix = args, env, list(prefix)
        self.make_socket = socket.socket
        if network is not None:
            self.prefix, self.make_socket = network.prefix + self.prefix, network.socket
        self.rlimit_files = rlimit_files
        self.pass_fds = ()      # kept open in what is started
        self.stderr_fd = None   # instead of the file
        self.process, self.exit_expected, self.stopped = None, 0, False
        self.has_tcp = True
        self.waits = {}         # by thread, what kept_waiting() has seen last
        self.upstreams = []     # asked for a healthy name at the end
        if config is not None:
            self.write(config)

    def write(self, config):
        """With a control socket of its own, unless the configuration speaks of one; and so with
        threads and the user."""
        if not re.search(r"^\s*control\b", config, re.M):
            config += '\ncontrol = { socket = "%s"; };\n' % self.control
        if WORKERS > 1 and not re.search(r"^\s*workers\b", config, re.M):
            config += "\nworkers = %d;\n" % WORKERS
        if not re.search(r"^\s*user\b", config, re.M):
            config += '\nuser = "%s";\n' % USER
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(config)

    def start(self, wait=True):
        args = ["run", "-c", self.path] if self.args is None else self.args + ["-s", self.control]
        out = open(self.stderr_path, "ab")
        self.process = subprocess.Popen(
            self.prefix + [PROGRAM] + args, stdin=subprocess.DEVNULL, stdout=out,
            stderr=out if self.stderr_fd is None else self.stderr_fd,
            cwd=self.directory, env=environment(self.env), preexec_fn=self._limits,
            pass_fds=self.pass_fds)
        out.close()
        if wait:
            self.wait_ready()
        return self

    def _limits(self):
        if self.rlimit_files:
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.rlimit_files, self.rlimit_files))

    def wait_ready(self, seconds=10.0):
        """Until it answers what it answers by itself."""
        end = time.monotonic() + seconds * SLOWER
        with self.udp() as udp:
            while time.monotonic() < end:
                if self.process.poll() is not None:
                    raise AssertionError("exit status %s at start\n%s" % (
                        self.process.returncode, self.stderr()))
                try:
                    udp.send(client.with_id(STATUS))
                    if udp.recv(0.05):
                        return self.wait_tcp(end)
                except ConnectionRefusedError:
                    time.sleep(0.01)
        raise AssertionError("not ready in %.0f s\n%s" % (seconds * SLOWER, self.stderr()))

    def wait_tcp(self, end):
        if not self.has_tcp:
            return
        while True:
            try:
                return self.tcp().close()
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    # --- asking ---

    def udp(self, source=None):
        return client.Udp(self.address, self.port, source, make=self.make_socket)

    def tcp(self, source=None, **how):
        return client.Tcp(self.address, self.port, source, make=self.make_socket, **how)

    def ask(self, qname, qtype="A", tcp=False, timeout=None, source=None, **how):
        """One query over a socket of its own. Without a reply it is a failure after `timeout`
        (default: the deadline D12 and a second)."""
        return self.send(wire.query(qname, qtype, **how), tcp, timeout, source,
                         keep_id="ident" in how)

    def send(self, query, tcp=False, timeout=None, source=None, keep_id=False):
        query = query if keep_id else client.with_id(query)
        with (self.tcp if tcp else self.udp)(source) as sock:
            return sock.ask(query, 5.5 * (2 if SANITIZED else 1) if timeout is None else timeout)

    def quiet(self, data, seconds=0.6):
        """Nothing comes back for these bytes over UDP."""
        with self.udp() as udp:
            udp.send(data)
            got = udp.recv(seconds)
            if got is not None:
                raise AssertionError("should be silence, is %s" % wire.describe(got))

    # --- looking at it ---

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        try:
            with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
                said = file.read()
        except FileNotFoundError:
            return ""
        # a program that counts its lines, and became another account, may not be able to write them
        return re.sub(r"^profiling:.*\n", "", said, flags=re.M) if SANITIZED else said

    def rss(self):
        """Resident bytes."""
        with open("/proc/%d/status" % self.pid, encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024

    def cpu(self):
        """Seconds of processor time so far: as the scheduler measures it, for what /proc/PID/stat
        has is a guess by the clock's ticks, and who is woken by timers is there at the tick."""
        with open("/proc/%d/schedstat" % self.pid, encoding="ascii") as stat:
            return int(stat.read().split()[0]) / 1e9

    def kept_waiting(self):
        """Seconds that one of its threads could have run, and others did, since this was asked last; that
        is counted once it gets to run."""
        before, self.waits = self.waits, {}
        try:
            for task in os.listdir("/proc/%d/task" % self.pid):
                with open("/proc/%d/task/%s/schedstat" % (self.pid, task), encoding="ascii") as stat:
                    self.waits[task] = int(stat.read().split()[1]) / 1e9
        except (AttributeError, OSError, IndexError):   # not started; over; a system that does not count it
            pass
        return max([now - before.get(task, now) for task, now in self.waits.items()], default=0.0)

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def signal(self, number):
        os.kill(self.pid, number)

    def reload(self, config=None):
        """SIGHUP, with another configuration if one is given. It is in force once the daemon says so
        or, as we do not read logs for that, once its next answers show it: callers poll."""
        if config is not None:
            self.write(config)
        self.signal(signal.SIGHUP)

    def statistics(self):
        """The counters by name, as SIGUSR1 has them logged: after all else that it has logged."""
        last = re.compile(r"^notice: tcp_clients \d+\n", re.M)     # all of it
        before = len(last.findall(self.stderr()))
        self.signal(signal.SIGUSR1)
        end = time.monotonic() + 10.0 * SLOWER
        while len(last.findall(self.stderr())) == before:
            if time.monotonic() > end:
                raise AssertionError("no statistics")
            time.sleep(0.01)
        return {name: int(count) for name, count in re.findall(
            r"^notice: (\w+) (\d+)$", self.stderr(), re.M)}

    def metrics(self, name):
        """[({label: value}, number)] of the lines of that name, as SIGUSR1 has them logged."""
        begins = len(self.stderr())
        self.statistics()
        return [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), int(count)) for labels, count in
                re.findall(r"^notice: %s\{(.*)\} (\d+)$" % re.escape(name),
                           self.stderr()[begins:], re.M)]

    # --- the end ---

    def check_alive(self, settle=0.0):
        """Still there, and answers a fresh healthy name (or, without an upstream that is up, what it
        answers by itself)."""
        if self.process.poll() is not None:
            raise AssertionError("it ended by itself, exit status %d" % self.process.returncode)
        time.sleep(settle)
        healthy = (self.upstreams and self.upstreams[0].udp_sock is not None
                   and not getattr(self.upstreams[0], "deaf", False))
        if not healthy:
            self.wait_ready(2.0)
            return
        number = "%d.%d.alive.example." % (self.pid, time.monotonic_ns())
        for last in (False, True):
            try:
                reply = self.ask(number, "A")
                break
            except client.NoAnswer:
                if last:
                    raise
        if reply.a() != ["192.0.2.1"]:
            raise AssertionError("a healthy name is not answered any more: %s" % reply)

    def stop(self, seconds=3.0):
        """SIGTERM, then exit status 0 (or what the test expects). Returns what went wrong, or None."""
        if self.stopped or self.process is None:
            return None
        self.stopped = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds * SLOWER)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "did not end within %.0f s of SIGTERM" % (seconds * SLOWER)
        if status != self.exit_expected:
            return "exit status %d, should be %d" % (status, self.exit_expected)
        return None

    def bad_news(self):
        """Sanitizer reports, failed assertions and libevent's warnings on stderr, or whatever else is
        no line of its own log (OP-18)."""
        said = self.stderr()
        match = BAD_NEWS.search(said) or (None if self.prefix else NOT_OURS.search(said))
        return None if match is None else "on stderr: %s" % said[match.start():][:4000]
