"""Zone rules, access, and names with a meaning of their own: written into the file, seen obeyed."""

import socket
import time

from harness import shapes, wire
from harness.client import Tcp
from harness.mark import each
from harness.shapes import a1


def who(t, count):
    """Upstreams that answer every A question with their own number."""
    ups = []
    for number in range(1, count + 1):
        up = t.upstream()
        up.rule(None, "A", lambda asked, number=number: asked.reply(
            [a1(wire.text(asked.name), "192.0.2.%d" % number)]), times=None)
        ups.append(up)
    return ups


def asks(device, qname, **how):
    """Which upstream answered; or the rcode."""
    reply = device.ask(qname, **how)
    return int(reply.a()[0].split(".")[3]) if reply.a() else "rcode %d" % reply.rcode


def test_FO_11_longest_name_wins_at_label_borders(t):
    ups = who(t, 4)
    dev = t.device(ups[0], groups={"two": [ups[1]], "three": [ups[2]], "four": [ups[3]]}, zones="""
        { name = "example"; upstream = "two"; },
        { name = "corp.example"; upstream = "three"; },
        { name = "eu.corp.example"; upstream = "four"; }""")
    for qname, want in (("example.", 2), ("www.example.", 2), ("notcorp.example.", 2),
                        ("corp.example.", 3), ("CORP.Example.", 3), ("a.b.corp.example.", 3),
                        ("xeu.corp.example.", 3), ("eu.corp.example.", 4), ("x.eu.corp.example.", 4),
                        ("example.org.", 1), ("corp.example.org.", 1), ("com.", 1), (".", 1)):
        assert asks(dev, qname) == want, qname


def test_exact_except_types_and_root(t):
    ups = who(t, 3)
    dev = t.device(ups[0], groups={"two": [ups[1]], "three": [ups[2]]}, zones="""
        { name = "."; upstream = "two"; },
        { name = "one.example"; match = "exact"; upstream = "three"; },
        { names = [ "a.example", "b.example" ]; except = [ "x.a.example" ]; upstream = "three"; },
        { name = "typed.example"; types = [ "TXT", "TYPE65" ]; action = "nxdomain"; }""")
    for qname, want in (("one.example.", 3), ("x.one.example.", 2), ("a.example.", 3),
                        ("y.a.example.", 3), ("x.a.example.", 2), ("z.x.a.example.", 2),
                        ("b.example.", 3), ("other.", 2), ("typed.example.", 2)):
        assert asks(dev, qname) == want, qname
    for qtype in ("TXT", "HTTPS"):
        assert dev.ask("typed.example.", qtype).rcode == wire.NXDOMAIN


def test_views_are_kept_apart(t):
    """Who asks decides, and no view is shown another's cache."""
    ups = who(t, 3)
    inside, outside = t.address(), t.address()
    dev = t.device(ups[0], groups={"two": [ups[1]], "three": [ups[2]]}, zones="""
        { name = "corp.example"; upstream = "two"; },
        { name = "corp.example"; clients = [ "%s/32" ]; upstream = "three"; }""" % inside)
    for _ in range(2):
        for tcp in (False, True):
            assert asks(dev, "www.corp.example.", source=inside, tcp=tcp) == 3
            assert asks(dev, "www.corp.example.", source=outside, tcp=tcp) == 2
            assert asks(dev, "www.example.org.", source=inside, tcp=tcp) == 1
    assert [len(up.log) for up in ups] == [1, 1, 1]


LOCAL = """
    { name = "answer.example"; action = "answer"; records = [ "@ 300 IN A 10.1.2.3",
        "@ 300 IN A 10.1.2.4", "@ 60 IN TXT \\"hello\\"" ]; },
    { name = "alias.example"; action = "answer"; records = [ "@ 300 IN CNAME www.example.org." ]; },
    { name = "{n}-courier.push.apple.com"; n = [ 0, 250 ]; types = [ "A" ]; action = "answer";
      records = [ "@ 60 IN A 10.100.100.{n}" ]; },
    { name = "nxdomain.example"; action = "nxdomain"; },
    { name = "nodata.example"; action = "nodata"; },
    { name = "refuse.example"; action = "refuse"; },
    { name = "drop.example"; action = "drop"; }"""


