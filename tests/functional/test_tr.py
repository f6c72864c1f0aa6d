"""TR: what upstream said is what the client gets, header, records, order, compression and all."""

import struct
import time

import dns.message
import dns.rrset
import dns.tsigkeyring

from harness import shapes, wire
from harness.device import SANITIZED
from harness.mark import each
from harness.shapes import a1
from harness.upstream import send


def test_TR_01_plain_answer_is_the_upstreams_bytes(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname), a1(qname, "192.0.2.2")],
                      ["example. 600 NS ns1.example.", "example. 600 NS ns2.example."],
                      [a1("ns1.example.", "192.0.2.53"), "ns2.example. 600 AAAA 2001:db8::53"],
                      aa=True)
    reply = t.device(up).ask(qname)
    t.miss(reply, rule)
    t.prompt(reply)
    up.saw(1)


def test_TR_02_rdata_of_an_unknown_type_is_opaque(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "TYPE65280", [wire.raw(qname, 300, 65280, b"\xc0\x0copaque")])
    first, second = t.miss_and_hit(t.device(up), rule, qname, "TYPE65280", wait=1.1)
    for reply in (first, second):
        assert reply.answer[0].rdata == b"\xc0\x0copaque", reply


SWEEP = [number for number in range(1, 259) if number != 41 and not 249 <= number <= 255] + [
    32768, 32769, 65279, 65534, 65535]


def test_TR_03_every_type_passes(t):
    """The RDATA is right for hardly any type: all zeros, some text, and what looks like a pointer
    where no name can be any more."""
    rdata = b"\0" * 24 + b"opaque\xc0\x0c"
    up = t.upstream()
    rules = {}
    for number in SWEEP:
        qname = "type%d.tr03.example." % number
        rules[number] = up.answers(qname, number, [wire.raw(qname, 300, number, rdata)], times=(1, 2))
    dev = t.device(up)
    for number in SWEEP:
        reply = dev.ask("type%d.tr03.example." % number, number)
        t.miss(reply, rules[number])
        assert reply.answer[0].rdata == rdata


def test_TR_04_foreign_classes_are_kept_apart(t):
    up, qname = t.upstream(), t.fresh()
    classes = (wire.CH, wire.HS, 254, 255, 65280)
    rules = {}
    for rclass in classes:
        rules[rclass] = up.answers(qname, "A", [wire.raw(
            qname, 300, 1, struct.pack("!BBH", 10, 0, rclass), rclass)], qclass=rclass, times=None)
    rules[1] = up.answers(qname, "A", [a1(qname)], qclass=1)
    dev = t.device(up)
    for rclass in classes + (1,) + classes:
        reply = dev.ask(qname, "A", qclass=rclass)
        if reply.rcode == wire.NOTIMP:
            assert rclass != 1 and not reply.answer
        elif not reply.answer:
            raise AssertionError("class %d: neither forwarded nor NOTIMP: %s" % (rclass, reply))
        else:
            want = rules[rclass].last
            assert reply.answer[0].rdata == wire.Message(want).answer[0].rdata, (rclass, reply)
            assert reply.answer[0].rclass == rclass, reply


def test_TR_06_ad_in_the_query_reaches_upstream(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], ad=True)
    reply = t.device(up).ask(qname, flags=wire.RD | wire.AD)
    assert rule.asked[0].flags & wire.AD, "upstream was asked without AD"
    t.miss(reply, rule)
    assert reply.flags & wire.AD


def test_TR_07_ad_is_not_given_to_the_uninterested(t):
    """Neither from a miss nor from a hit; and who asks for it later gets a true one (the reply kept
    may be used or not)."""
    up, qname, other = t.upstream(), t.fresh(), t.fresh()
    up.rule(qname, "A", lambda asked: asked.reply([a1(qname)], ad=bool(
        asked.msg.do or asked.flags & wire.AD)), times=(1, 3))
    up.answers(other, "A", [a1(other)], ad=True, times=(1, 2))
    dev = t.device(up)
    assert dev.ask(qname, do=True).flags & wire.AD
    assert not dev.ask(qname).flags & wire.AD
    assert dev.ask(qname, flags=wire.RD | wire.AD).flags & wire.AD
    assert not dev.ask(qname).flags & wire.AD
    assert not dev.ask(qname, edns=1232).flags & wire.AD
    assert not dev.ask(other).flags & wire.AD
    assert dev.ask(other, flags=wire.RD | wire.AD).flags & wire.AD


