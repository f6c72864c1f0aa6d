"""UF and UT: what upstreams do wrong, over UDP and TCP. What does not match or does not parse never
reaches a client or the cache, and never ends the wait."""

import struct
import time

from harness import shapes, wire
from harness.device import SANITIZED
from harness.mark import each, limit
from harness.shapes import a1
from harness.upstream import close, dribble, reset, send, stream

DEADLINE = 4.5

def test_UF_02_second_asker_of_a_dead_name(t):
    up, qname = t.upstream(), t.fresh()
    up.silent(qname, times=(1, 3))
    dev = t.device(up)
    reply = dev.ask(qname, edns=1232)
    assert reply.rcode == wire.SERVFAIL and reply.ede, reply
    t.within(reply.took, 0.5, DEADLINE)
    asked = len(up.log)
    reply = dev.ask(qname)
    assert reply.rcode == wire.SERVFAIL
    t.prompt(reply)
    up.saw(asked)

def test_UF_04_many_dead_names_do_not_stop_the_healthy(t):
    up, warm = t.upstream(), t.fresh()
    up.answers(warm, "A", [a1(warm)])
    healthy = [t.fresh("healthy.example.") for _ in range(20)]
    for qname in healthy:
        up.answers(qname, "A", [a1(qname)])
    up.rule(None, None, lambda asked: None, times=(400, 1200))
    dev = t.device(up)
    dev.ask(warm)
    with dev.udp() as udp:
        for at in range(400):
            udp.send(wire.query("dead%d.example." % at, ident=at))
        time.sleep(0.2)
        took = []
        for qname in healthy:
            for one in (qname, warm):
                reply = dev.ask(one)
                assert reply.a() == ["192.0.2.1"], reply
                took.append(reply.took)
        t.within(max(took), 0, 0.1)
        left = set(range(400))
        while left:
            data = udp.recv(5.0)
            assert data, "%d dead names got no answer" % len(left)
            said = wire.Message(data)
            assert said.rcode == wire.SERVFAIL
            left.discard(said.id)

def test_UF_05_late_answer_to_the_first_send_counts(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], delay=1.5, times=(1, 3))
    reply = t.device(up).ask(qname)
    assert reply.a() == ["192.0.2.1"], reply
    t.prompt(reply, 1.5)

def test_UF_07_answer_after_the_end_reaches_nobody(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], delay=2.2, times=(1, 3))
    dev = t.device(up, timeout=1.0)
    with dev.udp() as udp:
        reply = udp.ask(wire.query(qname, ident=5), 4.0)
        assert reply.rcode == wire.SERVFAIL, reply
        assert udp.recv(2.0) is None, "a second reply"

# --- near misses: a wrong packet first, the right one 50 ms later (or at once over TCP) -----

EVIL = "evil.example."

def other_question(qname, qtype="A", qclass=wire.IN):
    return wire.name(qname) + struct.pack("!HH", wire.rrtype(qtype), qclass)

def xor_id(asked):
    wrong = asked.reply([a1(wire.text(asked.name), "6.6.6.6")])
    return bytes([wrong[0] ^ 0x55, wrong[1] ^ 0x55]) + wrong[2:]

def own_question(asked):
    return asked.wire[12:asked.msg.question_end]

def raw_reply(asked, rest, ancount=1, flags=0x8180, qdcount=1):
    return asked.wire[:2] + struct.pack("!HHHHH", flags, qdcount, ancount, 0, 0) + (
        own_question(asked) if qdcount else b"") + rest

def as_long(asked):
    """Another name of the same length."""
    return "z" + wire.text(asked.name)[1:]


