"""CT: what clients do over TCP."""

import os
import struct
import threading
import time

from harness import client, shapes, wire
from harness.device import SANITIZED
from harness.mark import alone, each, heavy
from harness.netns import Network
from harness.shapes import a1
from harness.upstream import send

IDLE = "limits = { tcp_idle = 2.0; };"


def framed(*messages):
    return b"".join(struct.pack("!H", len(message)) + message for message in messages)


def settled_fds(t, dev, want):
    t.until(lambda: dev.fds() <= want, 4, "descriptors were not given back")


def test_CT_01_answers_come_as_they_are_ready(t):
    up, slow, fast = t.upstream(), t.fresh(), t.fresh()
    up.answers(slow, "A", [a1(slow)], delay=1.0, times=(1, 2))
    up.answers(fast, "A", [a1(fast, "192.0.2.2")])
    dev = t.device(up)
    with dev.tcp() as tcp:
        asked_at = time.monotonic()
        queries = [wire.query(slow, ident=1), wire.query(fast, ident=2)]
        tcp.send(*queries)
        first = tcp.recv_reply(queries[1], asked_at, 3.0)
        second = tcp.recv_reply(queries[0], asked_at, 3.0)
    assert first.id == 2 and first.a() == ["192.0.2.2"]
    assert second.id == 1 and second.a() == ["192.0.2.1"]
    t.prompt(first)
    t.prompt(second, 1.0)


