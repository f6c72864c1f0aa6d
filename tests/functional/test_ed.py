"""ED: EDNS is between neighbours: made anew on each hop, and never a reason to fail."""

import struct

from harness import wire
from harness.mark import alone, each
from harness.shapes import a1, soa


def answered(t, reply_edns=True, **ask):
    """(reply, what upstream was asked) for one fresh name."""
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], edns=reply_edns)
    reply = t.device(up).ask(qname, **ask)
    assert reply.a() == ["192.0.2.1"] and reply.rcode == wire.NOERROR, reply
    return reply, rule.asked[0].msg


def test_ED_01_no_opt_asked_none_given(t):
    reply, asked = answered(t)
    assert reply.counts[3] == 0 and asked.opt is not None


def test_ED_02_opt_asked_opt_given_always(t):
    """From a miss, a hit, SERVFAIL, REFUSED, what is local, and when truncated; whatever upstream
    does about it."""
    up = t.upstream()
    names = {kind: t.fresh() for kind in ("plain", "servfail", "refused", "large", "silent")}
    up.answers(names["plain"], "A", [a1(names["plain"])], edns=False)
    up.answers(names["servfail"], "A", rcode=wire.SERVFAIL, edns=False, times=(1, 3))
    up.answers(names["refused"], "A", rcode=wire.REFUSED, edns=False, times=(1, 3))
    up.answers(names["large"], "A", [a1(names["large"], "192.0.2.%d" % at) for at in range(99)],
               edns=False, times=(1, 2))
    up.silent(names["silent"], times=(1, 4))
    zones = ", ".join('{ name = "%s.local.example"; action = "%s"; %s }' % (
        action, action, 'records = [ "@ 300 IN A 10.1.2.3" ];' if action == "answer" else "")
        for action in ("answer", "nxdomain", "nodata", "refuse"))
    dev = t.device(up, zones=zones)
    asked = [names["plain"]] * 2 + [names["servfail"]] * 2 + [names["refused"]] + [
        names["large"]] * 2 + ["%s.local.example." % action for action in (
            "answer", "nxdomain", "nodata", "refuse")] + ["localhost.", "x.invalid.", names["silent"]]
    for qname in asked:
        reply = dev.ask(qname, edns=600)
        assert reply.opt is not None and len(reply.opts) == 1, (qname, reply)
        assert reply.opt.ttl & 0x00ffffff == 0 and reply.opt.owner == b"\0", reply
        assert not dev.ask(qname).opt, qname
    for query in (wire.query("x.example.", flags=2 << 11, edns=1232),):
        assert dev.send(query).rcode == wire.NOTIMP     # D9: nothing but ID, opcode and RD


def test_ED_03_other_versions_are_bad_versions(t):
    up = t.upstream()
    dev = t.device(up)
    for version in (1, 255):
        reply = dev.ask("version.example.", edns=1232, version=version)
        assert reply.rcode == wire.BADVERS and reply.opt.ttl >> 16 & 255 == 0, reply
        assert not reply.answer
    up.saw(0)


def test_ED_04_unknown_option_travels_and_is_not_echoed(t):
    reply, asked = answered(t, options=[(65002, b"ABCD")])
    assert asked.option(65002) == b"ABCD"
    assert reply.option(65002) is None


def test_ED_04_hardware_address_does_not_travel(t):
    """Alone, among others, over TCP, and back from a server that echoes it."""
    up = t.upstream()
    mine = [(65001, b"\2\0\x5e\x10\0\1"), (65073, b"02:00:5e:10:00:01"), (65073, b"AgBeEAAB")]
    up.rule(None, "A", lambda asked: asked.reply(
        [a1(wire.text(asked.name))], edns=wire.opt(1232, mine + [(65002, b"mine")])), times=None)
    dev = t.device(up)
    for tcp in (False, True):
        for options in ([mine[0]], [mine[1]], [mine[2]], mine, [(65001, b"ABCD")],
                        [(65002, b"ABCD")] + mine):
            reply = dev.ask(t.fresh(), tcp=tcp, options=options)
            assert reply.rcode == wire.NOERROR and reply.answer, reply
            asked = up.log[-1].msg
            assert asked.option(65001) is None and asked.option(65073) is None, asked
            assert (asked.option(65002) is not None) == (options[0][0] == 65002), asked
            assert reply.option(65001) is None and reply.option(65073) is None, reply