RR_A = struct.pack("!HHIH", 1, 1, 300, 4)
NEAR_MISSES = {
    "UF_10-wrong-id": xor_id,
    "UF_11-wrong-name": lambda asked: asked.reply([a1(EVIL, "6.6.6.6")],
                                                  question=other_question(EVIL)),
    "UF_11-wrong-name-as-long": lambda asked: asked.reply(
        [a1(as_long(asked), "6.6.6.6")], question=other_question(as_long(asked))),
    "UF_12-wrong-type": lambda asked: asked.reply([], [shapes.soa()], question=other_question(
        wire.text(asked.name), "TXT")),
    "UF_12-wrong-class": lambda asked: asked.reply([], question=other_question(
        wire.text(asked.name), "A", wire.CH)),
    "UF_13-no-question": lambda asked: asked.reply([a1(wire.text(asked.name), "6.6.6.6")],
                                                   question=b""),
    "UF_15-echo": lambda asked: asked.wire,
    "UF_16-nothing": lambda asked: b"",
    "UF_17-header-only": lambda asked: asked.wire[:2] + b"\x81\x82" + b"\0" * 8,
    "UF_17-half-a-header": lambda asked: asked.wire[:7],
    "UF_18-pointer-to-itself": lambda asked: raw_reply(asked, struct.pack(
        "!H", 0xC000 | asked.msg.question_end) + RR_A + b"\6\6\6\6"),
    "UF_19-pointer-forward": lambda asked: raw_reply(asked, struct.pack(
        "!H", 0xC000 | asked.msg.question_end + 16) + RR_A + b"\6\6\6\6" + b"\3abc\0"),
    "UF_19-pointer-past-the-end": lambda asked: raw_reply(asked, b"\xff\xff" + RR_A + b"\6\6\6\6"),
    "UF_19-pointer-into-the-header": lambda asked: raw_reply(asked, b"\xc0\2" + RR_A + b"\6\6\6\6"),
    "UF_20-rdata-past-the-end": lambda asked: raw_reply(asked, b"\xc0\x0c" + struct.pack(
        "!HHIH", 1, 1, 300, 400) + b"\6\6\6\6"),
    "UF_22-nine-for-one": lambda asked: raw_reply(asked, b"\xc0\x0c" + RR_A + b"\6\6\6\6", 9),
    "UF_22-65535-for-one": lambda asked: raw_reply(asked, b"\xc0\x0c" + RR_A + b"\6\6\6\6", 65535),
    "UF_25-name-over-255": lambda asked: raw_reply(
        asked, (b"\x3f" + b"a" * 63) * 3 + b"\x3f" + b"b" * 63 + b"\0" + RR_A + b"\6\6\6\6"),
    "UF_26-label-type-01": lambda asked: raw_reply(asked, b"\x41a\0" + RR_A + b"\6\6\6\6"),
    "UF_26-label-type-10": lambda asked: raw_reply(asked, b"\x81a\0" + RR_A + b"\6\6\6\6"),
    "UF_28-two-questions": lambda asked: raw_reply(asked, own_question(asked) + b"\xc0\x0c" + RR_A +
                                                   b"\6\6\6\6", qdcount=2),
    "UF_28-wrong-opcode": lambda asked: raw_reply(asked, b"\xc0\x0c" + RR_A + b"\6\6\6\6",
                                                  flags=0x9180),
}

@each(sorted(NEAR_MISSES))
def test_near_miss_does_not_end_the_wait(t, kind):
    """UF-10 to UF-28."""
    up, qname = t.upstream(), t.fresh()

    def act(asked):
        good = asked.reply([a1(wire.text(asked.name))])
        return good if asked.tcp else [NEAR_MISSES[kind](asked), send(good, 0.05)]
    rule = up.rule(qname, "A", act, times=(1, 3))
    evil = up.answers(EVIL, "A", [a1(EVIL, "192.0.2.66")])
    dev = t.device(up)
    reply = dev.ask(qname, edns=1232)
    assert reply.a() == ["192.0.2.1"], reply
    t.within(reply.took, 0, 0.25)
    again = dev.ask(qname)
    assert again.a() == ["192.0.2.1"], again
    t.miss(dev.ask(EVIL), evil)
    assert len(rule.asked) <= 2

@each(sorted(NEAR_MISSES))
def test_near_miss_alone_is_servfail_in_time(t, kind):
    """Nothing right ever comes, over TCP neither: never the bad bytes, never silence."""
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: NEAR_MISSES[kind](asked), times=(1, 6))
    dev = t.device(up)
    before = dev.cpu()
    reply = dev.ask(qname, edns=1232)
    assert reply.rcode == wire.SERVFAIL and not reply.answer and reply.opt, reply
    t.within(reply.took, 0, DEADLINE)
    assert SANITIZED or dev.cpu() - before < 0.05

def test_UF_25_many_pointers_cost_little(t):
    """A chain of pointers, each to the one before, 16,000 names long: refused or relayed, soon."""
    up, qname = t.upstream(), t.fresh()

    def act(asked):
        at = asked.msg.question_end
        rest = bytearray(b"\xc0\x0c" + RR_A + b"\6\6\6\6")
        for number in range(3000):
            owner = struct.pack("!H", 0xC000 | (at + number * 16 if at + number * 16 < 0x3ff0 else 12))
            rest += b"\1a" + owner + struct.pack("!HHIH", 1, 1, 300, 0)
        return raw_reply(asked, bytes(rest), 3001)
    up.rule(qname, "A", act, times=(1, 6))
    dev = t.device(up)
    before = dev.cpu()
    dev.ask(qname)
    assert SANITIZED or dev.cpu() - before < 0.05