def test_actions(t):
    up = t.upstream()
    dev = t.device(up, zones=LOCAL)
    for tcp in (False, True):
        for edns in (None, 1232):
            how = {"tcp": tcp, "edns": edns}
            reply = dev.ask("Answer.example.", **how)
            assert reply.a() == ["10.1.2.3", "10.1.2.4"] and reply.ttls() == [300, 300], reply
            assert reply.flags & wire.RA and not reply.flags & wire.AA
            assert reply.qname == wire.name("Answer.example.") and bool(edns) == bool(reply.opt)
            assert dev.ask("answer.example.", "TXT", **how).answer[0].rdata == b"\5hello"
            reply = dev.ask("answer.example.", "AAAA", **how)
            assert reply.rcode == wire.NOERROR and reply.types() == ["SOA"], reply
            for qtype in ("A", "AAAA", "HTTPS"):
                reply = dev.ask("alias.example.", qtype, **how)
                assert reply.types() == ["CNAME"] and reply.answer[0].target() == "www.example.org."
            assert dev.ask("17-courier.push.apple.com.", **how).a() == ["10.100.100.17"]
            for qname, rcode in (("nxdomain.example.", wire.NXDOMAIN), ("nodata.example.", 0)):
                for below in ("", "x."):
                    reply = dev.ask(below + qname, **how)
                    assert reply.rcode == rcode and reply.types() == ["SOA"], reply
                    assert reply.ttls()[0] > 0, "nothing to keep it by"
            reply = dev.ask("refuse.example.", **how)
            assert reply.rcode == wire.REFUSED and not reply.records()
    up.saw(0)


def test_dropped_is_silence_over_udp_and_the_end_over_tcp(t):
    dev = t.device(t.upstream(), zones=LOCAL)
    dev.quiet(wire.query("x.drop.example.", ident=1))
    with dev.tcp() as tcp:
        tcp.send(wire.query("drop.example.", ident=1))
        waited = tcp.closed_within(5.0)
        assert waited is not None, "not closed"


def test_template_has_a_range_and_no_leading_zeros(t):
    up, = who(t, 1)
    dev = t.device(up, zones=LOCAL)
    for number in (0, 1, 9, 10, 250):
        assert dev.ask("%d-COURIER.push.apple.com." % number).a() == ["10.100.100.%d" % number]
    for label in ("251", "007", "00", "-1", "", "1a", "99999999999999999999"):
        assert asks(dev, "%s-courier.push.apple.com." % label) == 1, label
    assert dev.ask("x.5-courier.push.apple.com.").a() == ["10.100.100.5"]    # names below it too


@each(["servfail", "group", "silent", "closed"])
def test_FO_10_a_failed_group_does_not_leak(t, kind):
    """SERVFAIL, unless the rule names another group to ask."""
    one, two, three = t.upstream(), t.upstream(), t.upstream()
    if kind == "silent":
        two.silent()
    elif kind == "closed":
        two.close()
    else:
        two.answers("x.corp.example.", "A", rcode=wire.SERVFAIL, times=(1, 2))
    if kind == "group":
        three.answers("x.corp.example.", "A", [a1("x.corp.example.")])
    dev = t.device(one, groups={"two": [two], "three": [three]}, zones="""
        { name = "corp.example"; upstream = "two"; on_failure = "%s"; }""" % (
            "three" if kind == "group" else "servfail"))
    reply = dev.ask("x.corp.example.")
    if kind == "group":
        assert reply.a() == ["192.0.2.1"], reply
    else:
        assert reply.rcode == wire.SERVFAIL, reply
    one.saw(0)


def test_rule_without_cache_and_rule_with_ttl_limits(t):
    up = t.upstream()
    up.answers("x.never.example.", "A", [a1("x.never.example.")], times=3)
    up.answers("x.short.example.", "A", [a1("x.short.example.")], times=2)
    up.answers("x.long.example.", "A", [a1("x.long.example.", ttl=1)])
    dev = t.device(up, zones="""
        { name = "never.example"; cache = false; },
        { name = "short.example"; ttl_max = 2; },
        { name = "long.example"; ttl_min = 600; }""")
    for _ in range(3):
        assert dev.ask("x.never.example.").ttls() == [300]
    assert dev.ask("x.short.example.").ttls() == [2]
    assert dev.ask("x.long.example.").ttls() == [600]
    time.sleep(3.1)
    assert dev.ask("x.short.example.").ttls() == [2]
    assert dev.ask("x.long.example.").ttls()[0] in (596, 597)


# --- names with a meaning of their own -----------------------------------------------------

def reverse(address):
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa."


