"""UT: what upstreams do wrong over TCP, and how they are spoken to over it."""

import socket
import struct
import time

from harness import shapes, wire
from harness.device import SANITIZED
from harness.mark import alone, each, heavy
from harness.nearly import EVIL, other_question, xor_id
from harness.shapes import a1
from harness.upstream import close, dribble, reset, send, stream

DEADLINE = 4.5

def test_UT_01_tcp_in_tcp_out(t):
    up, one, two = t.upstream(), t.fresh(), t.fresh()
    rules = [up.answers(qname, "A", [a1(qname)]) for qname in (one, two)]
    dev = t.device(up)
    t.miss(dev.ask(one, tcp=True), rules[0])
    t.miss(dev.ask(two), rules[1])
    assert [asked.tcp for asked in up.log] == [True, False]

def test_UT_02_reply_one_byte_at_a_time(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.rule(qname, "A", lambda asked: dribble(asked.reply([a1(qname)]), 0.005))
    t.miss(t.device(up).ask(qname, tcp=True), rule)

FAULTS = {
    "UT_04-length-lies-high": lambda asked: stream(struct.pack("!H", 500) + asked.reply()),
    "UT_05-length-lies-low": lambda asked: stream(struct.pack("!H", 20) + asked.reply()),
    "UT_06-length-0": lambda asked: stream(b"\0\0"),
    "UT_07-closes": lambda asked: close(),
    "UT_08-reset": lambda asked: [stream(struct.pack("!H", 60) + asked.reply()[:10]), reset(0.02)],
    "UT_12-wrong-question": lambda asked: asked.reply([a1(EVIL, "6.6.6.6")],
                                                      question=other_question(EVIL)),
    "UT_13-wrong-id": xor_id,
}

@alone
@each(sorted(FAULTS))
def test_tcp_fault_for_ever_is_servfail(t, kind):
    """UT-04 to UT-13; the client's own connection stays open, and nothing is left behind."""
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: FAULTS[kind](asked), times=(1, 6))
    evil = up.answers(EVIL, "A", [a1(EVIL, "192.0.2.66")])
    dev = t.device(up)
    fds = dev.fds()
    with dev.tcp() as tcp:
        reply = tcp.ask(wire.query(qname, ident=1, edns=1232), DEADLINE + 1)
        assert reply.rcode == wire.SERVFAIL and not reply.answer, reply
        t.within(reply.took, 0, DEADLINE)
        t.miss(tcp.ask(wire.query(EVIL, ident=2), 2.0), evil)
        if kind[:5] in ("UT_05", "UT_07", "UT_08"):     # one try more, on a new connection
            assert len(up.connections) <= 3, "%d connections" % len(up.connections)
            t.within(reply.took, 0, 1.0)
    t.until(lambda: dev.fds() <= fds + 1, 3, "connections stay")

def test_UT_06_good_reply_behind_a_length_of_nothing(t):
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: [stream(b"\0\0" * 5), asked.reply([a1(qname)])], times=(1, 3))
    dev = t.device(up)
    before = dev.cpu()
    reply = dev.ask(qname, tcp=True)
    assert reply.a() == ["192.0.2.1"] or reply.rcode == wire.SERVFAIL, reply
    t.within(reply.took, 0, DEADLINE)
    assert SANITIZED or dev.cpu() - before < 0.05

@each(["UT_05-length-lies-low", "UT_06-length-0", "UT_07-closes", "UT_08-reset"])
def test_tcp_fault_once_is_overcome(t, kind):
    """On a new connection, or by waiting on."""
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: FAULTS[kind](asked) if asked.n == 0
            else asked.reply([a1(qname)]), times=(1, 3))
    reply = t.device(up).ask(qname, tcp=True)
    assert reply.a() == ["192.0.2.1"], reply
    t.within(reply.took, 0, DEADLINE)

def test_UT_10_out_of_order_replies_find_their_questions(t):
    up = t.upstream()
    names = [t.fresh() for _ in range(5)]
    up.rule(None, "A", lambda asked: send(shapes.digest_reply(asked), 0.3 - 0.05 * asked.n), times=5)
    dev = t.device(up)
    with dev.tcp() as tcp:
        tcp.send(*[wire.query(qname, ident=at) for at, qname in enumerate(names)])
        for _ in names:
            said = wire.Message(tcp.recv(3.0))
            assert said.qname == wire.name(names[said.id]), said
            assert said.answer[0].rdata == shapes.digest(said.qname, 1)

def test_UT_11_two_clients_with_one_id(t):
    up, names = t.upstream(), [t.fresh(), t.fresh()]
    up.rule(None, "A", lambda asked: send(shapes.digest_reply(asked), 0.2), times=2)
    dev = t.device(up)
    conns = [dev.tcp(), dev.tcp()]
    for tcp, qname in zip(conns, names):
        tcp.send(wire.query(qname, ident=7))
    for tcp, qname in zip(conns, names):
        said = wire.Message(tcp.recv(3.0))
        assert said.id == 7 and said.answer[0].rdata == shapes.digest(wire.name(qname), 1)
        tcp.close()
    if len(up.connections) == 1:
        assert up.log[0].id != up.log[1].id