@each(["A", "AAAA", "SOA", "NAPTR", "SVCB", "NSEC", "LOC", "CNAME", "MX"])
def test_UF_21_rdata_of_the_wrong_length(t, qtype):
    """Passed on as it is and not kept, or SERVFAIL; without harm."""
    up = t.upstream()
    dev = t.device(up)
    for size in (0, 1, 3, 5, 16, 19):
        qname = "len%d.example." % size
        rdata = b"\0" * size
        up.answers(qname, qtype, [wire.raw(qname, 300, qtype, rdata)], times=(1, 8))
        for _ in range(2):
            reply = dev.ask(qname, qtype)
            if reply.rcode == wire.NOERROR:
                assert reply.answer[0].rdata == rdata, reply
            else:
                assert reply.rcode == wire.SERVFAIL

def test_UF_23_counts_that_say_too_little(t):
    up, qname = t.upstream(), t.fresh()

    def act(asked):
        reply = bytearray(asked.reply([a1(qname), a1(qname, "6.6.6.6")], edns=False))
        reply[7] = 1
        return bytes(reply)
    up.rule(qname, "A", act, times=(1, 6))
    dev = t.device(up)
    for _ in range(2):
        reply = dev.ask(qname)
        assert not reply.trailing
        assert reply.a() == ["192.0.2.1"] or reply.rcode == wire.SERVFAIL, reply

def test_UF_24_bytes_behind_the_reply_do_not_travel(t):
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: asked.reply([a1(qname)]) + b"junk", times=(1, 6))
    dev = t.device(up)
    for _ in range(2):
        reply = dev.ask(qname)
        assert not reply.trailing
        assert reply.a() == ["192.0.2.1"] or reply.rcode == wire.SERVFAIL, reply

def test_UF_29_answer_from_another_address(t):
    up, elsewhere, qname = t.upstream(), t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: asked.reply([a1(qname)]) if asked.tcp else [
        send(asked.reply([a1(qname, "6.6.6.6")]), via=elsewhere),
        send(asked.reply([a1(qname)]), 0.05)], times=(1, 2))
    reply = t.device(up).ask(qname)
    assert reply.a() == ["192.0.2.1"], reply

def test_UF_31_closed_port_is_known_at_once(t):
    up = t.upstream()
    up.close()
    dev = t.device(up)
    reply = dev.ask(t.fresh(), edns=1232)
    assert reply.rcode == wire.SERVFAIL and set(reply.ede) & {22, 23}, reply
    t.within(reply.took, 0, 0.5)

@limit(40)
def test_UF_32_upstream_returns(t):
    up = t.upstream()
    up.rule(None, "A", shapes.digest_reply, times=None)
    up.close()
    dev = t.device(up)
    for _ in range(4):
        assert dev.ask(t.fresh()).rcode == wire.SERVFAIL
        time.sleep(0.5)
    up.open()
    back = time.monotonic()
    while dev.ask(t.fresh()).rcode != wire.NOERROR:
        assert time.monotonic() - back < 2.0 + t.late, "still SERVFAIL"
        time.sleep(0.1)

def test_UF_33_servfail_is_relayed_at_once(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", rcode=wire.SERVFAIL, times=(1, 2))
    reply = t.device(up).ask(qname, edns=1232)
    assert reply.rcode == wire.SERVFAIL, reply
    t.within(reply.took, 0, 0.5)

@each([wire.REFUSED, wire.NOTIMP], {5: "refused", 4: "notimp"}.get)
def test_UF_34_UF_35_refusal_is_relayed_and_not_asked_for_ever(t, rcode):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "PTR", rcode=rcode, times=(1, 4))
    dev = t.device(up)
    began = time.monotonic()
    while time.monotonic() < began + 1.5:
        reply = dev.ask(qname, "PTR")
        assert reply.rcode == rcode, reply
        t.within(reply.took, 0, 0.5)

def test_UF_36_lowered_question_is_the_question(t):
    up = t.upstream()
    up.rule("mixed.example.", "A", lambda asked: asked.reply(
        [a1("mixed.example.")], question=wire.lower(own_question(asked))))
    reply = t.device(up).ask("MiXeD.ExAmple.")
    assert reply.a() == ["192.0.2.1"] and reply.qname == wire.name("MiXeD.ExAmple."), reply

