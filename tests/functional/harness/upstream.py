"""A scripted upstream: a server on one loopback address, over UDP and TCP, that does what a test
says and nothing else. A packet that no rule of the test foresees fails the test; so does a rule
that was used more or less often than it says. Probes, by which the program finds out whether a
server lives, are foreseen by all.
"""

import errno
import heapq
import itertools
import os
import selectors
import socket
import struct
import threading
import time

from . import wire

PORT = 5300
ALIVE = wire.name("alive.example.")
PATIENCE = 0.05     # nobody sends a packet again sooner
# Seconds that an imitated processor takes until it has read an answer that lies there for it.
SLOW_TO_READ = 0.5 if os.environ.get("SAN") == "emulated" else 0.0
TIMESTAMP = 35      # SO_TIMESTAMPNS


class Loop(threading.Thread):
    """One thread for all upstreams of a test. It also notices how late it runs (`lag`), and how long
    programs that are `watched` are kept waiting for a processor, so that the tests can tell a slow
    program from a busy machine."""

    TICK = 0.02

    def __init__(self):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.timers, self.count, self.lock = [], itertools.count(), threading.RLock()
        self.wake_r, self.wake_w = os.pipe()
        os.set_blocking(self.wake_r, False)
        self.selector.register(self.wake_r, selectors.EVENT_READ, lambda _: os.read(self.wake_r, 99))
        self.lag, self.running, self.watched = 0.0, True, []
        self.errors = []

    def at(self, when, call):
        with self.lock:
            heapq.heappush(self.timers, (when, next(self.count), call))
        if threading.current_thread() is not self:
            os.write(self.wake_w, b"x")

    def stop(self):
        self.running = False
        os.write(self.wake_w, b"x")
        self.join()

    def run(self):
        due = time.monotonic() + self.TICK
        while self.running:
            now = time.monotonic()
            if now >= due:
                self.lag = max([self.lag, now - due] + [one.kept_waiting() for one in self.watched])
                due = now + self.TICK
            with self.lock:
                first = self.timers[0][0] if self.timers else due
            for key, mask in self.selector.select(max(0.0, min(first, due) - now)):
                self.guarded(key.data, mask)
            while True:
                with self.lock:
                    if not self.timers or self.timers[0][0] > time.monotonic():
                        break
                    call = heapq.heappop(self.timers)[2]
                self.guarded(call)

    def guarded(self, call, *args):
        try:
            with self.lock:
                call(*args)
        except Exception as error:  # a mistake in a test's script: the test must see it
            import traceback
            self.errors.append("".join(traceback.format_exception(error)))


# --- what a rule may do with a packet ------------------------------------------------------

class Act:
    """One thing to do, `delay` seconds after the packet came."""

    def __init__(self, kind, data=b"", delay=0.0, gap=0.0, via=None):
        self.kind, self.data, self.delay, self.gap, self.via = kind, data, delay, gap, via


def send(data, delay=0.0, via=None):
    """A message; over UDP from the socket of another upstream, if `via` is one."""
    return Act("send", data, delay, via=via)


def stream(data, delay=0.0):
    """Bytes on the TCP connection, without a length before them."""
    return Act("stream", data, delay)


def dribble(data, gap, delay=0.0):
    """A message over TCP, one byte every `gap` seconds, length and all."""
    return Act("dribble", data, delay, gap)


def close(delay=0.0):
    return Act("close", delay=delay)


def reset(delay=0.0):
    return Act("reset", delay=delay)


