"""AM-12: private addresses that the world outside gives for its own names."""

from harness import shapes, wire
from harness.shapes import a1

PROTECT = 'rebinding = { protect = true; allow = [ "allowed.example" ]; };\n'


def svcb(qname, qtype, params, target="."):
    return wire.raw(qname, 300, qtype, shapes.svcb_rdata(1, target, params))


def private_answers():
    """(title, type, answer to that name)"""
    for address in ("10.0.0.1", "127.0.0.1", "0.0.0.0", "169.254.1.1", "192.168.1.1"):
        yield address, "A", lambda qname, at=address: ["%s 300 A %s" % (qname, at)]
    for address in ("::1", "::", "fd00::1", "fe80::1", "::ffff:10.0.0.1"):
        yield address, "AAAA", lambda qname, at=address: ["%s 300 AAAA %s" % (qname, at)]
    yield "by CNAME", "A", lambda qname: [
        "%s 300 CNAME rebind.example." % qname, "rebind.example. 300 A 192.0.2.1",
        "rebind.example. 300 A 10.0.0.1"]
    for qtype in ("HTTPS", "SVCB"):
        yield "IPv4 hint in " + qtype, qtype, lambda qname, qtype=qtype: [
            svcb(qname, qtype, [(1, b"\2h2"), (4, b"\xc0\0\2\1\x0a\0\0\1")])]
        yield "IPv6 hint in " + qtype, qtype, lambda qname, qtype=qtype: [
            svcb(qname, qtype, [(6, b"\xfd" + b"\0" * 14 + b"\1")], "t.example.")]


def test_AM_12_private_addresses_of_public_names_are_held_back(t):
    up = t.upstream()
    dev = t.device(up, conf=PROTECT)
    for title, qtype, make in private_answers():
        qname = t.fresh()
        rule = up.answers(qname, qtype, make(qname))
        for tcp in (False, True, False):
            reply = dev.ask(qname, qtype, tcp=tcp, edns=1232)
            assert reply.rcode == wire.NOERROR and not reply.answer, (title, reply)
            assert reply.types() == ["SOA"], (title, reply)
            assert reply.ede == [15], (title, reply)
        plain = dev.ask(qname, qtype)
        assert plain.rcode == wire.NOERROR and not plain.answer, (title, plain)
        up.saw(1, rule)


def test_AM_12_what_is_not_private_or_allowed_passes(t):
    up, corp = t.upstream(), t.upstream()
    dev = t.device(up, conf=PROTECT, groups={"corp": [corp]},
                   zones='{ name = "corp.example"; upstream = "corp"; }')
    for server, qname in ((up, "allowed.example."), (up, "x.allowed.example."),
                          (corp, "www.corp.example."), (up, t.fresh())):
        address = "192.0.2.7" if server is up and "allowed" not in qname else "10.1.2.3"
        rule = server.answers(qname, "A", [a1(qname, address)])
        for _ in range(2):
            reply = dev.ask(qname, edns=1232)
            assert reply.a() == [address] and not reply.ede, reply
        server.saw(1, rule)
    alias = "courier.push.apple.com."
    answer, authority = shapes.r1()
    for qtype in ("A", "AAAA", "HTTPS"):
        rule = up.answers(alias, qtype, answer, authority)
        t.miss_and_hit(dev, rule, alias, qtype, edns=1232)
    empty = t.fresh()
    rule = up.answers(empty, "AAAA", [], [shapes.soa()])
    t.miss_and_hit(dev, rule, empty, "AAAA", edns=1232)


def test_AM_12_off_it_changes_nothing(t):
    up = t.upstream()
    dev = t.device(up)
    for _, qtype, make in private_answers():
        qname = t.fresh()
        rule = up.answers(qname, qtype, make(qname))
        t.miss_and_hit(dev, rule, qname, qtype, edns=1232)


def test_AM_12_a_reload_is_obeyed_at_once(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname, "10.0.0.1")], times=3)
    dev = t.device(up)
    assert dev.ask(qname).a() == ["10.0.0.1"]
    for conf, answer in ((PROTECT, []), ("", ["10.0.0.1"])):
        dev.reload(t.config([up], address=dev.address, conf=conf))
        t.until(lambda: dev.ask(qname).a() == answer)
