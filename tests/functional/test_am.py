"""AM: who is served, and how much one packet of theirs can set in motion."""

import os
import random
import socket
import struct

from harness import client, wire
from harness.mark import each
from harness.netns import Network
from harness.shapes import a1
from harness.upstream import close, send

DEADLINE = 4.5


# --- who ------------------------------------------------------------------------------------

def outside(t, network, source, to, port=5300, tcp=False):
    """The rcode told to `source` in that network, or how it was left without one."""
    query = wire.query(t.fresh(), ident=random.randrange(65536))
    try:
        with (client.Tcp if tcp else client.Udp)(to, port, source, make=network.socket) as sock:
            sock.send(query)
            data = sock.recv(5.0)
    except OSError as error:
        return type(error).__name__
    return wire.Message(data).rcode if data else "silence"


def two_networks(t):
    """That of the daemon, and one beside it, whose addresses are both near and far ones."""
    home = Network(t)
    away = Network(t, beside=home)
    home.cable(away, ["203.0.113.1/24", "192.168.1.1/24", "2001:db8::1/64", "fd00::1/64"],
               ["203.0.113.5/24", "192.168.1.5/24", "2001:db8::5/64", "fd00::5/64"])
    return home, away


def test_AM_01_strangers_are_not_served(t):
    """By default, listening everywhere: addresses of the wide world are refused over UDP and TCP, and
    upstream is not asked for them; the machine itself and private networks are served."""
    home, away = two_networks(t)
    up = t.upstream(address="127.0.0.53", port=5399, network=home)
    rule = up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    t.device(up, network=home, address="127.0.0.1", listen="""
        listen = ( { address = "0.0.0.0"; port = 5300; }, { address = "::"; port = 5300; } );""")
    for tcp in (False, True):
        for source, to in (("203.0.113.5", "203.0.113.1"), ("203.0.113.5", "192.168.1.1"),
                           ("2001:db8::5", "2001:db8::1"), ("2001:db8::5", "fd00::1")):
            told = outside(t, away, source, to, tcp=tcp)
            assert told in (wire.REFUSED, "silence"), "%s to %s: %s" % (source, to, told)
    up.saw(0)
    served = 0
    for tcp in (False, True):
        for network, source, to in (
                (home, "127.0.0.1", "127.0.0.1"), (home, "127.9.9.9", "127.0.0.1"),
                (home, "::1", "::1"), (home, "203.0.113.1", "127.0.0.1"),
                (away, "192.168.1.5", "192.168.1.1"), (away, "192.168.1.5", "203.0.113.1"),
                (away, "fd00::5", "fd00::1")):
            if source == "203.0.113.1":     # our own, but public: not in the list, so not served
                assert outside(t, network, source, to, tcp=tcp) == wire.REFUSED
                continue
            told = outside(t, network, source, to, tcp=tcp)
            assert told == wire.NOERROR, "%s to %s: %s" % (source, to, told)
            served += 1
    up.saw(served, rule)


def test_AM_01_without_a_file_nobody_outside_reaches_it(t):
    """It listens on loopback alone then."""
    home, away = two_networks(t)
    up = t.upstream(address="127.0.0.53", port=5399, network=home)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=2)
    dev = t.device(up, network=home, address="127.0.0.1", port=53, text="",
                   args=["run", "-u", "127.0.0.53@5399"])
    for source, to in (("203.0.113.5", "203.0.113.1"), ("192.168.1.5", "192.168.1.1"),
                       ("fd00::5", "fd00::1")):
        for tcp in (False, True):
            assert outside(t, away, source, to, 53, tcp) == "ConnectionRefusedError"
    for address in ("127.0.0.1", "::1"):
        assert outside(t, home, address, address, 53) == wire.NOERROR
    assert dev.process.poll() is None


def sockets_of(dev):
    """{(protocol, address, port)} of what it listens on or is bound to."""
    inodes, found = set(), set()
    for fd in os.listdir("/proc/%d/fd" % dev.pid):
        name = os.readlink("/proc/%d/fd/%s" % (dev.pid, fd))
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    for table in ("udp", "udp6", "tcp", "tcp6"):
        with open("/proc/%d/net/%s" % (dev.pid, table), encoding="ascii") as lines:
            for line in lines.readlines()[1:]:
                fields = line.split()
                if fields[9] not in inodes or table.startswith("tcp") and fields[3] != "0A":
                    continue
                address, port = fields[1].split(":")
                raw = b"".join(struct.pack("=I", int(address[at:at + 8], 16))
                               for at in range(0, len(address), 8))
                found.add((table[:3], socket.inet_ntop(
                    socket.AF_INET6 if len(raw) == 16 else socket.AF_INET, raw), int(port, 16)))
    return found