def test_ED_05_unknown_flag_is_ignored(t):
    reply, asked = answered(t, edns=1232, flags=wire.RD)
    assert reply.opt.ttl == 0
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    query = wire.query(qname)
    query = query[:11] + b"\1" + query[12:] + wire.opt(1232, flags=0x0080)
    reply = t.device(up).send(query)
    assert reply.a() == ["192.0.2.1"] and reply.opt.ttl == 0, reply
    assert up.log[0].msg.opt.ttl == 0


def patched(qname, arcount, rest):
    query = wire.query(qname)
    return query[:10] + struct.pack("!H", arcount) + query[12:] + rest


def malformed(t, query, opt=None):
    """FORMERR at once, over UDP and TCP, and upstream knows nothing."""
    up = t.upstream()
    dev = t.device(up)
    for tcp in (False, True):
        reply = dev.send(query, tcp=tcp)
        assert reply.rcode == wire.FORMERR and not reply.answer, reply
        if opt is not None:
            assert (reply.opt is not None) == opt, reply
        t.prompt(reply)
    up.saw(0)


def test_ED_07_two_opts_are_malformed(t):
    malformed(t, patched("two.example.", 2, wire.opt() * 2))


def test_ED_09_option_past_its_rdata_is_malformed(t):
    malformed(t, patched("overrun.example.", 1, wire.opt(
        options=struct.pack("!HH", 65001, 200) + b"x")), opt=True)


@each([65535, 12, 1])
def test_ED_10_opt_past_the_packet_is_malformed(t, size):
    opt = bytearray(wire.opt())
    opt[-2:] = struct.pack("!H", size)
    malformed(t, patched("overrun.example.", 1, bytes(opt)))


@each([wire.NSID, wire.COOKIE, wire.PADDING, wire.KEEPALIVE, wire.ECS, wire.EDE, 65001, 65002])
def test_ED_12_repeated_options_do_no_harm(t, code):
    """Answered or refused as malformed; at most one comes back."""
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(up)
    data = {wire.COOKIE: b"12345678", wire.PADDING: b"\0" * 20, wire.NSID: b"",
            wire.KEEPALIVE: b"", wire.ECS: b"\0\1\x18\0\xc0\0\2", wire.EDE: b"\0\3"}.get(code, b"xyz")
    for tcp in (False, True):
        reply = dev.ask(t.fresh(), tcp=tcp, options=[(code, data)] * 50)
        assert reply.rcode in (wire.NOERROR, wire.FORMERR), reply
        assert len([one for one, _ in reply.options if one == code]) <= 1, reply