def test_TR_07_who_asks_for_ad_does_not_wait_for_one_who_does_not(t):
    """Two questions at once, the same but for AD: neither is answered with the other's."""
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: send(asked.reply([a1(qname)], ad=bool(
        asked.flags & wire.AD)), 0.3), times=(1, 2))
    dev = t.device(up)
    with dev.udp() as plain, dev.udp() as eager:
        plain.send(wire.query(qname, ident=1))
        time.sleep(0.05)
        eager.send(wire.query(qname, ident=2, flags=wire.RD | wire.AD))
        assert not wire.Message(plain.recv(3.0)).flags & wire.AD
        assert wire.Message(eager.recv(3.0)).flags & wire.AD


def test_TR_08_cd_reaches_upstream_and_comes_back(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    for _ in range(2):
        reply = dev.ask(qname, flags=wire.RD | wire.CD)
        assert rule.asked[0].flags & wire.CD, "upstream was asked without CD"
        assert reply.flags & wire.CD, reply


def test_TR_09_z_bit_in_a_query_is_ignored(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    reply = t.device(up).ask(qname, flags=wire.RD | wire.Z)
    assert reply.rcode == wire.NOERROR and reply.a() == ["192.0.2.1"], reply
    t.prompt(reply)


def test_TR_10_all_header_bits_at_once(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)])
    reply = t.device(up).ask(qname, flags=wire.AA | wire.TC | wire.RD | wire.RA | wire.Z | wire.AD
                             | wire.CD)
    assert reply.a() == ["192.0.2.1"], reply
    assert not rule.asked[0].flags & ~(wire.RD | wire.AD | wire.CD), "%#x" % rule.asked[0].flags


def test_TR_12_a_server_without_recursion_is_not_repainted(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], ra=False)
    first, second = t.miss_and_hit(t.device(up), rule, qname)
    assert not (first.flags | second.flags) & wire.RA


def test_TR_13_rd_off_is_not_turned_on(t):
    """Nor answered from what was learned with RD."""
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], times=(0, 2))
    dev = t.device(up)
    reply = dev.ask(qname, flags=0)
    assert not any(asked.flags & wire.RD for asked in rule.asked), "asked upstream with RD"
    if reply.rcode != wire.REFUSED:
        t.miss(reply, rule)
        assert len(rule.asked) == 1
        assert not reply.flags & wire.RD
    reply = dev.ask(qname)
    assert reply.flags & wire.RD and rule.asked[-1].flags & wire.RD


def test_TR_15_uncompressed_answer_stays_uncompressed(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", ["%s 60 CNAME www.%s" % (qname, qname), a1("www." + qname)],
                      ["example. 600 NS ns.example."], [a1("ns.example.")], compress=False)
    t.miss_and_hit(t.device(up), rule, qname, wait=1.1)


def txt_set(qname, total):
    """TXT records that make a message (question, no OPT) of exactly `total` bytes."""
    records, size = [], 12 + len(wire.name(qname)) + 4
    while size < total:
        room = total - size - 12        # a compressed owner and the record's fixed part
        piece = min(room - 1, 255)
        if 0 < room - 1 - piece < 14:   # leave room for another record
            piece -= 14
        records.append(wire.raw(qname, 300, 16, bytes([piece]) + b"%05d" % len(records) +
                                b"x" * (piece - 5)))
        size += 12 + 1 + piece
    assert size == total, (size, total)
    return records


def test_TR_17_a_large_udp_answer_arrives_whole(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "TXT", txt_set(qname, 3900))
    dev = t.device(up, conf="edns = { size = 4096; };")
    first, second = t.miss_and_hit(dev, rule, qname, "TXT", edns=4096)
    assert len(first.wire) >= 3900 and not first.flags & wire.TC and not rule.asked[0].tcp


