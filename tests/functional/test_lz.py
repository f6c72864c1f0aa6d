"""LZ: questions that come back to who asked them, and names that are answered here."""

import os
import subprocess
import time

from harness import wire
from harness.device import PROGRAM, SLOWER, environment
from harness.mark import alone, each, limit
from harness.netns import Network
from harness.shapes import a1, digest_reply

DEADLINE = 4.5
BAD_CONF = 78


# --- upstream is myself --------------------------------------------------------------------

def run(t, *args, prefix=()):
    return subprocess.run([*prefix, PROGRAM, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=10 * SLOWER, cwd=t.directory, env=environment(),
                          check=False)


def written(t, text, name="test.conf"):
    path = os.path.join(t.directory, name)
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    return path


OWN = {     # listen, servers of the group on line 3, and whom the complaint names
    "same": ('{ address = "127.0.0.1"; port = 5300; }', '"127.0.0.1@5300"', "127.0.0.1@5300"),
    "second-of-two": ('{ address = "127.0.0.1"; port = 5300; }', '"192.0.2.1", "127.0.0.1@5300"',
                      "127.0.0.1@5300"),
    "everywhere": ('{ address = "0.0.0.0"; port = 5300; }', '"127.0.0.99@5300"', "127.0.0.99@5300"),
    "everywhere-ipv6": ('{ address = "::"; port = 5300; }', '"::1@5300"', "::1@5300"),
    "default-port": ('{ address = "127.0.0.1"; }', '"127.0.0.1"', "127.0.0.1"),
}


@each(sorted(OWN))
def test_LZ_01_a_server_that_is_this_program_is_refused(t, kind):
    """At start and by check, with the file and the line."""
    listen, servers, named = OWN[kind]
    path = written(t, "listen = ( %s );\nupstreams = {\n  own = { servers = [ %s ]; };\n};\n" % (
        listen, servers))
    for command in ("check", "run"):
        done = run(t, command, "-c", path)
        assert done.returncode == BAD_CONF, done
        lines = [line for line in done.stderr.splitlines() if "test.conf:3:" in line]
        assert lines and named in lines[0] and "listen" in lines[0], done.stderr


def test_LZ_01_other_ports_and_addresses_are_others(t):
    """A program beside this one on the same machine is whom many ask."""
    path = written(t, """listen = ( { address = "127.0.0.1"; port = 5300; }, { address = "::"; } );
upstreams = { default = { servers = [ "127.0.0.1@5301", "127.0.0.2@5300", "127.0.0.1", "::1@5300" ]; }; };
""")
    done = run(t, "check", "-c", path)
    assert done.returncode == 0, done


def test_LZ_01_so_is_one_given_by_argument(t):
    done = run(t, "run", "-l", "127.0.0.1@5300", "-u", "127.0.0.1@5300")
    assert done.returncode == BAD_CONF and "127.0.0.1@5300" in done.stderr, done


def test_LZ_01_an_address_of_this_machine_is_itself_for_who_listens_everywhere(t):
    """Addresses of interfaces, not of loopback alone. The port decides."""
    net = Network(t)
    other = Network(t, beside=net)
    net.cable(other, ["192.168.7.1/24", "fd07::1/64"], ["192.168.7.2/24", "fd07::2/64"])
    for server, status in (("192.168.7.1@5300", BAD_CONF), ("fd07::1@5300", BAD_CONF),
                           ("192.168.7.1@5301", 0), ("192.168.7.2@5300", 0), ("fd07::2@5300", 0)):
        path = written(t, """listen = ( { address = "0.0.0.0"; port = 5300; },
           { address = "::"; port = 5300; } );
upstreams = { default = { servers = [ "%s" ]; }; };
""" % server)
        done = run(t, "check", "-c", path, prefix=net.prefix)
        assert done.returncode == status, "%s: %s" % (server, done)
        assert status == 0 or "test.conf:3:" in done.stderr and server in done.stderr, done.stderr


def test_LZ_01_in_resolv_conf_it_is_passed_over(t):
    """The machine's own file may name us: the others in it are asked."""
    net = Network(t)
    path = written(t, "nameserver 127.0.0.1\nnameserver 127.0.0.99\nnameserver 127.0.0.53\n",
                   "resolv.conf")
    enter = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', path]
    up = t.upstream(address="127.0.0.53", port=53, network=net)
    rule = up.rule(None, "A", digest_reply, times=1)
    dev = t.device(network=net, prefix=enter, address="127.0.0.1", port=53,
                   text='listen = ( { address = "127.0.0.1"; }, { address = "127.0.0.99"; } );')
    reply = dev.ask(t.fresh())
    assert reply.rcode == wire.NOERROR, reply
    up.saw(1, rule)


@alone
@each(["plain", "edns", "private", "tcp", "signed"])
def test_LZ_01_through_a_gateway_that_leads_back_it_dies_out(t, kind):
    """A server that hands each question back to us, as a rule of a firewall may: SERVFAIL in time, ten
    packets at most, no work to speak of."""
    up, qname = t.upstream(), t.fresh()

    def back(asked):
        """Sent on to the daemon, which has not heard an answer when it asks no more."""
        sock = dev.tcp() if asked.tcp else dev.udp()
        t.closing.append(sock.close)
        sock.send(asked.wire)
    rule = up.rule(qname, "A", back, times=(1, 10))
    dev = t.device(up)
    before = dev.cpu()
    reply = dev.send(question(kind, qname), tcp=kind == "tcp")
    assert reply.rcode == wire.SERVFAIL, reply
    t.within(reply.took, 0, DEADLINE)
    time.sleep(DEADLINE + 1 - reply.took if kind == "private" else 1.0)
    assert len(rule.asked) <= 10, "%d packets" % len(rule.asked)
    assert dev.cpu() - before < 0.3 * SLOWER


def question(kind, qname):
    how = {"plain": {}, "tcp": {}, "edns": {"do": True}, "mixed": {"edns": 1232},
           "private": {"options": [(65002, b"who am I")]},
           "subnet": {"options": [(wire.ECS, b"\0\1\x18\0\xc0\0\2")]}, "signed": {}}[kind]
    if kind == "mixed":
        qname = "".join(char.upper() if at % 3 else char for at, char in enumerate(qname))
    query = wire.query(qname, **how)
    if kind == "signed":    # a TSIG record, of which nobody here knows the key
        rdata = (wire.name("hmac-sha256.") + b"\0\0\x65\0\0\0\1\x2c" + b"\0\x20" + b"k" * 32 +
                 b"\0\0" + b"\0\0" + b"\0\0")
        query = query[:11] + b"\1" + query[12:] + wire.name("key.example.") + \
            b"\0\xfa\0\xff\0\0\0\0" + len(rdata).to_bytes(2, "big") + rdata
    return query


@alone
@limit(40)
@each(["plain", "edns", "mixed", "private", "subnet", "tcp", "signed"])
def test_LZ_02_LZ_03_two_that_ask_each_other(t, kind):
    """The question goes round and dies out: SERVFAIL in time, fewer than twenty packets; other rules
    know nothing of it."""
    healthy, qname = t.upstream(), t.fresh("loop.test-zone.example.")
    healthy.rule(None, "A", digest_reply, times=None)
    one, two = t.device(healthy, start=False), t.device(healthy, start=False)
    for dev, other in ((one, two), (two, one)):
        dev.write(t.config([healthy], address=dev.address, groups={"round": [other]}, zones="""
            { name = "loop.test-zone.example"; upstream = "round"; }"""))
        dev.start()
    before = [dev.statistics() for dev in (one, two)]
    reply = one.send(question(kind, qname), tcp=kind == "tcp")
    assert reply.rcode == wire.SERVFAIL, reply
    t.within(reply.took, 0, DEADLINE + 1)
    for dev in (one, two):
        good = dev.ask(t.fresh())
        assert good.rcode == wire.NOERROR and good.took < 0.1 + t.late, good
    time.sleep(DEADLINE + 1 - reply.took if kind in ("private", "subnet", "signed") else 0.5)
    sent = [{name: after[name] - was[name] for name in ("upstream_udp", "upstream_tcp")}
            for was, after in zip(before, [dev.statistics() for dev in (one, two)])]
    packets = sum(sum(one.values()) for one in sent) - 2    # the healthy ones
    assert 2 <= packets < 20, "%d packets: %s" % (packets, sent)
    for dev in (one, two):
        assert dev.statistics()["inflight"] == 0, "something goes on"


# --- answers of our own --------------------------------------------------------------------

LOCAL = [("localhost.", "A", 0), ("x.localhost.", "AAAA", 0), ("localhost.", "TXT", 0),
         ("1.0.0.127.in-addr.arpa.", "PTR", 0), ("x.invalid.", "A", 3), ("x.test.", "A", 3),
         ("x.onion.", "AAAA", 3), ("x.alt.", "A", 3), ("x.local.", "HTTPS", 3),
         ("x.home.arpa.", "A", 3), ("_dns.resolver.arpa.", "SVCB", 0),
         ("4.3.2.10.in-addr.arpa.", "PTR", 3), ("1.2.16.172.in-addr.arpa.", "PTR", 3)]


@each([(edns, tcp) for edns in (False, True) for tcp in (False, True)],
      lambda case: "%s-%s" % ("edns" if case[0] else "plain", "tcp" if case[1] else "udp"))
def test_LZ_10_answers_of_our_own_are_proper(t, case):
    """ID and question are the asker's, OPT is there if one was sent, DO as it was, RA is set and AA is
    not; what is not there has a SOA whose times let it be kept."""
    edns, tcp = case
    up = t.upstream()
    dev = t.device(up)
    for qname, qtype, rcode in LOCAL:
        spelt = "".join(char.upper() if at % 2 else char for at, char in enumerate(qname))
        how = {"do": True, "edns": 1232} if edns else {}
        for flags in (wire.RD, wire.RD | wire.CD):
            reply = dev.ask(spelt, qtype, tcp=tcp, flags=flags, **how)
            assert reply.rcode == rcode and reply.qname == wire.name(spelt), reply
            assert reply.counts[0] == 1 and reply.qtype == wire.rrtype(qtype), reply
            assert reply.flags & wire.RA and reply.flags & wire.RD and reply.flags & wire.QR
            assert not reply.flags & (wire.AA | wire.AD | wire.TC | wire.Z), reply
            assert reply.flags & wire.CD == flags & wire.CD, reply
            assert bool(reply.opt) == edns and reply.do == edns, reply
            reply.check()
            if not reply.answer:
                soa, = [record for record in reply.authority if record.rtype == 6]
                minimum = int.from_bytes(soa.rdata[-4:], "big")
                assert 0 < soa.ttl <= 86400 and 0 < minimum <= 86400, reply
                assert wire.lower(wire.name(qname)).endswith(wire.lower(soa.owner)), reply
            else:
                assert all(record.ttl > 0 for record in reply.answer), reply
    up.saw(0)


@each(["x.invalid.", "x.test.", "x.onion.", "x.alt.", "x.local.", "x.localhost.", "x.home.arpa.",
       "_dns.resolver.arpa.", "4.3.2.10.in-addr.arpa.", "b.e.f.ip6.arpa."])
def test_LZ_05_LZ_06_LZ_07_LZ_08_each_may_be_forwarded_all_the_same(t, qname):
    """A rule for the name does it; nothing of it goes to anybody else."""
    up, its = t.upstream(), t.upstream()
    rule = its.answers(qname, "A", [a1(qname)])
    zone = qname if qname.count(".") > 2 else ".".join(qname.split(".")[1:])
    dev = t.device(up, groups={"its": [its]}, zones="""
        { name = "%s"; upstream = "its"; }""" % zone.rstrip("."))
    t.miss(dev.ask(qname), rule)
    up.saw(0)