def test_AM_11_it_listens_where_it_was_told_and_nowhere_else(t):
    """As the system's own list has it."""
    up, one, two, three = t.upstream(), t.address(), t.address(), t.address()
    dev = t.device(up, address=one, listen="""listen = (
        { address = "%s"; port = 5300; protocols = [ "udp" ]; },
        { address = "%s"; port = 5301; protocols = [ "tcp" ]; }, { address = "%s"; port = 5302; } );
        """ % (one, two, three), start=False)
    dev.has_tcp = False
    dev.start()
    want = {("udp", one, 5300), ("tcp", two, 5301), ("udp", three, 5302), ("tcp", three, 5302)}
    assert sockets_of(dev) == want, sockets_of(dev)


# --- how much -------------------------------------------------------------------------------

@each([(None, 512), (100, 512), (512, 512), (1000, 1000), (4096, 1232), (65535, 1232)],
      lambda case: str(case[0]))
def test_AM_05_udp_answers_are_small(t, case):
    """Of 3,900 bytes no more than 512 go to a query without OPT, and no more than 1,232 to any."""
    edns, most = case
    up, qname = t.upstream(), "a.example."
    answer = ['%s 300 TXT "%s"' % (qname, "%04d" % at + "x" * 246) for at in range(15)]
    up.answers(qname, "TXT", answer, times=(1, 3))
    dev = t.device(up)
    for _ in range(2):
        reply = dev.ask(qname, "TXT", edns=edns)
        assert len(reply.query) < 45 and len(reply.wire) <= most, len(reply.wire)
        assert reply.flags & wire.TC, reply
    assert len(dev.ask(qname, "TXT", edns=edns, tcp=True).answer) == 15


def mangled(asked):
    return asked.wire[:2] + b"\x81\x80\0\1\0\7\0\0\0\0" + asked.wire[12:asked.msg.question_end] + b"\xc0"


def other_id(asked):
    reply = asked.reply([a1(wire.text(asked.name), "6.6.6.6")])
    return bytes([reply[0] ^ 0x55]) + reply[1:]


def other_name(asked):
    return asked.reply([a1("x.example.", "6.6.6.6")], question=wire.name("x.example.") + b"\0\1\0\1")


FAILURES = {
    "servfail": lambda asked: asked.reply(rcode=wire.SERVFAIL),
    "refused": lambda asked: asked.reply(rcode=wire.REFUSED),
    "notimp": lambda asked: asked.reply(rcode=wire.NOTIMP),
    "formerr": lambda asked: asked.reply(rcode=wire.FORMERR, edns=False),
    "formerr-with-opt": lambda asked: asked.reply(rcode=wire.FORMERR),
    "header-alone": lambda asked: asked.wire[:2] + b"\x81\x81" + b"\0" * 8,
    "badvers": lambda asked: asked.reply(rcode=wire.BADVERS),
    "unknown-rcode": lambda asked: asked.reply(rcode=11),
    "malformed": mangled,
    "half-a-header": lambda asked: asked.wire[:5],
    "wrong-id": other_id,
    "wrong-name": other_name,
    "echo": lambda asked: asked.wire,
    "silent": lambda asked: None,
    "cut-over-udp-and-tcp-closes": lambda asked: close() if asked.tcp else asked.reply(tc=True),
    "cut-over-udp-and-tcp-silent": lambda asked: None if asked.tcp else asked.reply(tc=True),
    "cut-over-udp-and-tcp": lambda asked: asked.reply(tc=True),
    "wrong-id-and-tcp-closes": lambda asked: close() if asked.tcp else other_id(asked),
    "servfail-late": lambda asked: send(asked.reply(rcode=wire.SERVFAIL), 0.9),
    "twenty-servfails": lambda asked: [asked.reply(rcode=wire.SERVFAIL)] * 20,
    "twenty-wrong-ids": lambda asked: [other_id(asked)] * 20,
}


@each(sorted(FAILURES))
def test_AM_07_one_question_is_four_packets_at_most(t, kind):
    """To each server, over UDP and TCP together, whatever it says; nor more connections. And so it is
    for a name that points elsewhere: nobody is asked for that."""
    ups, qname = [t.upstream(), t.upstream()], t.fresh()
    for up in ups:
        up.rule(qname, "A", FAILURES[kind], times=(0, 4))
    dev = t.device(*ups)
    dev.upstreams = []
    reply = dev.ask(qname, edns=1232)
    assert reply.rcode != wire.NOERROR or reply.flags & wire.TC, reply
    t.within(reply.took, 0, DEADLINE)
    assert ups[0].seen + ups[1].seen > 0
    for up in ups:
        assert len(up.connections) <= 4, "%d connections" % len(up.connections)


def test_AM_07_where_an_answer_points_to_is_not_asked(t):
    """Fifty aliases and fifty name servers, none of them with an address, cost one packet."""
    up, qname = t.upstream(), "h0.example."
    up.answers(qname, "A", ["h%d.example. 300 CNAME h%d.example." % (at, at + 1) for at in range(20)],
               ["victim%d.example. 300 NS ns%d.victim.example." % (at, at) for at in range(20)])
    t.device(up).ask(qname, tcp=True)
    up.saw(1)