def truncated(reply, limit):
    """TC, within the limit, nothing half: what a client can only take as "ask over TCP"."""
    assert reply.flags & wire.TC, reply
    assert len(reply.wire) <= limit, len(reply.wire)
    assert not reply.trailing and reply.counts[:3] == (1, 0, 0), reply
    reply.check()
    assert (reply.opt is not None) == (wire.Message(reply.query).opt is not None)


def test_TR_17_default_size_truncates_it(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "TXT", txt_set(qname, 3900), times=(1, 2))
    dev = t.device(up)
    truncated(dev.ask(qname, "TXT", edns=4096), 1232)
    reply = dev.ask(qname, "TXT", edns=4096, tcp=True)
    assert not reply.flags & wire.TC and len(reply.answer) == len(wire.Message(rule.last).answer)


def test_TR_18_a_client_gets_no_more_than_it_takes(t):
    dev = up = None
    for edns, limit_, kept in ((None, 512, False), (512, 512, False), (100, 512, False),
                               (1232, 1232, False), (1232, 1232, True)):
        if not kept:
            up, qname = t.upstream(), t.fresh()
            rule = up.answers(qname, "TXT", txt_set(qname, 1100))
            dev = t.device(up)
        first = dev.ask(qname, "TXT", edns=edns)
        if limit_ < 1100:
            truncated(first, limit_)
        elif kept:
            assert not first.flags & wire.TC and len(first.wire) == 1111
        else:
            t.miss(first, rule)
        # and from the cache, for each size
        truncated(dev.ask(qname, "TXT"), 512)
        truncated(dev.ask(qname, "TXT", edns=512), 512)
        t.hit(dev.ask(qname, "TXT", edns=1232), first, rule)
        t.hit(dev.ask(qname, "TXT", tcp=True), first, rule)


def test_TR_20_the_largest_message_there_is(t):
    up = t.upstream()
    largest = 65535
    rule = up.rule(None, "TXT", lambda asked: asked.reply(
        txt_set(wire.text(asked.name), largest), edns=False), times=None)
    dev = t.device(up)
    before = dev.rss()
    for _ in range(60):
        qname = t.fresh()
        first = dev.ask(qname, "TXT", tcp=True)
        assert len(first.wire) == largest
        t.miss(first, rule)
    t.hit(dev.ask(qname, "TXT", tcp=True), first, rule)
    # 60 of them are a quarter of the default cache; what is left over them is what came and went
    grown = dev.rss() - before
    if not SANITIZED:
        assert grown < 60 * 65535 + (4 << 20), "%d KB more than before" % (grown >> 10)


@each([511, 512, 513, 530, 542])
def test_TR_21_truncation_never_splits_a_record(t, size):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "TXT", txt_set(qname, size - 11))
    dev = t.device(up)
    for _ in range(2):
        reply = dev.ask(qname, "TXT", edns=512)
        if size > 512:
            truncated(reply, 512)
        else:
            t.miss(reply, rule)
            assert len(reply.wire) == size


@each(["HTTPS", "SVCB"])
def test_TR_22_svcb_with_every_key(t, qtype):
    up = t.upstream()
    dev = t.device(up)
    for title, qname, kind, answer, authority, additional, how, ask in shapes.positive_shapes():
        if title.startswith(qtype):
            rule = up.answers(qname, kind, answer, authority, additional, **how)
            t.miss_and_hit(dev, rule, qname, kind, wait=1.1, edns=1232)


def test_TR_23_dname_with_its_cname(t):
    up = t.upstream()
    dname = wire.raw("d.example.", 300, "DNAME", wire.name("e.example."))
    a = up.answers("a.d.example.", "A", [dname, "a.d.example. 300 CNAME a.e.example.",
                                         a1("a.e.example.")])
    b = up.answers("b.d.example.", "A", [dname, "b.d.example. 300 CNAME b.e.example.",
                                         a1("b.e.example.", "192.0.2.2")])
    dev = t.device(up)
    t.miss_and_hit(dev, a, "a.d.example.")
    t.miss(dev.ask("b.d.example."), b)


