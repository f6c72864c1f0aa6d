"""AM and RX: limits, what happens at them, and that others than those who reach them do not notice."""

import os
import re
import resource
import select
import signal
import time

from harness import client, shapes, wire
from harness.device import SANITIZED, SLOWER, STATUS
from harness.mark import Skip, alone, each, heavy
from harness.shapes import a1
from harness.upstream import send


class Crowd:
    """Questions from one address over a few sockets, and what came back to them."""

    def __init__(self, dev, source, socks=4):
        self.socks = [dev.udp(source) for _ in range(socks)]
        self.asked, self.told = {}, []      # (socket, ID): time; (what, seconds)

    def ask(self, qname, qtype="A", **how):
        at = len(self.asked)
        sock = self.socks[at % len(self.socks)]
        self.asked[sock, at // len(self.socks)] = time.monotonic()
        sock.send(wire.query(qname, qtype, ident=at // len(self.socks), **how))
        self.listen(0)

    def listen(self, seconds, want=None):
        """Takes what comes until the time is over, or `want` have come."""
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, end - time.monotonic())
            ready = select.select([sock.sock for sock in self.socks], [], [], left)[0]
            for sock in self.socks:
                while sock.sock in ready:
                    data = sock.recv(0)
                    if data is None:
                        break
                    asked_at = self.asked[sock, int.from_bytes(data[:2], "big")]
                    self.told.append((self.kind(wire.Message(data)), time.monotonic() - asked_at))
            if left == 0.0 or (want is not None and len(self.told) >= want):
                return

    @staticmethod
    def kind(msg):
        if msg.rcode != wire.NOERROR:
            return {wire.SERVFAIL: "failed", wire.REFUSED: "refused"}.get(msg.rcode, "odd")
        if msg.flags & wire.TC:
            return "odd" if msg.answer else "cut"
        return "right" if msg.answer else "odd"

    def count(self, kind):
        return sum(one == kind for one, _ in self.told)

    def close(self):
        for sock in self.socks:
            sock.close()


def lines(dev, text):
    return [line for line in dev.stderr().splitlines() if text in line]


def told_once(dev, setting, source):
    """The log names the setting and the client, once."""
    said = lines(dev, "warning: %s: " % setting)
    assert len(said) == 1 and " %s: " % source in said[0], said


# --- who may not ask -----------------------------------------------------------------------

@each([("plain", {}), ("edns", {"edns": 1232}), ("do", {"do": True, "edns": 4096}),
       ("option", {"edns": 1232, "options": [(10, b"12345678")]})], lambda case: case[0])
def test_AM_04_a_refusal_is_no_longer_than_the_question(t, case):
    """Whoever forges a sender gets nothing larger sent there than what they send us."""
    up, source = t.upstream(), t.address()
    dev = t.device(up, conf='access = ( { net = "127.0.0.1/32"; action = "allow"; } );')
    for qname in ("a.", "refused.%s.example." % ("x" * 30)):
        query = client.with_id(wire.query(qname, "ANY", **case[1]))
        with dev.udp(source) as udp:
            reply = udp.ask(query, 3.0)
        assert reply.rcode == wire.REFUSED and len(reply.wire) <= len(query), reply
    for broken in (b"\1\2\1\0\0\1\0\0\0\0\0\0\77", b"\1\2\1\0\0\2\0\0\0\0\0\0" + query[12:]):
        with dev.udp(source) as udp:
            udp.send(broken)
            said = udp.recv(0.3)
        assert said is None or len(said) <= len(broken), wire.describe(said)
    up.saw(0)


# --- how fast ------------------------------------------------------------------------------

def flood(dev, source, qname, seconds, rate, beside):
    """So many questions a second from that address; `beside()` is called ten times a second."""
    crowd, began, step = Crowd(dev, source), time.monotonic(), 0
    while True:
        now = time.monotonic() - began
        if now >= seconds:
            break
        while len(crowd.asked) < now * rate:
            crowd.ask(qname)
        if now * 10 >= step:
            step += 1
            beside()
        time.sleep(0.002)
    dev.send(STATUS)    # all before have been looked at
    crowd.listen(0.3)
    crowd.seconds = time.monotonic() - began
    return crowd


@heavy
def test_AM_08_who_asks_too_fast_is_slowed_down(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    fast, other = t.address(), t.address()
    dev = t.device(up, conf="limits = { rate_per_client = 200; };")
    dev.ask(qname, source=other)
    served = []
    crowd = flood(dev, fast, qname, 2.5, 1000,
                  lambda: served.append(dev.ask(qname, source=other, timeout=2.0)))
    crowd.close()
    assert len(served) >= 20 and all(reply.a() == ["192.0.2.1"] for reply in served)
    right, cut = crowd.count("right"), crowd.count("cut")
    above = len(crowd.asked) - right
    assert 200 <= right <= 200 + 200 * crowd.seconds + 5, (right, crowd.seconds)
    assert above > 500, "it was not asked fast enough: %d above" % above
    assert above * 0.4 <= cut <= above * 0.5 + 1, "%d of %d above were told to come by TCP" % (
        cut, above)
    assert right + cut == len(crowd.told), crowd.told[-3:]
    told_once(dev, "limits.rate_per_client", fast)
    assert dev.statistics()["limit_rate_per_client"] == above


@heavy
def test_AM_09_a_forged_flood_leaves_its_victim_tcp(t):
    """What is sent in somebody's name uses up what that address may ask over UDP; some of their own
    questions are told to come over TCP, and there they are answered."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    victim, cut, over_tcp = t.address(), [], []
    dev = t.device(up, conf="limits = { rate_per_client = 50; };")
    dev.ask(qname)

    def ask_as_victim():
        for _ in range(4):      # as a stub resolver tries again
            with dev.udp(victim) as udp:
                udp.send(wire.query(qname, ident=7))
                data = udp.recv(0.05)
            if data is None:
                continue
            if wire.Message(data).flags & wire.TC:
                cut.append(data)
                assert len(data) <= len(wire.query(qname))
                over_tcp.append(dev.ask(qname, tcp=True, source=victim, timeout=2.0))
            return
    flood(dev, victim, qname, 3.0, 1000, ask_as_victim).close()
    assert len(cut) >= 5, "the victim was told %d times to come over TCP" % len(cut)
    assert all(reply.a() == ["192.0.2.1"] for reply in over_tcp), over_tcp


def test_AM_08_over_tcp_it_is_refused(t):
    up, qname, source = t.upstream(), t.fresh(), t.address()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, conf="limits = { rate_per_client = 5; rate_burst = 10; };")
    dev.ask(qname)
    with dev.tcp(source) as tcp:
        asked_at = time.monotonic()
        queries = [wire.query(qname, ident=at, edns=1232) for at in range(30)]
        tcp.send(*queries)
        replies = [tcp.recv_reply(query, asked_at, 3.0) for query in queries]
    assert [reply.rcode for reply in replies] == [wire.NOERROR] * 10 + [wire.REFUSED] * 20
    assert dev.ask(qname, tcp=True).a() == ["192.0.2.1"]


# --- how many at once ----------------------------------------------------------------------

@alone
@heavy
def test_AM_10_what_waits_for_one_client_is_capped(t):
    """Five thousand questions whose answers all come at once make no pulse of five thousand."""
    up, source, other, held = t.upstream(), t.address(), t.address(), {}

    def hold(asked):
        if b"pulse" not in asked.name:
            return shapes.digest_reply(asked)
        held.setdefault(asked.name, asked)
        return None
    up.rule(None, "A", hold, times=None)
    dev = t.device(up, order="listed", timeout=4.5)
    before, began = dev.rss(), time.monotonic()
    crowd = Crowd(dev, source)
    for at in range(5000):
        crowd.ask("p%d.pulse.example." % at)
        if at % 100 == 99:
            crowd.listen(0.005)
    assert dev.ask("modest.example.", source=other, timeout=4.0).answer
    if time.monotonic() - began > 3.0:
        raise Skip("this machine is too slow to ask 5000 questions while the first wait")
    assert 250 <= len(held) <= 256, len(held)
    with t.loop.lock:
        for asked in held.values():
            up.act_now(send(shapes.digest_reply(asked)), asked, None)
    crowd.listen(4.0 * SLOWER, want=5000)
    crowd.close()
    right, failed = crowd.count("right"), crowd.count("failed")
    assert right == len(held), right
    assert right + failed == len(crowd.told) >= 4990, (right, failed, len(crowd.told))
    quick = sorted(took for what, took in crowd.told if what == "failed")
    t.within(quick[len(quick) * 99 // 100], 0, 0.1, "those above the limit waited")
    told_once(dev, "limits.inflight_per_client", source)
    assert dev.statistics()["limit_inflight_per_client"] == failed
    assert SANITIZED or dev.rss() - before < 4 << 20


@heavy
@each([256, 4096])
def test_RX_05_one_client_does_not_take_all(t, per_client):
    """With the cap of one client, and without: there is room for ten questions of another."""
    up, source, other = t.upstream(), t.address(), t.address()
    up.rule(None, "A", lambda asked: None if b"held" in asked.name else
            shapes.digest_reply(asked), times=None)
    dev = t.device(up, order="listed", conf="limits = { inflight = 600; inflight_per_client = %d; };"
                   % per_client)
    dev.upstreams = []
    crowd, served = Crowd(dev, source), []
    for at in range(10000):
        crowd.ask("h%d.held.z%d.example." % (at, at % 7))
        if at % 100 == 99:
            crowd.listen(0.002)
        if at % 1000 == 999:
            served.append(dev.ask("m%d.modest.example." % at, source=other, timeout=4.0))
    assert len(served) == 10 and all(reply.answer for reply in served), served
    t.within(max(reply.took for reply in served), 0, 0.3, "the other client waited")
    crowd.listen(6.0 * SLOWER, want=10000)
    crowd.close()
    assert crowd.count("failed") == len(crowd.told) >= 9900, len(crowd.told)


@alone
@heavy
def test_RX_05_who_has_most_gives_way_to_the_newcomer(t):
    """Four clients hold everything; each of ten newcomers has one question answered."""
    up, greedy = t.upstream(), [t.address() for _ in range(4)]
    up.rule(None, "A", lambda asked: None if b"held" in asked.name else
            send(shapes.digest_reply(asked), 0.3), times=None)
    dev = t.device(up, order="listed", timeout=4.0,
                   conf="limits = { inflight = 64; inflight_per_client = 16; };")
    dev.upstreams = []
    crowds = [Crowd(dev, source, 1) for source in greedy]
    for at in range(16):
        for number, crowd in enumerate(crowds):
            crowd.ask("h%d.held.z%d.example%d." % (at, number, number))
    dev.send(STATUS)    # all before have been looked at
    newcomers = [Crowd(dev, t.address(), 1) for _ in range(10)]
    for at, crowd in enumerate(newcomers):
        crowd.ask("new%d.newcomer.example." % at)
    for crowd in newcomers:
        crowd.listen(3.0 * SLOWER, want=1)
        assert [what for what, _ in crowd.told] == ["right"], crowd.told
        crowd.close()
    gave = 0
    for crowd in crowds:
        crowd.listen(0.1)
        gave += crowd.count("failed")
        assert len(crowd.told) <= 3, "one of them gave up all: %s" % crowd.told
        crowd.close()
    assert gave == 10, gave
    assert dev.statistics()["limit_inflight"] == 10
    assert len(lines(dev, "warning: limits.inflight: ")) == 1


@alone
@heavy
def test_RX_15_to_wait_costs_nothing(t):
    """Four thousand questions in flight, and nothing to do for them: the processor idles."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 9000:
        raise Skip("fewer than 9000 open files are allowed here")
    up = t.upstream()
    up.silent()
    dev = t.device(up, order="listed", timeout=4.5)
    dev.upstreams = []
    crowds = [Crowd(dev, t.address(), 1) for _ in range(17)]
    began = time.monotonic()
    for at in range(4096):
        crowds[at % 17].ask("t%d.z%d." % (at, at % 16))
        if at % 50 == 49:
            time.sleep(0.003)
    if time.monotonic() - began > 1.8:
        raise Skip("this machine is too slow to have 4096 questions in flight at once")
    inflight = dev.statistics()["inflight"]
    assert inflight >= 4000, inflight
    time.sleep(2.1)     # the last has been sent again for the last time
    before, at = dev.cpu(), time.monotonic()
    time.sleep(max(0.0, began + 4.2 - time.monotonic()))
    used, end = dev.cpu() - before, time.monotonic()
    for crowd in crowds:
        crowd.close()
    if end - began < 4.5:       # then they are told that nobody answers, which costs
        assert SANITIZED or used <= max(0.03, 0.02 * (end - at)), "%.2f of %.2f s" % (used, end - at)


# --- connections ---------------------------------------------------------------------------

@alone
def test_idle_connections_have_less_time_as_they_fill_up(t):
    """Ten may be open. With three left the time is a sixteenth, and one that comes has those closed
    that have been quiet for longer than that."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, conf="limits = { tcp_clients = 10; tcp_idle = 16.0; };")
    dev.ask(qname)
    first = [dev.tcp(t.address()) for _ in range(5)]
    time.sleep(1.3 + t.late)
    last = dev.tcp(t.address())     # four of ten are free: four seconds
    assert last.ask(wire.query(qname, ident=1), 2.0).a() == ["192.0.2.1"]
    assert first[0].closed_within(0.1) is None, "closed too early"
    more = [dev.tcp(t.address()), dev.tcp(t.address())]     # three, then two: one second
    for tcp in more:
        assert tcp.ask(wire.query(qname, ident=1), 2.0).a() == ["192.0.2.1"]
    t.until(lambda: dev.statistics()["tcp_clients"] <= 4, 3.0, "those that were quiet stay")
    for tcp in first:
        assert tcp.closed_within(2.0) is not None
    assert dev.statistics()["limit_tcp_idle"] >= 5
    assert len(lines(dev, "warning: limits.tcp_idle: 127.")) == 1
    for tcp in [*more, last]:
        tcp.close()


@alone
def test_the_one_idle_longest_makes_room(t):
    up, qname, slow = t.upstream(), t.fresh(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    up.answers(slow, "A", [a1(slow)], delay=1.0, times=(1, 2))
    dev = t.device(up, order="listed", conf="limits = { tcp_clients = 4; tcp_idle = 60.0; };")
    dev.ask(qname)
    busy, oldest, second, third = [dev.tcp(t.address()) for _ in range(4)]
    busy.send(wire.query(slow, ident=3))
    for tcp in (second, third):
        assert tcp.ask(wire.query(qname, ident=1), 2.0).a() == ["192.0.2.1"]
    with dev.tcp(t.address()) as tcp:
        assert tcp.ask(wire.query(qname, ident=2), 2.0).a() == ["192.0.2.1"]
        assert oldest.closed_within(1.0 + t.late) is not None, "the one idle longest is not closed"
        for other in (second, third):
            assert other.ask(wire.query(qname, ident=1), 2.0).a() == ["192.0.2.1"]
        assert busy.recv_reply(wire.query(slow, ident=3), time.monotonic(), 3.0).a() == ["192.0.2.1"]
    told_once(dev, "limits.tcp_clients", oldest.sock.getsockname()[0])
    assert dev.statistics()["limit_tcp_clients"] == 1
    for tcp in (busy, second, third):
        tcp.close()


# --- open files ----------------------------------------------------------------------------

def descriptors_within(dev, limit):
    numbers = [int(name) for name in os.listdir("/proc/%d/fd" % dev.pid)]
    assert max(numbers) < limit, numbers
    return len(numbers)


@alone
@heavy
@each([1, 5])
def test_RX_16_few_open_files(t, servers):
    """64 are what it may have: it says what it makes of that, and serves with it; also where each
    question is put to so many servers that there are not enough sockets."""
    ups, healthy = [t.upstream() for _ in range(servers)], t.fresh()
    for up in ups:
        up.rule(None, None, lambda asked: None if b"held" in asked.name else
                shapes.digest_reply(asked), times=None)
    dev = t.device(*ups, order="listed", rlimit_files=64, timeout=4.0)
    dev.upstreams = []
    said = lines(dev, "allows 64 open files")
    assert len(said) == 1, dev.stderr()
    inflight, tcp_clients = map(int, re.search(
        r"limits\.inflight is (\d+) instead of 4096, limits\.tcp_clients (\d+) instead of 256",
        said[0]).groups())
    assert inflight >= 10 and tcp_clients >= 4, said
    known = dev.ask(healthy)
    assert known.answer

    crowds = [Crowd(dev, t.address(), 1) for _ in range(10)]
    hogs = []
    for at in range(40):
        for number, crowd in enumerate(crowds):
            crowd.ask("h%d.held.example%d." % (at, number))
            dev.send(STATUS)        # it has been looked at: what comes together shares its sockets,
            time.sleep(0.003)       # and so does what is sent again together
        try:
            hogs.append(dev.tcp(t.address(), timeout=1.0))
        except OSError:
            pass
        if at % 10 == 9:
            descriptors_within(dev, 64)
            reply = dev.ask(healthy, tcp=at % 20 == 9, timeout=2.0)
            assert reply.answer[0].rdata == known.answer[0].rdata
            t.within(reply.took, 0, 1.0, "what is known waited")
    time.sleep(1.5)
    descriptors_within(dev, 64)
    reply = dev.ask(healthy, tcp=True, timeout=2.0)
    assert reply.answer[0].rdata == known.answer[0].rdata
    dev.reload()
    t.until(lambda: lines(dev, "the new configuration is in use"), 3.0, "reload under load")
    if servers == 5:
        assert dev.statistics()["limit_descriptors"] > 0, "there were enough"
        assert len(lines(dev, "warning: open files")) == 1
    for crowd in crowds:
        crowd.listen(6.0 * SLOWER, want=40)
        assert crowd.count("failed") == len(crowd.told) == 40, "%d of 40 told, %d failed" % (
            len(crowd.told), crowd.count("failed"))
        crowd.close()
    for tcp in hogs:
        tcp.close()
    t.until(lambda: dev.ask(t.fresh(), timeout=5.0).answer, 6.0, "it does not come back")
    assert dev.ask(t.fresh(), tcp=True).answer
    assert len(lines(dev, "allows 64 open files")) == 1, "the warning comes again"
    assert len(lines(dev, "warning: ")) < 15, dev.stderr()


@each([20, 28])
def test_RX_16_too_few_open_files_is_an_error(t, files):
    if SANITIZED:
        raise Skip("a sanitizer wants files of its own")
    up = t.upstream()
    dev = t.device(up, rlimit_files=files, start=False)
    dev.exit_expected = 71
    dev.start(wait=False)
    assert dev.process.wait(10) == 71, dev.stderr()
    assert re.search(r"error: .*allows %d open files.* at least \d+ are needed" % files, dev.stderr())
    dev.stopped = True


@heavy
def test_at_the_limit_of_files_clients_are_served_and_nothing_spins(t):
    """A crowd of connections that say nothing, more than there are descriptors for."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, rlimit_files=256, conf="limits = { tcp_clients = 4000; inflight = 10; };")
    dev.ask(qname)
    hogs, source = [], None
    for at in range(400):
        if at % 25 == 0:
            source = t.address()
        hogs.append(client.Tcp(dev.address, dev.port, source))
    before, began = dev.cpu(), time.monotonic()
    while time.monotonic() - began < 2.0:
        reply = dev.ask(qname, tcp=True, timeout=3.0)
        assert reply.a() == ["192.0.2.1"]
        t.within(reply.took, 0, 1.0, "a client beside them waited")
        time.sleep(0.05)
    used = dev.cpu() - before
    assert SANITIZED or used < 0.2 * (time.monotonic() - began), "%.2f s of processor time" % used
    descriptors_within(dev, 256)
    dev.signal(signal.SIGHUP)
    t.until(lambda: lines(dev, "the new configuration is in use"), 3.0, "no reload")
    for tcp in hogs:
        tcp.close()