class Hanging:
    """Something on the upstream's TCP port that lets connections hang: its queue is full, and the
    kernel drops what knocks."""

    def __init__(self, up):
        up.close(udp=False)
        self.up, self.sock = up, socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((up.address, up.port))
        self.sock.listen(0)
        self.fill = []
        while self.knock():
            assert len(self.fill) < 10, "connections do not hang"

    def knock(self):
        sock = socket.socket()
        sock.settimeout(0.3)
        try:
            sock.connect((self.up.address, self.up.port))
        except socket.timeout:
            sock.close()
            return False
        self.fill.append(sock)
        return True

    def let_go(self):
        for sock in self.fill + [self.sock]:
            sock.close()
        self.up.open(udp=False)

def test_UT_15_connecting_hangs(t):
    up = t.upstream()
    up.rule(None, "A", shapes.digest_reply, times=None)
    hanging = Hanging(up)
    dev = t.device(up)
    fds, names = dev.fds(), [t.fresh() for _ in range(5)]
    with dev.tcp() as tcp:
        began = time.monotonic()
        queries = [wire.query(qname, ident=at, edns=1232) for at, qname in enumerate(names)]
        tcp.send(*queries)
        while time.monotonic() < began + 1.0:   # nobody else is the slower for it
            t.prompt(dev.ask(t.fresh()))
            time.sleep(0.05)
        for query in queries:
            reply = tcp.recv_reply(query, began, DEADLINE)
            assert reply.rcode == wire.SERVFAIL and reply.ede, reply
            t.within(reply.took, 0, DEADLINE)
    t.until(lambda: dev.fds() <= fds + 2, 3, "connections stay")
    hanging.let_go()
    back = time.monotonic()
    while dev.ask(t.fresh(), tcp=True).rcode != wire.NOERROR:
        t.within(time.monotonic() - back, 0, 2.0)
        time.sleep(0.1)

def test_UT_16_connection_that_died_meanwhile_is_no_reason_to_fail(t):
    """An idle connection closed by upstream is replaced without the client noticing."""
    up = t.upstream()
    up.rule(None, "A", shapes.digest_reply, times=None)
    dev = t.device(up)
    for how in ("fin", "rst", "fin"):
        assert dev.ask(t.fresh(), tcp=True).answer
        with up.loop.lock:
            for connection in up.connections:
                connection.close(rst=how == "rst")
        reply = dev.ask(t.fresh(), tcp=True)
        assert reply.answer, reply
        t.within(reply.took, 0, 0.5)

@alone
def test_UT_17_few_connections_serve_many_questions(t):
    up = t.upstream()
    up.rule(None, "A", shapes.digest_reply, times=(1000, 3000))
    dev = t.device(up, timeout=4.5)
    conns = [dev.tcp(source=t.address()) for _ in range(10)]
    for at in range(100):
        for number, tcp in enumerate(conns):
            tcp.send(wire.query("n%d.c%d.example." % (at, number), ident=at))
    for number, tcp in enumerate(conns):
        left = set(range(100))
        while left:
            said = wire.Message(tcp.recv(5.0))
            assert said.answer[0].rdata == shapes.digest("n%d.c%d.example." % (said.id, number), 1)
            left.remove(said.id)
        tcp.close()
    assert all(asked.tcp for asked in up.log)
    # where we are slower than 0.8 s they are asked again, by others: a few, too
    most = 2 if len(up.log) == 1000 else 10
    assert 1 <= len(up.connections) <= most, "%d connections" % len(up.connections)