def test_CT_02_one_byte_at_a_time(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    query = wire.query(qname, ident=77)
    with dev.tcp() as tcp:
        tcp.slowly(framed(query), 0.015)
        assert tcp.recv_reply(query, time.monotonic(), 3.0).a() == ["192.0.2.1"]
        tcp.slowly(framed(query), 0.005)
        assert tcp.recv_reply(query, time.monotonic(), 3.0).a() == ["192.0.2.1"]


@alone
def test_CT_03_slow_loris_is_closed(t):
    """The time runs from the first byte of a message: more bytes do not buy more of it."""
    up = t.upstream()
    dev = t.device(up, conf=IDLE)
    before = dev.fds()
    with dev.tcp() as tcp:
        began = time.monotonic()
        for byte in framed(wire.query("slow-loris.example." * 3)):
            try:
                tcp.raw(bytes([byte]))
            except OSError:
                break
            if tcp.closed_within(0.25) is not None:
                break
            assert time.monotonic() - began < 4.0 + t.late, "still open"
        t.within(time.monotonic() - began, 1.5, 2.6)
    settled_fds(t, dev, before)


def still_open(tcp):
    tcp.sock.setblocking(False)
    try:
        return bool(tcp.sock.recv(65536))
    except BlockingIOError:
        return True
    except OSError:
        return False


@alone
def test_CT_06_connections_of_one_address_are_capped(t):
    up, qname, other = t.upstream(), t.fresh(), t.address()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    dev.ask(qname)
    greedy = t.address()
    before, many = dev.fds(), []
    for _ in range(150):
        try:
            many.append(dev.tcp(source=greedy))
        except OSError:
            pass
    assert dev.ask(qname, tcp=True, source=other, timeout=2.0).a() == ["192.0.2.1"]
    t.until(lambda: sum(map(still_open, many)) <= 32, 3, "more than 32 connections stay open")
    assert dev.fds() <= before + 33
    usable = [tcp for tcp in many if still_open(tcp)]
    assert usable, "not one connection is left"
    tcp = usable[-1]
    assert tcp.ask(wire.query(qname, ident=3), 2.0).a() == ["192.0.2.1"]
    for tcp in many:
        tcp.close()
    settled_fds(t, dev, before + 1)


def test_CT_06_the_cap_is_a_setting(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, conf="limits = { tcp_clients_per_address = 3; tcp_clients = 5; };")
    dev.ask(qname)
    many = []
    for source in (t.address(), t.address()):
        for _ in range(6):
            try:
                many.append(dev.tcp(source=source))
            except OSError:
                pass
    t.until(lambda: sum(map(still_open, many)) <= 5, 3, "more than 5 connections stay open")
    t.until(lambda: sum(map(still_open, many[:6])) <= 3, 3, "more than 3 of one address stay open")
    for tcp in many:
        tcp.close()
    t.until(lambda: dev.ask(qname, tcp=True).a() == ["192.0.2.1"], 2, "no room was made")



@alone
def test_CT_06_a_network_of_IPv6_is_one_client(t):
    """Who has 2^64 addresses has no more connections than who has one; another network has its own."""
    home = Network(t)
    near, far = ["fd00::%x" % n for n in range(1, 8)], "fd00:0:0:1::1"
    for address in near + [far]:
        home.run("ip", "addr", "add", address + "/64", "dev", "lo", "nodad")
    home.wait_for(*near, far)
    up = t.upstream(address="127.0.0.53", port=5399, network=home)
    dev = t.device(up, network=home, address="127.0.0.1", conf="""
        limits = { tcp_clients_per_address = 3; };""", listen="""
        listen = ( { address = "127.0.0.1"; port = 5300; }, { address = "::"; port = 5300; } );""")
    many = [client.Tcp("fd00::1", 5300, source, make=home.socket) for source in near]
    t.until(lambda: sum(map(still_open, many)) == 3, 3, "more than 3 of one network stay open")
    other = client.Tcp("fd00::1", 5300, far, make=home.socket)
    t.until(lambda: dev.statistics()["tcp_clients"] == 4, 3, "another network is not let in")
    for tcp in many + [other]:
        tcp.close()
    assert dev.statistics()["limit_tcp_clients_per_address"] == len(near) - 3



def test_CT_03_who_waits_for_an_answer_is_not_idle(t):
    """However short limits.tcp_idle is: it is for clients that leave us waiting."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], delay=1.2, times=(1, 3))
    dev = t.device(up, conf="limits = { tcp_idle = 0.2; };")
    with dev.tcp() as tcp:
        assert tcp.ask(wire.query(qname, ident=7), 4.0).a() == ["192.0.2.1"]
        t.until(lambda: not still_open(tcp), 4, "it is not closed afterwards")


def test_CT_14_a_client_that_reads_late_gets_all(t):
    """More than all buffers on the way can hold is asked for at once, and read a while later: we stop
    taking questions meanwhile, and nothing is lost."""
    up, qname, count = t.upstream(), t.fresh(), 250
    up.answers(qname, "TXT", ['%s 300 TXT "%s"' % (qname, "x" * 250)] * 230, times=(1, 3))
    dev = t.device(up)
    dev.ask(qname, "TXT", tcp=True)
    with dev.tcp(small_window=True) as tcp:
        tcp.send(*[wire.query(qname, "TXT", ident=ident) for ident in range(count)])
        time.sleep(0.5)     # so that much has come to wait; less is no failure
        for ident in range(count):
            data = tcp.recv(10.0)
            assert data, "closed after %d answers" % ident
            assert wire.Message(data).id == ident and len(data) > 60000


@each([0, 1, 11])
def test_CT_09_tiny_messages(t, size):
    """Dropped or refused; the good query behind is answered, or the connection closed."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], times=(0, 1))
    dev = t.device(up)
    good = wire.query(qname, ident=99)
    with dev.tcp() as tcp:
        tcp.raw(framed(b"\0" * size, good))
        while True:
            data = tcp.recv(2.0)
            assert data is not None, "neither answered nor closed"
            if data == b"":
                break
            said = wire.Message(data)
            if said.id == 99:
                assert said.a() == ["192.0.2.1"], said
                break
            assert said.rcode == wire.FORMERR, said


@alone
def test_CT_10_length_that_is_never_filled(t):
    """Closed at the limit; and memory is taken for what came, not for what was promised."""
    up = t.upstream()
    dev = t.device(up, conf=IDLE)
    fds, before = dev.fds(), dev.rss()
    conns = [dev.tcp() for _ in range(30)]
    for tcp in conns:
        tcp.raw(b"\xff\xff" + wire.query("promised.example."))
    time.sleep(0.3)
    grown = dev.rss() - before
    assert SANITIZED or grown < 512 << 10, "%d KB for 30 promises" % (grown >> 10)
    for tcp in conns:
        waited = tcp.closed_within(4.0)
        assert waited is not None, "still open"
        t.within(time.monotonic() - tcp.opened_at, 1.5, 2.6)
        tcp.close()
    settled_fds(t, dev, fds)
    up.saw(0)


def test_CT_12_length_that_cuts_the_message(t):
    """The framing decides what a message is; what looks like one at another place is none."""
    up = t.upstream()
    up.silent("smuggled.example.", times=0)
    dev = t.device(up, conf=IDLE)
    smuggled = framed(wire.query("smuggled.example.", ident=666))
    for cut in (14, 20, 25):
        query = wire.query("cut-in-the-middle.example.", ident=5)
        with dev.tcp() as tcp:
            tcp.raw(struct.pack("!H", cut) + query + smuggled * 3)
            data = tcp.recv(3.5)
            assert data is not None, "neither refused nor closed"
            if data:
                said = wire.Message(data)
                assert (said.id, said.rcode) == (5, wire.FORMERR), said
                rest = tcp.recv(3.5)
                assert rest == b"", "should close, is %r" % rest
    up.saw(0)


@heavy
def test_CT_14_a_client_that_never_reads(t):
    """Reading from it stops, its answers are bounded, the connection ends; others are served."""
    up, qname = t.upstream(), "big.example."
    rule = up.answers(qname, "TXT", ['%s 300 TXT "%s"' % (qname, "x" * 250)] * 4, times=(1, 2))
    dev = t.device(up, conf=IDLE)
    first = dev.ask(qname, "TXT", tcp=True)
    assert len(first.wire) > 1000
    fds, before = dev.fds(), dev.rss()
    began = time.monotonic()
    greedy = [client.Tcp(dev.address, dev.port, small_window=True) for _ in range(4)]
    pending = {}
    for tcp in greedy:
        tcp.sock.setblocking(False)
        pending[tcp] = framed(wire.query(qname, "TXT", ident=1)) * 10000
    peak, took = 0, []
    while time.monotonic() - began < 1.5:
        for tcp, data in pending.items():
            try:
                pending[tcp] = data[tcp.sock.send(data[:65536]):]
            except OSError:
                pass
        peak = max(peak, dev.rss() - before)
        took.append(dev.ask(qname, "TXT", edns=1232).took)
    assert SANITIZED or peak < 6 << 20, "%d KB for four greedy clients" % (peak >> 10)
    t.within(sorted(took)[len(took) * 95 // 100], 0, 0.1, "others waited")
    t.until(lambda: dev.fds() <= fds, 8, "a connection that is never read stays")
    for tcp in greedy:
        tcp.close()
    assert rule


@heavy
@each(["cached", "notimp"])
def test_CT_15_hundred_thousand_on_one_connection(t, kind):
    """All answered, or the connection closed by a cap; nothing grows."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], times=(0, 1))
    dev = t.device(up)
    query = wire.query(qname) if kind == "cached" else wire.query(qname, flags=2 << 11)
    dev.send(query)
    number = 5000 if SANITIZED else 100000
    before = dev.rss()
    with dev.tcp() as tcp:
        data = framed(query) * number
        tcp.sock.setblocking(True)

        def write():
            try:
                tcp.sock.sendall(data)
            except OSError:
                pass
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        one = 2 + len(dev.send(query, tcp=True).wire)
        got, tail = 0, b""
        tcp.sock.settimeout(10.0 if not SANITIZED else 40.0)
        while got < number * one:
            piece = tcp.sock.recv(1 << 20)
            if not piece:
                break
            got += len(piece)
            tail = (tail + piece)[-one:]
        assert got % one == 0, "half a reply"
        assert got == number * one, "%d of %d answered" % (got // one, number)
        assert wire.Message(tail[2:]).rcode == (0 if kind == "cached" else wire.NOTIMP)
        writer.join(5.0)
    assert SANITIZED or dev.rss() - before < 4 << 20, dev.rss() - before


def test_CT_16_one_id_twice_on_one_connection(t):
    up, names = t.upstream(), [t.fresh(), t.fresh(), t.fresh()]
    up.rule(None, "A", lambda asked: send(shapes.digest_reply(asked), 0.3 - 0.1 * asked.n), times=3)
    dev = t.device(up)
    with dev.tcp() as tcp:
        tcp.send(*[wire.query(qname, ident=11) for qname in names])
        for _ in range(3):
            said = wire.Message(tcp.recv(3.0))
            assert said.id == 11
            assert said.answer[0].rdata == shapes.digest(said.qname, 1), said
            names.remove(wire.text(said.qname))
    assert not names


def test_CT_17_reset_in_the_middle_of_an_answer(t):
    up, qname = t.upstream(), "large.example."
    rule = up.answers(qname, "TXT", ['%s 300 TXT "%s"' % (qname, "x" * 250)] * 230, times=(1, 2))
    dev = t.device(up)
    first = dev.ask(qname, "TXT", tcp=True)
    assert len(first.wire) > 60000
    fds, before = dev.fds(), dev.rss()
    for _ in range(60):
        tcp = client.Tcp(dev.address, dev.port, small_window=True)
        tcp.send(*[wire.query(qname, "TXT", ident=at) for at in range(8)])
        tcp.sock.recv(1024)
        tcp.reset()
    settled_fds(t, dev, fds)
    t.hit(dev.ask(qname, "TXT", tcp=True), first, rule)
    grown = dev.rss() - before
    assert SANITIZED or grown < 4 << 20, "%d KB more than before" % (grown >> 10)


@alone
def test_CT_17_reset_while_upstream_thinks(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], delay=0.4, times=(1, 2))
    dev = t.device(up)
    fds = dev.fds()
    for _ in range(20):
        tcp = dev.tcp()
        tcp.send(*[wire.query(qname, ident=at) for at in range(5)])
        time.sleep(0.01)
        tcp.reset()
    time.sleep(0.6)
    assert dev.ask(qname).a() == ["192.0.2.1"]
    settled_fds(t, dev, fds + 2)    # one to upstream may be kept open


def test_CT_18_half_close_then_read(t):
    up, qname, other = t.upstream(), t.fresh(), t.fresh()
    up.answers(qname, "A", [a1(qname)], delay=0.3, times=(1, 2))
    up.answers(other, "A", [a1(other)])
    dev = t.device(up)
    with dev.tcp() as tcp:
        asked_at = time.monotonic()
        slow, fast = wire.query(qname, ident=8), wire.query(other, ident=9)
        tcp.send(slow, fast)
        tcp.half_close()
        assert tcp.recv_reply(fast, asked_at, 2.0).id == 9
        reply = tcp.recv_reply(slow, asked_at, 2.0)
        assert reply.id == 8 and reply.a() == ["192.0.2.1"]
        t.prompt(reply, 0.3)
        waited = tcp.closed_within(1.0 + t.late)
        assert waited is not None, "not closed after the last answer"


def test_CT_19_urgent_data(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], times=(0, 2))
    dev = t.device(up)
    for at in (2, 10):
        data = framed(wire.query(qname, ident=5))
        with dev.tcp() as tcp:
            tcp.raw(data[:at])
            tcp.urgent(b"!")
            tcp.raw(data[at:])
            got = tcp.recv(2.0)
            assert got is not None, "neither served nor closed"


@heavy
def test_CT_20_flood_of_garbage(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, conf=IDLE)
    dev.ask(qname)
    fds = dev.fds()
    flooder = os.fork()
    if flooder == 0:
        end, source = time.monotonic() + 3.0, t.address()
        while time.monotonic() < end:
            try:
                tcp = dev.tcp(source=source)
                for size in (0, 1, 8, 42, 65533) * 3:
                    tcp.raw(struct.pack("!H", size) + os.urandom(size))
                tcp.close()
            except OSError:
                pass
        os._exit(0)
    took = []
    while os.waitpid(flooder, os.WNOHANG) == (0, 0):
        took.append(dev.ask(qname, tcp=len(took) % 2 == 0, timeout=4.0).took)
        time.sleep(0.01)
    t.within(sorted(took)[len(took) * 99 // 100], 0, 0.05 if not SANITIZED else 0.3,
             "99 of 100 others took")
    t.until(lambda: dev.fds() <= fds, 5, "connections were not given back")


def test_CT_22_length_and_message_in_one_write(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    for _ in range(10):
        with dev.tcp() as tcp:
            tcp.send(wire.query(qname, ident=5))
            tcp.sock.settimeout(3.0)
            data = tcp.sock.recv(65536)
            assert len(data) > 2 and len(data) == 2 + struct.unpack_from("!H", data)[0]


def test_CT_23_stateful_operations_and_unknown_opcodes(t):
    """Not implemented; the connection stays."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    keepalive = struct.pack("!HHHHHH", 21, 6 << 11, 0, 0, 0, 0) + struct.pack("!HHII", 1, 8, 9, 9)
    with dev.tcp() as tcp:
        for opcode, query in ((6, keepalive), (7, wire.query(qname, ident=21, flags=7 << 11))):
            reply = tcp.ask(query, 2.0)
            assert reply.rcode == wire.NOTIMP and reply.opcode == opcode, reply
        assert tcp.ask(wire.query(qname, ident=22), 2.0).a() == ["192.0.2.1"]


def test_idle_connection_is_closed_in_time(t):
    """Not earlier than the setting says, and the time starts anew with each answer."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, conf=IDLE)
    with dev.tcp() as tcp:
        tcp.ask(wire.query(qname, ident=1), 2.0)
        time.sleep(1.3)
        tcp.ask(wire.query(qname, ident=2), 2.0)
        waited = tcp.closed_within(4.0)
        assert waited is not None, "still open"
        t.within(waited, 1.5, 2.6)