def test_UF_38_unrelated_records_are_believed_by_nobody(t):
    up, qname, victim = t.upstream(), t.fresh(), "www.victim.example."
    up.answers(qname, "A", [a1(qname), a1(victim, "6.6.6.6")], [], [a1(victim, "6.6.6.6")])
    rule = up.answers(victim, "A", [a1(victim, "192.0.2.80")])
    dev = t.device(up)
    dev.ask(qname)
    t.miss(dev.ask(victim), rule)

@each(["refused", "silent", "closed"])
def test_UF_40_UF_41_truncated_and_tcp_no_better(t, kind):
    """TC or SERVFAIL in time, never an empty answer that looks whole."""
    up, qname = t.upstream(tcp=kind != "refused"), t.fresh()
    up.rule(qname, "TXT", lambda asked: asked.reply(tc=True) if not asked.tcp
            else close() if kind == "closed" else None, times=(1, 6))
    reply = t.device(up).ask(qname, "TXT", edns=1232)
    assert reply.rcode == wire.SERVFAIL or reply.flags & wire.TC, reply
    t.within(reply.took, 0, 1.0 if kind == "refused" else DEADLINE)

# --- UT: over TCP --------------------------------------------------------------------------

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
    t.until(lambda: dev.fds() <= fds + 1, 3, "connections stay")

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

# --- FO: several upstreams -----------------------------------------------------------------

@each([("nxdomain", ([], [shapes.soa()]), wire.NXDOMAIN), ("dangling", shapes.r1(), wire.NOERROR),
       ("nodata", ([], [shapes.soa()]), wire.NOERROR)], lambda case: case[0])
def test_FO_05_FO_06_a_negative_answer_is_an_answer(t, case):
    one, two = t.upstream(), t.upstream()
    rule = one.answers("courier.push.apple.com.", "A", *case[1], rcode=case[2])
    two.silent(times=0)
    t.miss_and_hit(t.device(one, two, order="listed"), rule, "courier.push.apple.com.")

@each([wire.SERVFAIL, wire.REFUSED, wire.NOTIMP, wire.FORMERR], {2: "servfail", 5: "refused",
                                                                  4: "notimp", 1: "formerr"}.get)
def test_FO_03_failure_rcode_asks_the_next(t, rcode):
    one, two, qname = t.upstream(), t.upstream(), t.fresh()
    one.answers(qname, "A", rcode=rcode, times=(1, 3))
    rule = two.answers(qname, "A", [a1(qname)])
    reply = t.device(one, two, order="listed").ask(qname)
    t.miss(reply, rule)
    t.within(reply.took, 0, 0.5)

def test_FO_01_first_of_two_dead(t):
    one, two = t.upstream(), t.upstream()
    one.silent(times=None)
    two.rule(None, "A", shapes.digest_reply, times=None)
    dev = t.device(one, two, order="listed")
    dev.upstreams = []
    for _ in range(3):
        reply = dev.ask(t.fresh())
        assert reply.answer, reply
        t.within(reply.took, 0, 1.0)

def test_FO_01_first_of_two_closed(t):
    one, two = t.upstream(), t.upstream()
    one.close()
    two.rule(None, "A", shapes.digest_reply, times=None)
    dev = t.device(one, two, order="listed")
    dev.upstreams = []
    for tcp in (False, True):
        reply = dev.ask(t.fresh(), tcp=tcp)
        assert reply.answer, reply
        t.within(reply.took, 0, 0.5)

# --- SP: what others could guess -----------------------------------------------------------

def test_SP_01_SP_02_ports_and_ids_are_many(t):
    up = t.upstream()
    number = 150 if SANITIZED else 600
    rule = up.rule(None, "A", shapes.digest_reply, times=number)
    dev = t.device(up)
    own = []
    for _ in range(number):
        own.append(dev.ask(t.fresh()).id)
    ports = [asked.source[1] for asked in rule.asked]
    idents = [asked.id for asked in rule.asked]
    assert len(set(ports)) >= number * 0.95, "%d ports" % len(set(ports))
    assert len(set(idents)) >= number * 0.97, "%d ids" % len(set(idents))
    assert sum(a == b for a, b in zip(own, idents)) <= 2, "the client's own ID goes upstream"
    rising = sum(b > a for a, b in zip(ports, ports[1:]))
    assert number * 0.4 < rising < number * 0.6, "ports go up %d times of %d" % (rising, number)

def test_SP_13_the_first_answer_counts(t):
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: [asked.reply([a1(qname)]),
                                       send(asked.reply([a1(qname, "6.6.6.6")]), 0.02)])
    dev = t.device(up)
    assert dev.ask(qname).a() == ["192.0.2.1"]
    time.sleep(0.1)
    assert dev.ask(qname).a() == ["192.0.2.1"]