class Asked:
    """A packet the upstream got, as it is handed to a rule."""

    def __init__(self, upstream, data, tcp, source, late=0.0):
        self.upstream, self.wire, self.tcp, self.source = upstream, data, tcp, source
        self.time = time.monotonic()
        self.late = late    # seconds that it lay in the system before we read it
        self.n = 0          # how many packets this rule saw before this one
        self.rule = None
        self.delay, self.sent_at = None, None   # of its answer, the last of it
        try:
            self.msg = wire.Message(data)
            self.name = self.msg.qname if self.msg.questions else None
        except (wire.Malformed, struct.error):
            self.msg = self.name = None

    @property
    def came(self):
        """When the system took it in."""
        return self.time - self.late

    @property
    def id(self):
        return self.msg.id

    @property
    def flags(self):
        return self.msg.flags

    def is_late_copy(self, first):
        """The same as the first, and sent once more because we were not there in time to answer that: all
        this while it lay unread, or its answer was due, or nearly so. The gap says that it was waited for."""
        gap, delay, late = self.came - first.came, 0.0, first.late
        if first.delay is not None:
            delay = first.delay
            late = (first.sent_at or self.time) - first.came - delay + SLOW_TO_READ
        return late >= PATIENCE and max(PATIENCE, delay) <= gap <= delay + late + PATIENCE

    @property
    def is_probe(self):
        """Exactly the question by which the program asks after a server's health: the root's name
        servers, wanting recursion, without any option; without OPT only where EDNS is not known."""
        return (self.name == b"\0" and self.msg.qtype == 2 and self.msg.qclass == wire.IN
                and self.msg.counts in ((1, 0, 0, 1), (1, 0, 0, 0)) and self.msg.flags == wire.RD
                and (self.msg.opt is None or (self.msg.opt.ttl, self.msg.opt.rdata) == (0, b"")))

    def reply(self, *args, **how):
        return wire.reply(self.wire, *args, **how)

    def __str__(self):
        return "%s from %s:%d: %s" % ("TCP" if self.tcp else "UDP", *self.source[:2],
                                      wire.describe(self.wire))


def lateness(control):
    """Seconds since the system took the datagram in."""
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == TIMESTAMP:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return max(0.0, time.time() - seconds - nanoseconds / 1e9)
    return 0.0


class Rule:
    is_silence = False  # it ignores whatever comes

    def __init__(self, qname, qtype, qclass, do, times):
        self.name = None if qname is None else wire.lower(wire.name(qname))
        self.type = None if qtype is None else wire.rrtype(qtype)
        self.qclass, self.do, self.times = qclass, do, times
        self.asked = []     # Asked, in order of coming
        self.sent = []      # (time, bytes) of every message sent

    def fits(self, asked):
        return (asked.name is not None
                and (self.name is None or wire.lower(asked.name) == self.name)
                and (self.type is None or asked.msg.qtype == self.type)
                and (self.qclass is None or asked.msg.qclass == self.qclass))

    def complaint(self):
        low, high = (self.times if isinstance(self.times, tuple) else (self.times, self.times))
        if self.times is None or low <= len(self.asked) <= high:
            return None
        return "foreseen %s, came %d: %s" % (self.times, len(self.asked), self)

    @property
    def last(self):
        return self.sent[-1][1]

    def __str__(self):
        return "%s type %s\n%s" % (wire.text(self.name) if self.name else "any name", self.type,
                                   "\n".join("  %.3f %s" % (one.time, one) for one in self.asked))