def reverse6(address):
    return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex())) + ".ip6.arpa."


def test_LZ_04_localhost(t):
    up = t.upstream()
    dev = t.device(up)
    for qname in ("localhost.", "x.LocalHost."):
        assert dev.ask(qname).a() == ["127.0.0.1"]
        assert dev.ask(qname, "AAAA").answer[0].rdata == b"\0" * 15 + b"\1"
        reply = dev.ask(qname, "TXT")
        assert reply.rcode == wire.NOERROR and reply.types() == ["SOA"], reply
    up.saw(0)


@each(["x.invalid.", "x.test.", "x.onion.", "x.alt.", "x.home.arpa.", reverse("10.1.2.3"),
       reverse("172.31.0.1"), reverse("192.168.1.1"), reverse("169.254.1.1"), reverse("100.64.1.1"),
       reverse("0.0.0.1"), reverse6("fd00::1"), reverse6("fe80::1")])
def test_LZ_05_LZ_06_LZ_08_names_that_are_nowhere(t, qname):
    up = t.upstream()
    dev = t.device(up)
    for how in ({}, {"do": True}, {"tcp": True, "do": True}):
        reply = dev.ask(qname, "PTR" if "arpa" in qname else "A", **how)
        assert reply.rcode == wire.NXDOMAIN and reply.types() == ["SOA"], reply
        assert reply.flags & wire.RA and reply.ttls()[0] > 0, reply
        assert bool(reply.opt) == bool(how)
        owner = wire.text(reply.authority[0].owner)
        assert qname.endswith(owner) and owner != ".", owner
    up.saw(0)


def test_LZ_09_a_rule_beats_special_names(t):
    ups = who(t, 2)
    ups[1].rule(None, "PTR", lambda asked: asked.reply(
        [wire.raw(asked.name, 300, "PTR", wire.name("host.corp.example."))]), times=None)
    dev = t.device(ups[0], groups={"two": [ups[1]]}, zones="""
        { name = "."; upstream = "default"; },
        { names = [ "10.in-addr.arpa", "corp.test", "localhost" ]; upstream = "two"; }""")
    assert dev.ask(reverse("10.1.2.3"), "PTR").answer[0].target() == "host.corp.example."
    assert asks(dev, "x.corp.test.") == 2 and asks(dev, "localhost.") == 2
    assert dev.ask("x.test.").rcode == wire.NXDOMAIN
    assert dev.ask(reverse("192.168.1.1"), "PTR").rcode == wire.NXDOMAIN
    ups[0].saw(0)


def test_LZ_12_ipv4only_is_forwarded(t):
    up = t.upstream()
    rule = up.answers("ipv4only.arpa.", "AAAA", [], [shapes.soa("ipv4only.arpa.")])
    t.miss(t.device(up).ask("ipv4only.arpa.", "AAAA"), rule)


def test_special_names_may_be_off(t):
    up, = who(t, 1)
    dev = t.device(up, conf="special_names = false;")
    for qname in ("localhost.", "x.test.", "x.invalid.", "resolver.arpa."):
        assert asks(dev, qname) == 1, qname


# --- who may ask ---------------------------------------------------------------------------

def test_AM_02_AM_03_access_by_longest_prefix_over_udp_and_tcp(t):
    up, = who(t, 1)
    net = t.net + ".%d"
    dev = t.device(up, conf="""access = (
        { net = "127.0.0.0/8"; action = "allow"; },
        { net = "%s/28"; action = "refuse"; },
        { net = "%s/30"; action = "drop"; },
        { net = "%s/32"; action = "allow"; }
    );""" % (net % 208, net % 212, net % 213))
    for host in (207, 213, 224):
        for tcp in (False, True):
            assert asks(dev, "www.example.", source=net % host, tcp=tcp) == 1, host
    for host in (208, 211, 216, 223):
        for tcp in (False, True):
            reply = dev.ask("www.example.", source=net % host, tcp=tcp)
            assert reply.rcode == wire.REFUSED and len(reply.wire) <= len(reply.query), host   # AM_04
    for host in (212, 214, 215):
        with dev.udp(source=net % host) as udp:
            udp.send(wire.query("www.example."))
            assert udp.recv(0.3) is None, host
        try:
            with Tcp(dev.address, dev.port, source=net % host) as tcp:
                tcp.send(wire.query("www.example."))
                assert tcp.recv(5.0) == b"", host
        except OSError:
            pass
    up.saw(1)