def test_TR_24_dnssec_records_and_their_order_are_kept(t):
    up = t.upstream()
    shape = next(shape for shape in shapes.positive_shapes() if shape[0] == "dnssec")
    rule = up.answers(shape[1], "A", *shape[3:6], ad=True)
    first, second = t.miss_and_hit(t.device(up), rule, shape[1], wait=1.1, do=True)
    assert first.types() == ["A", "RRSIG", "NSEC3", "RRSIG"] == second.types()


KEYS = dns.tsigkeyring.from_text({"key.example.": "c2VjcmV0IHNlY3JldCBzZWNyZXQ="})


def test_TR_25_a_signed_query_passes_unhurt(t):
    """The MAC covers every byte but the ID: it verifies at upstream, and the signed reply at the
    client; neither is kept."""
    up, qname = t.upstream(), t.fresh()
    verified = []

    def act(asked):
        query = dns.message.from_wire(asked.wire, keyring=KEYS)
        verified.append(query.had_tsig)
        reply = dns.message.make_response(query)
        reply.flags |= wire.RA
        reply.answer.append(dns.rrset.from_text(qname, 300, "IN", "SOA",
                                                "ns.example. admin.example. 1 2 3 4 5"))
        return reply.to_wire()
    up.rule(qname, "SOA", act, times=2)
    dev = t.device(up)
    for _ in range(2):
        query = dns.message.make_query(qname, "SOA")
        query.use_tsig(KEYS, "key.example.")
        data = query.to_wire()
        with dev.udp() as udp:
            reply = udp.ask(data, 5.0)
        read = dns.message.from_wire(reply.wire, keyring=KEYS, request_mac=query.mac)
        assert read.had_tsig and len(read.answer) == 1
    assert verified == [True, True]


def signed_queries(qname):
    """Title and bytes of what a key exchange or a broken signature looks like."""
    tkey = wire.name("gss-tsig.") + struct.pack("!IIHHH", 0, 0, 3, 0, 4) + b"data" + b"\0\0"
    plain = wire.query(qname, "TKEY")
    additional = b"\0\1"
    record = wire.name("1.tkey.") + struct.pack("!HHIH", 249, 255, 0, len(tkey)) + tkey
    yield "tkey", plain[:10] + additional + plain[12:] + record
    sig = struct.pack("!HBBIIIH", 0, 8, 0, 0, 0xffffffff, 0, 1) + wire.name("key.example.") + b"s" * 64
    plain = wire.query(qname, "A")
    yield "sig0", plain[:10] + additional + plain[12:] + b"\0" + struct.pack(
        "!HHIH", 24, 255, 0, len(sig)) + sig

    def tsig(algorithm, mac_size, mac, other_size=0):
        rdata = wire.name(algorithm) + struct.pack("!HIH", 0, 1, 300) + struct.pack(
            "!H", mac_size) + mac + struct.pack("!HHH", 0, 0, other_size)
        return plain[:10] + additional + plain[12:] + wire.name("key.example.") + struct.pack(
            "!HHIH", 250, 255, 0, len(rdata)) + rdata
    yield "tsig-unknown-algorithm", tsig("no-such-mac.", 8, b"12345678")
    yield "tsig-mac-overruns", tsig("hmac-sha256.", 6000, b"1234")
    yield "tsig-other-overruns", tsig("hmac-sha256.", 4, b"1234", 65535)
    yield "tsig-no-rdata", plain[:10] + additional + plain[12:] + wire.name(
        "key.example.") + struct.pack("!HHIH", 250, 255, 0, 0)


@each(list(signed_queries("signed.example.")), lambda one: one[0])
def test_TR_26_key_exchanges_and_odd_signatures(t, case):
    """Forwarded, or refused as malformed; in time, and without harm."""
    up = t.upstream()
    up.rule("signed.example.", None, lambda asked: asked.reply([], [shapes.soa()], edns=False),
            times=(0, 4))
    dev = t.device(up)
    for tcp in (False, True):
        reply = dev.send(case[1], tcp=tcp)
        assert reply.rcode in (wire.NOERROR, wire.FORMERR, wire.NOTIMP, wire.REFUSED), reply
        assert reply.took < 1.0 + t.late