class Connection:
    def __init__(self, upstream, sock, source):
        self.upstream, self.sock, self.source = upstream, sock, source
        self.got, self.out, self.open, self.reading = bytearray(), bytearray(), True, True
        self.opened_at, self.closed_at, self.messages = time.monotonic(), None, 0
        sock.setblocking(False)
        upstream.loop.selector.register(sock, selectors.EVENT_READ, self.on_event)

    def watch(self):
        mask = (selectors.EVENT_READ if self.reading else 0) | (
            selectors.EVENT_WRITE if self.out else 0)
        if mask:
            try:
                self.upstream.loop.selector.modify(self.sock, mask, self.on_event)
            except KeyError:
                self.upstream.loop.selector.register(self.sock, mask, self.on_event)
        else:
            try:
                self.upstream.loop.selector.unregister(self.sock)
            except KeyError:
                pass

    def on_event(self, mask):
        if mask & selectors.EVENT_WRITE and self.open:
            self.flush()
        if mask & selectors.EVENT_READ and self.open:
            self.read()

    def read(self):
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self.close()
        self.got += data
        while len(self.got) >= 2 and self.open:
            size = 2 + struct.unpack_from("!H", self.got)[0]
            if len(self.got) < size:
                break
            message, self.got = bytes(self.got[2:size]), self.got[size:]
            self.messages += 1
            self.upstream.on_packet(message, True, self.source, self)

    def write(self, data):
        if self.open:
            self.out += data
            self.flush()

    def flush(self):
        try:
            del self.out[:self.sock.send(self.out)]
        except BlockingIOError:
            pass
        except OSError:
            return self.close()
        self.watch()

    def close(self, rst=False):
        if not self.open:
            return
        self.open, self.closed_at = False, time.monotonic()
        try:
            self.upstream.loop.selector.unregister(self.sock)
        except KeyError:
            pass
        if rst:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Upstream:
    """Listens from birth. With tcp=False nothing listens on TCP (connections are refused).

    Probes are answered, and are not packets that `seen` and `saw` count; `probed` has them. With
    probes="silent" they get no answer, with "count" they are packets like any others, for which
    there must be a rule. A server that is `deaf`, or whose only rules are silent() about everything,
    ignores them too. A rule that names the root and NS takes what looks like a probe."""

    def __init__(self, loop, address, port=PORT, udp=True, tcp=True, probes="answer",
                 network=None):
        self.loop, self.address, self.port = loop, address, port
        self.make_socket = socket.socket if network is None else network.socket
        self.probes, self.probed = probes, []
        self.deaf, self.unheard = False, []     # whether all that comes is lost; what was
        self.rules, self.log, self.unforeseen = [], [], []
        self.connections, self.health_asked, self.late_copies = [], 0, []
        self.heard = {}     # the last of each datagram that was not a late copy
        self.udp_sock = self.tcp_sock = None
        self.on_accept = None   # called with a new Connection
        self.open(udp, tcp)

    def open(self, udp=True, tcp=True):
        if udp:
            self.udp_sock = self.bound(socket.SOCK_DGRAM)
            self.udp_sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.udp_sock.setsockopt(socket.SOL_SOCKET, TIMESTAMP, 1)
            self.loop.selector.register(self.udp_sock, selectors.EVENT_READ, self.on_udp)
        if tcp:
            self.tcp_sock = self.bound(socket.SOCK_STREAM)
            self.tcp_sock.listen(512)
            self.loop.selector.register(self.tcp_sock, selectors.EVENT_READ, self.on_tcp)
        os.write(self.loop.wake_w, b"x")

    def bound(self, kind):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        sock = self.make_socket(family, kind)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        for _ in range(50):     # somebody's earlier connection may still hold the port
            try:
                sock.bind((self.address, self.port))
                return sock
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                time.sleep(0.05)
        raise OSError("%s@%d stays in use" % (self.address, self.port))

    def close(self, udp=True, tcp=True, connections=True):
        """Stops listening: datagrams and connections are refused by the kernel from now on."""
        with self.loop.lock:
            if udp and self.udp_sock:
                self.loop.selector.unregister(self.udp_sock)
                self.udp_sock.close()
                self.udp_sock = None
            if tcp and self.tcp_sock:
                self.loop.selector.unregister(self.tcp_sock)
                self.tcp_sock.close()
                self.tcp_sock = None
            if connections:
                for connection in self.connections:
                    connection.close()

    # --- what a test says ---

    def rule(self, qname, qtype, do, times=1, qclass=None):
        """Packets with that question (None: any) are given to do(asked), which returns what to do:
        None for silence, bytes for a message, an Act or a list of Acts. `times` is how many are
        foreseen: a number, (low, high), or None for any number. Earlier rules come first; a rule
        that has had its number hands on to the next that fits."""
        with self.loop.lock:
            self.rules.append(Rule(qname, qtype, qclass, do, times))
            return self.rules[-1]

    def answers(self, qname, qtype, answer=(), authority=(), additional=(), times=1, delay=0.0,
                qclass=None, **how):
        """A rule that sends the reply these records make."""
        def act(asked):
            return send(asked.reply(answer, authority, additional, **how), delay)
        return self.rule(qname, qtype, act, times, qclass)

    def silent(self, qname=None, qtype=None, times=None):
        rule = self.rule(qname, qtype, lambda asked: None, times)
        rule.is_silence = qname is None and qtype is None
        return rule

    def forget_rules(self):
        """A new act begins. The old rules have been checked by now or are not checked at all."""
        with self.loop.lock:
            self.rules = []

    @property
    def seen(self):
        """Packets so far, health checks and probes aside."""
        return len(self.log)

    def saw(self, want, of=None):
        """`up=n`: this many packets in all (or of one rule). A moment's patience for what comes late
        is the teardown's business, which looks again."""
        came = self.log if of is None else of.asked
        if len(came) != want:
            raise AssertionError("upstream saw %d packets, should be %d\n%s" % (
                len(came), want, "\n".join("  %.3f %s" % (one.time, one) for one in came)))

    def complaints(self):
        out = ["nobody foresaw %s" % one for one in self.unforeseen]
        return out + [rule.complaint() for rule in self.rules if rule.complaint()]

    # --- what happens ---

    def on_udp(self, _mask):
        for _ in range(64):
            try:
                data, control, _, source = self.udp_sock.recvmsg(65535, 64)
            except BlockingIOError:
                return
            self.on_packet(data, False, source, None, lateness(control))
            if self.udp_sock is None:
                return

    def on_tcp(self, _mask):
        try:
            sock, source = self.tcp_sock.accept()
        except OSError:
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, sock, source)
        self.connections.append(connection)
        if self.on_accept:
            self.on_accept(connection)

    def on_packet(self, data, tcp, source, connection, late=0.0):
        asked = Asked(self, data, tcp, source, late)
        if self.deaf:
            self.unheard.append(asked)
            return
        if asked.name and wire.lower(asked.name).endswith(ALIVE):
            self.health_asked += 1
            self.act(send(asked.reply([wire.raw(asked.name, 1, asked.msg.qtype, b"\xc0\0\2\1")])),
                     asked, connection)
            return
        if self.takes_as_probe(asked):
            self.probed.append(asked)
            if self.probes == "answer" and not (
                    self.rules and all(rule.is_silence for rule in self.rules)):
                self.act(send(asked.reply([". 518400 NS ns.example."])), asked, connection)
            return
        if not tcp:
            first = self.heard.get((source, data))
            if first is not None and asked.is_late_copy(first):
                self.late_copies.append(asked)
                return
            self.heard[source, data] = asked
        self.log.append(asked)
        rule = self.pick(asked)
        if rule is None:
            self.unforeseen.append(asked)
            return
        asked.n, asked.rule = len(rule.asked), rule
        rule.asked.append(asked)
        done = rule.do(asked)
        if done is None:
            return
        done = [send(act) if isinstance(act, bytes) else act
                for act in (done if isinstance(done, list) else [done])]
        asked.delay = max([act.delay for act in done if act.kind == "send"], default=None)
        for act in done:
            self.act(act, asked, connection)

    def takes_as_probe(self, asked):
        return (self.probes != "count" and asked.is_probe
                and not any(rule.name == b"\0" and rule.type == 2 for rule in self.rules))

    def pick(self, asked):
        fitting = [rule for rule in self.rules if rule.fits(asked)]
        for rule in fitting:
            most = rule.times[1] if isinstance(rule.times, tuple) else rule.times
            if most is None or len(rule.asked) < most:
                return rule
        return fitting[-1] if fitting else None    # one too many: its rule will say so

    def act(self, act, asked, connection):
        if act.delay > 0:
            self.loop.at(asked.time + act.delay, lambda: self.act_now(act, asked, connection))
        else:
            self.act_now(act, asked, connection)

    def act_now(self, act, asked, connection):
        if act.kind == "send":
            asked.sent_at = time.monotonic()
            if asked.rule:
                asked.rule.sent.append((time.monotonic(), act.data))
            if connection is not None:
                connection.write(struct.pack("!H", len(act.data)) + act.data)
            else:
                via = act.via or self
                if via.udp_sock:
                    self.send_to(via.udp_sock, act.data, asked.source)
        elif connection is None:
            return      # the rest is about connections
        elif act.kind == "stream":
            connection.write(act.data)
        elif act.kind == "dribble":
            if asked.rule:
                asked.rule.sent.append((time.monotonic(), act.data))
            self.dribble(struct.pack("!H", len(act.data)) + act.data, act.gap, connection)
        elif act.kind == "close":
            connection.close()
        elif act.kind == "reset":
            connection.close(rst=True)

    def send_to(self, sock, data, to):
        try:
            sock.sendto(data, to)
        except OSError as error:    # a network of a test's own may be down just now
            if self.make_socket is socket.socket or error.errno not in (
                    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM):
                raise

    def dribble(self, data, gap, connection):
        connection.write(data[:1])
        if len(data) > 1:
            self.loop.at(time.monotonic() + gap, lambda: self.dribble(data[1:], gap, connection))