def test_ED_14_bytes_behind_the_query_never_travel(t):
    """Forty bytes that would be an OPT record if anything counted them."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], times=(0, 2))
    dev = t.device(up)
    extra = wire.opt(4096, [(65001, b"smuggled"), (65002, b"more of it")])
    for tcp in (False, True):
        reply = dev.send(wire.query(qname) + extra, tcp=tcp)
        assert reply.rcode in (wire.NOERROR, wire.FORMERR), reply
    for asked in up.log:
        assert not asked.msg.trailing and b"smuggled" not in asked.wire


def test_ED_17_keepalive_over_udp_is_ignored(t):
    reply, asked = answered(t, options=[(wire.KEEPALIVE, b"")])
    assert asked.option(wire.KEEPALIVE) is None and reply.option(wire.KEEPALIVE) is None


def test_ED_18_keepalive_over_tcp_goes_no_further(t):
    reply, asked = answered(t, options=[(wire.KEEPALIVE, b"")], tcp=True)
    assert asked.option(wire.KEEPALIVE) is None
    told = reply.option(wire.KEEPALIVE)
    assert told is None or struct.unpack("!H", told)[0] == 100, told    # the default 10 s


def test_ED_19_padding_goes_no_further(t):
    reply, asked = answered(t, options=[(wire.PADDING, b"\0" * 100)])
    assert asked.option(wire.PADDING) is None and reply.option(wire.PADDING) is None


ECS_OPTIONS = {
    "v4": struct.pack("!HBB", 1, 24, 0) + b"\xc0\0\2",
    "v6": struct.pack("!HBB", 2, 56, 0) + b"\x20\1\x0d\xb8\0\0\1",
    "none": struct.pack("!HBB", 1, 0, 0),
}


@each(sorted(ECS_OPTIONS))
def test_ED_20_client_subnet_passes(t, kind):
    _, asked = answered(t, options=[(wire.ECS, ECS_OPTIONS[kind])])
    assert asked.option(wire.ECS) == ECS_OPTIONS[kind]


def test_ED_20_client_subnet_may_be_stripped(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, conf='edns = { ecs = "strip"; };')
    reply = dev.ask(qname, options=[(wire.ECS, ECS_OPTIONS["v4"])])
    assert reply.a() == ["192.0.2.1"] and rule.asked[0].msg.option(wire.ECS) is None


@each([b"", b"\0", b"\0\1\x18", b"\0\x09\x18\0\xc0\0\2", b"\0\1\x21\0\xc0\0\2\0\0",
       b"\0\1\x14\0\xc0\0\xff", b"\0\1\x18\0" + b"\xc0" * 300], lambda data: data[:8].hex() or "empty")
def test_ED_20_malformed_client_subnet_does_no_harm(t, data):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], times=(0, 1))
    reply = t.device(up).ask(qname, options=[(wire.ECS, data)])
    assert reply.rcode in (wire.NOERROR, wire.FORMERR), reply


@alone
@each(["header", "question"])
def test_ED_22_upstream_without_edns(t, how):
    """It says FORMERR to any OPT record: asked again without, and remembered."""
    up, one, two = t.upstream(), t.fresh(), t.fresh()

    def act(asked):
        if asked.msg.opt is None:
            return asked.reply([a1(wire.text(asked.name))])
        full = asked.reply(rcode=wire.FORMERR, edns=False)
        return full if how == "question" else full[:4] + b"\0" * 8
    first = up.rule(one, "A", act, times=2)
    second = up.rule(two, "A", act, times=1)
    dev = t.device(up)
    for qname, rule in ((one, first), (two, second)):
        reply = dev.ask(qname, edns=1232)
        assert reply.a() == ["192.0.2.1"] and reply.opt is not None, reply
        t.within(reply.took, 0, 1.0)
        t.miss(reply, rule)


@each([(None, 1232), (512, 1232), (4096, 1232), (65535, 1232)], lambda case: str(case[0]))
def test_ED_26_size_offered_upstream_is_ours(t, case):
    _, asked = answered(t, edns=case[0])
    assert asked.opt.rclass == case[1], asked.opt.rclass


def test_ED_26_size_offered_follows_the_setting(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)])
    reply = t.device(up, conf="edns = { size = 4096; };").ask(qname, edns=1232)
    assert rule.asked[0].msg.opt.rclass == 4096 and reply.opt.rclass == 4096


@each([("version-1", {"version": 1}), ("size-0", {"size": 0}), ("flags", {"flags": 0x7fff}),
       ("option", {"options": [(65001, b"\0" * 100), (65002, b"")]})], lambda case: case[0])
def test_ED_27_odd_opt_of_upstream_is_made_anew(t, case):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], edns=wire.opt(**case[1]))
    dev = t.device(up)
    first = dev.ask(qname, edns=1232)
    t.miss(first, rule)
    second = dev.ask(qname, edns=1232)
    t.hit(second, first, rule)
    for reply in (first, second):
        assert reply.opt.rclass == 1232 and reply.option(65001) is None


EDES = {"stale": b"\0\3", "prohibited-with-text": b"\0\x12blocked by policy",
        "private-long": b"\xc0\0" + b"t" * 200, "not-utf8": b"\0\0\xff\xfe", "empty": b"", "half": b"\0"}


@each(sorted(EDES))
def test_ED_28_extended_error_of_upstream_is_handed_on_or_dropped_whole(t, kind):
    """And is never itself the reason for TC."""
    up, qname = t.upstream(), t.fresh()
    records = [a1(qname, "192.0.2.%d" % at) for at in range(28)]     # 483 bytes with OPT
    up.answers(qname, "A", records, edns=wire.opt(1232, [(wire.EDE, EDES[kind])]))
    dev = t.device(up)
    for _ in range(2):
        reply = dev.ask(qname, edns=512)
        assert len(reply.wire) <= 512 and not reply.flags & wire.TC, reply
        assert len(reply.answer) == 28
        assert reply.option(wire.EDE) in (None, EDES[kind]), reply


def test_do_comes_back_on_every_kind_of_reply(t):
    """DO comes back as it was asked, on every kind of reply (RFC 3225 section 3)."""
    up, one, two = t.upstream(), t.fresh(), t.fresh()
    up.answers(one, "A", [], [soa()], rcode=wire.NXDOMAIN)
    up.answers(two, "A", rcode=wire.SERVFAIL, times=(1, 2))
    dev = t.device(up)
    for qname in (one, two, "x.invalid."):
        assert dev.ask(qname, do=True).opt.ttl & wire.DO, qname