@each([wire.BADVERS, wire.BADCOOKIE])
def test_TR_28_extended_rcode_survives(t, rcode):
    """Its lower four bits alone would say NOERROR or something else."""
    up, with_opt, without = t.upstream(), t.fresh(), t.fresh()
    up.answers(with_opt, "A", rcode=rcode, times=(1, 3))
    up.answers(without, "A", rcode=rcode, times=(1, 3))
    dev = t.device(up)
    reply = dev.ask(with_opt, edns=1232)
    assert reply.rcode == rcode, reply
    reply = dev.ask(without)
    assert reply.rcode == wire.SERVFAIL and not reply.opt, reply


def test_TR_29_unassigned_rcode_is_relayed(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", rcode=12, times=(1, 2))
    reply = t.device(up).ask(qname)
    assert reply.rcode == 12, reply
    t.within(reply.took, 0, 1.0)


@each([(".", "NS"), ("localname.", "A")], lambda case: case[1])
def test_TR_30_root_and_single_label(t, case):
    up = t.upstream()
    shape = next(shape for shape in shapes.positive_shapes()
                 if shape[1] == case[0] and shape[2] == case[1])
    rule = up.answers(shape[1], shape[2], *shape[3:6])
    t.miss_and_hit(t.device(up), rule, *case)


@each(["longest-name", "most-labels"])
def test_TR_31_longest_names(t, title):
    up = t.upstream()
    shape = next(shape for shape in shapes.positive_shapes() if shape[0] == title)
    assert len(wire.name(shape[1])) == 255
    rule = up.answers(shape[1], "A", shape[3])
    t.miss_and_hit(t.device(up), rule, shape[1], wait=1.1)
    assert rule.asked[0].name == wire.name(shape[1])


@each([([b"www.victim", b"example"], "www.victim.example."),
       ([b"www\0", b"victim", b"example"], "www.victim.example."),
       ([b"a\\", b"b c", b"example"], "a.b.example.")], lambda case: repr(case[0][0]))
def test_TR_32_bytes_of_a_label_are_only_bytes(t, case):
    odd, plain = wire.name(case[0]), case[1]
    up = t.upstream()
    rule = up.answers(odd, "A", [wire.raw(odd, 300, 1, b"\xc0\0\2\7")])
    victim = up.answers(plain, "A", [a1(plain)])
    dev = t.device(up)
    first, _ = t.miss_and_hit(dev, rule, odd)
    assert first.qname == odd and rule.asked[0].name == odd
    t.miss(dev.ask(plain), victim)


def test_TR_34_additional_section_is_kept(t):
    up = t.upstream()
    shape = next(shape for shape in shapes.positive_shapes() if shape[0] == "mx-with-glue")
    rule = up.answers(shape[1], "MX", *shape[3:6])
    _, second = t.miss_and_hit(t.device(up), rule, shape[1], "MX", wait=1.1)
    assert len(second.additional) == 2


def test_TR_35_the_askers_case_comes_back(t):
    up, qname = t.upstream(), "MiXeD.ExAmPlE."
    rule = up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    first = dev.ask(qname)
    t.miss(first, rule)
    assert first.qname == wire.name(qname)
    lowered = dev.ask(qname.lower())
    t.hit(lowered, first, rule)
    assert lowered.qname == wire.name(qname.lower())


def test_TR_35_a_lowering_upstream_does_not_change_it(t):
    up, qname = t.upstream(), "LoWeRed.ExAmPlE."

    def act(asked):
        return asked.reply([a1(qname.lower())], compress=False, question=wire.lower(
            asked.name) + asked.wire[asked.msg.question_end - 4:asked.msg.question_end])
    rule = up.rule(qname, "A", act)
    reply = t.device(up).ask(qname)
    t.miss(reply, rule)
    assert reply.qname == wire.name(qname)


@each(["version.bind.", "id.server.", "hostname.bind."])
def test_TR_05_what_we_are_is_nobodys_business(t, qname):
    up = t.upstream()
    up.silent(qname, times=0)
    reply = t.device(up).ask(qname, "TXT", qclass=wire.CH)
    assert reply.rcode in (wire.REFUSED, wire.NOTIMP) and not reply.answer, reply
