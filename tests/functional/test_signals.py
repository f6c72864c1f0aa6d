"""Signals and the end: what is in flight, storms, and that nothing but its own lines is on stderr."""

import random
import signal
import socket
import threading
import time

from harness import client, wire
from harness.device import SLOWER
from harness.mark import each, limit
from harness.shapes import a1
from harness.upstream import send


def answering(t, delay=0.0):
    up = t.upstream()
    up.rule(None, "A", lambda asked: send(asked.reply([a1(wire.text(asked.name))]), delay), times=None)
    return up


class Holding:
    """An upstream that knows all, and says it once it is let go."""

    def __init__(self, t):
        self.up, self.held = t.upstream(), []
        self.up.rule(None, "A", self.held.append, times=None)

    def let_go(self):
        with self.up.loop.lock:
            for asked in self.held:
                self.up.act_now(send(asked.reply([a1(wire.text(asked.name))])), asked, None)


def in_flight(t, dev, up, udp, count):
    for at in range(count):
        udp.send(wire.query("flight%d.example." % at, ident=at))
    t.until(lambda: len({one.name for one in up.log}) >= count, 5, "not all asked")


def refuses(dev):
    with socket.socket() as new:
        return new.connect_ex((dev.address, dev.port)) != 0


def end_of(dev, t, within, began):
    assert dev.process.wait(5.0 * SLOWER) == 0, dev.stderr()
    t.within(time.monotonic() - began, 0, within)
    dev.stopped = True


def test_OP_04_two_hundred_in_flight_are_answered_and_nobody_new_is_taken(t):
    """At once nobody new: no connection, no question. All that was in flight is answered, and as soon
    as it is, that was it."""
    up = answering(t, 0.8)
    dev = t.device(up)
    with dev.udp() as udp, dev.udp() as late, dev.tcp() as tcp:
        in_flight(t, dev, up, udp, 180)
        tcp.send(*(wire.query("stream%d.example." % at, ident=at) for at in range(20)))
        t.until(lambda: len({one.name for one in up.log}) >= 200, 5, "not all asked")
        asked, began = len(up.log), time.monotonic()
        dev.signal(signal.SIGTERM)
        t.until(lambda: refuses(dev), 2, "a new connection is taken")
        late.send(wire.query("late.example.", ident=7))
        got = {int.from_bytes(udp.recv(3.0 * SLOWER)[:2], "big") for _ in range(180)}
        assert got == set(range(180))
        got = {int.from_bytes(tcp.recv(3.0 * SLOWER)[:2], "big") for _ in range(20)}
        assert got == set(range(20))
        end_of(dev, t, 2.3, began)
        assert not any(one.name.startswith(b"\x04late") for one in up.log[asked:])
        try:
            assert late.recv(0.1) is None, "a question that came too late is answered"
        except ConnectionRefusedError:
            pass


def test_OP_04_a_reload_meanwhile_opens_nothing_again(t):
    holding = Holding(t)
    dev = t.device(holding.up, timeout=4.0)
    with dev.udp() as udp:
        in_flight(t, dev, holding.up, udp, 20)
        began = time.monotonic()
        dev.signal(signal.SIGTERM)
        t.until(lambda: "finishing" in dev.stderr(), 2)
        dev.signal(signal.SIGHUP)
        t.until(lambda: "reload: " in dev.stderr(), 2)
        assert refuses(dev), "a new connection is taken"
        holding.let_go()
        assert {udp.recv(3.0 * SLOWER)[:2] for _ in range(20)} == {at.to_bytes(2, "big") for at in range(20)}
        end_of(dev, t, 2.3, began)
    assert "the new configuration is in use" not in dev.stderr()


def test_OP_04_two_hundred_that_nobody_answers_end_within_two_seconds(t):
    up = t.upstream()
    up.silent(times=None)
    dev = t.device(up, timeout=4.0)
    with dev.udp() as udp:
        in_flight(t, dev, up, udp, 200)
        began = time.monotonic()
        dev.signal(signal.SIGTERM)
        end_of(dev, t, 2.3, began)


@each(["SIGTERM", "SIGINT"])
def test_OP_05_who_is_told_twice_does_not_wait(t, name):
    up = t.upstream()
    up.silent(times=None)
    dev = t.device(up, timeout=4.0)
    with dev.udp() as udp:
        in_flight(t, dev, up, udp, 50)
        began = time.monotonic()
        dev.signal(getattr(signal, name))
        t.until(lambda: "finishing" in dev.stderr(), 2)
        dev.signal(getattr(signal, name))
        end_of(dev, t, 0.5, began)


# What has a meaning, and what others may send for reasons of their own.
OURS = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
STORM = OURS + [signal.SIGPIPE, signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG, signal.SIGCONT]


class Load:
    """Asks all the time, one question after the other, over UDP and TCP in turn."""

    def __init__(self, dev):
        self.dev, self.asked, self.problem, self.is_over = dev, 0, None, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.is_over:
                reply = self.dev.ask("load%d.example." % (self.asked % 50), tcp=self.asked % 5 == 0)
                assert reply.a() == ["192.0.2.1"], reply
                self.asked += 1
        except (AssertionError, OSError, client.NoAnswer) as error:
            self.problem = error

    def end(self):
        self.is_over = True
        self.thread.join()
        if self.problem is not None:
            raise self.problem
        return self.asked


@limit(90)
def test_OP_05_a_storm_of_signals_loses_nothing(t):
    """A thousand, mixed, under load; then the end, told as a storm too."""
    dev = t.device(answering(t), conf='log = { level = "warning"; };')
    load, chance = Load(dev), random.Random(5)
    for at in range(1000):
        dev.signal(chance.choice(STORM))
        if at % 10 == 0:
            time.sleep(0.002)
    t.until(lambda: load.asked > 50, 20, "no load")
    assert load.end() > 50
    assert dev.process.poll() is None
    began = time.monotonic()
    until = began + 5.0 * SLOWER
    while dev.process.poll() is None and time.monotonic() < until:
        # (the others would keep what looks for leaks from looking)
        dev.signal(chance.choice([signal.SIGTERM, signal.SIGINT] + OURS))
    end_of(dev, t, 2.3, began)


def test_OP_05_USR1_prints_statistics_and_nothing_else(t):
    dev = t.device(answering(t))
    assert dev.ask("one.example.").a() == ["192.0.2.1"]
    before = len(dev.stderr())
    counts = dev.statistics()
    assert counts["queries_udp"] >= 1, counts
    time.sleep(0.1)
    for line in dev.stderr()[before:].splitlines():
        assert line.startswith("notice: ") and line.rsplit(" ", 1)[1].replace(".", "", 1).isdigit(), line
    assert dev.ask("two.example.").a() == ["192.0.2.1"]


def test_OP_18_what_is_not_its_own_line_on_stderr_is_noticed(t):
    """By every test, at its end (harness/device.py)."""
    dev = t.device(answering(t))
    assert dev.bad_news() is None
    for line in ("[warn] Epoll ADD(1) on fd 7 failed.\n", "libsomething: odd\n", "\n"):
        with open(dev.stderr_path, "r+", encoding="ascii") as file:
            good = file.read()
            file.write(line)
        assert dev.bad_news() is not None, line
        with open(dev.stderr_path, "w", encoding="ascii") as file:
            file.write(good)