@alone
@heavy
def test_UT_18_server_that_reads_nothing(t):
    """What waits to be written to it is bounded, whoever asks is told so in time, and those who ask
    others do not notice. The names are long, so that what the kernel buffers is not all."""
    stuck, well = t.upstream(), t.upstream()
    with stuck.loop.lock:
        stuck.tcp_sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def accepted(connection):
        connection.reading = False
        connection.watch()
    stuck.on_accept = accepted
    stuck.rule(None, None, lambda asked: None, times=0)
    well.rule(None, "A", shapes.digest_reply, times=None)
    number = 10000
    dev = t.device(well, groups={"stuck": [stuck]}, conf="""
        limits = { inflight = 12000; tcp_clients = 256; };""", zones="""
        { names = [ %s ]; upstream = "stuck"; }""" % ", ".join(
            '"stuck%d.example"' % at for at in range(8)))    # no zone has more than its share
    dev.upstreams = []
    t.prompt(dev.ask(t.fresh()))
    before, fds, began = dev.rss(), dev.fds(), time.monotonic()
    conns = [dev.tcp(source=t.address()) for _ in range(50)]
    label, told = "x" * 63 + ".", 0
    for at in range(number):
        conns[at % 50].send(wire.query("n%d.%sstuck%d.example." % (at, label * 3, at % 8), ident=at,
                                       edns=1232))
        if at % 1000 == 0:
            t.within(dev.ask(t.fresh()).took, 0, 0.2)
    most = dev.rss()
    for at in range(number):
        data = conns[at % 50].recv(10.0)
        assert data, "%d of %d were told something" % (at, number)
        reply = wire.Message(data)
        assert reply.rcode == wire.SERVFAIL, reply
        told += reply.ede == [23]   # not reached: nothing waits for it any more
        most = max(most, dev.rss()) if at % 500 == 0 else most
    t.within(time.monotonic() - began, 0, 2 * DEADLINE)
    assert 0 < number - told < 2500 * len(stuck.connections), "%d questions wait for %d connections" % (
        number - told, len(stuck.connections))
    assert SANITIZED or most - before < 16 << 20, "%d KB more" % ((most - before) >> 10)
    t.prompt(dev.ask(t.fresh()))
    for tcp in conns:
        tcp.close()
    t.until(lambda: dev.fds() <= fds + 2, 5, "descriptors were not given back")

TRANSFER = ["transfer.example. 300 SOA ns.example. admin.example. 1 7200 900 1209600 300"]

def transfer(asked, delay=0.0):
    """SOA, 200 messages of 60 KB, SOA, over one connection."""
    piece = asked.reply(['n%d.transfer.example. 300 TXT "%s"' % (at, "x" * 250)
                         for at in range(215)], edns=False)
    assert 55000 < len(piece) < 65536
    return ([send(asked.reply(TRANSFER, edns=False), delay)] + [send(piece, delay)] * 200 +
            [send(asked.reply(TRANSFER, edns=False), delay)])

def test_UT_19_transfer_of_many_messages_is_refused(t):
    """As a policy: no message of it reaches a client, the first one neither, which may look whole; none
    is kept, and the rest is not even read."""
    up = t.upstream()
    rule = up.rule("transfer.example.", "AXFR", transfer, times=2)
    dev = t.device(up)
    fds, before = dev.fds(), dev.rss()
    for _ in range(2):
        reply = dev.ask("transfer.example.", "AXFR", tcp=True, edns=1232)
        assert reply.rcode == wire.REFUSED and not reply.records() and reply.ede, reply
        t.within(reply.took, 0, 1.0)
    assert all(asked.tcp for asked in rule.asked)
    t.until(lambda: dev.fds() <= fds, 2, "the connection to the server stays")
    t.until(lambda: not any(connection.open for connection in up.connections), 2,
            "it goes on being sent")
    assert SANITIZED or dev.rss() - before < 1 << 20, "%d KB more" % ((dev.rss() - before) >> 10)

@each(["reset", "close"])
def test_UT_19_client_leaves_in_the_middle_of_a_transfer(t, how):
    up, qname = t.upstream(), t.fresh()
    for at in range(4):
        up.rule("transfer%d.example." % at, "AXFR", lambda asked: transfer(asked, 0.3), times=(1, 3))
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    fds = dev.fds()
    for at in range(4):
        tcp = dev.tcp()
        tcp.send(wire.query("transfer%d.example." % at, "AXFR", ident=9))
        time.sleep(0.05)
        tcp.reset() if how == "reset" else tcp.close()
    assert dev.ask(qname).a() == ["192.0.2.1"]
    t.until(lambda: up.seen >= 5, 2, "not asked")
    t.until(lambda: dev.fds() <= fds, 3, "descriptors were not given back")

def test_UT_20_incremental_transfer_that_does_not_fit(t):
    """Over UDP the server's TC reaches the client, who comes again over TCP."""
    up, zone = t.upstream(), "incremental.example."
    soa = shapes.soa(zone)
    udp = up.rule(zone, "IXFR", lambda asked: asked.reply(tc=True) if not asked.tcp else
                  asked.reply([soa] + ["n%d.%s 300 A 192.0.2.1" % (at, zone) for at in range(99)] + [soa],
                              edns=False), times=(2, 3))
    dev = t.device(up)
    query = bytearray(wire.query(zone, "IXFR"))
    query[9] = 1    # the version the client has stands in authority (RFC 1995 section 3)
    query += wire.name(zone) + struct.pack("!HHIH", 6, wire.IN, 0, 22) + b"\0\0" + struct.pack(
        "!5I", 1, 7200, 900, 1209600, 300)
    reply = dev.send(bytes(query))
    assert reply.flags & wire.TC and reply.rcode == wire.NOERROR and not reply.answer, reply
    over_tcp = dev.send(bytes(query), tcp=True)
    t.miss(over_tcp, udp)
    assert len(over_tcp.answer) == 101
    for asked in udp.asked:
        assert asked.wire[2:] == bytes(query)[2:], asked
