"""UF: what upstreams do wrong over UDP. What does not match or does not parse never reaches a client
or the cache, and never ends the wait."""

import random
import struct
import time

from harness import client, crowd, shapes, wire
from harness.device import SANITIZED
from harness.mark import each, limit
from harness.nearly import EVIL, RR_A, as_long, other_question, own_question, raw_reply, xor_id
from harness.shapes import a1
from harness.upstream import close, send

DEADLINE = 4.5

def test_UF_02_second_asker_of_a_dead_name(t):
    up, qname = t.upstream(), t.fresh()
    up.silent(qname, times=(1, 4))
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
    up.rule(None, None, lambda asked: None, times=(400, 1600))
    dev = t.device(up)
    dev.ask(warm)
    socks = [dev.udp(source=t.address()) for _ in range(2)]     # each within its share
    for at in range(400):
        socks[at % 2].send(wire.query("dead%d.example." % at, ident=at))
    time.sleep(0.2)
    took = []
    for qname in healthy:
        for one in (qname, warm):
            reply = dev.ask(one)
            assert reply.a() == ["192.0.2.1"], reply
            took.append(reply.took)
    t.within(max(took), 0, 0.1)
    for number, udp in enumerate(socks):
        left = set(range(number, 400, 2))
        while left:
            data = udp.recv(5.0)
            assert data, "%d dead names got no answer" % len(left)
            said = wire.Message(data)
            assert said.rcode == wire.SERVFAIL
            left.discard(said.id)
        udp.close()

def test_UF_05_late_answer_to_the_first_send_counts(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], delay=1.5, times=(1, 3))
    reply = t.device(up).ask(qname)
    assert reply.a() == ["192.0.2.1"], reply
    t.prompt(reply, 1.5)

@each([False, True], {False: "alone", True: "beside another"}.get)
def test_UF_06_server_that_takes_four_seconds(t, beside):
    """It is waited for, nobody else's answer is slower for it, and it is not dead to other names."""
    up = t.upstream()
    rules = [up.answers(t.fresh(), "A", [a1("f%d.uf.example." % at)], delay=4.0, times=(1, 4))
             for at in (1, 2)]
    up.answers(".", "NS", [". 60 NS a.example."], times=None, delay=4.0)
    quick = up.rule(None, "AAAA", shapes.digest_reply, times=None)
    dev = t.device(up, timeout=DEADLINE)
    for at, rule in enumerate(rules):
        qname = "f%d.uf.example." % (at + 1)
        with dev.udp() as udp:
            asked_at = time.monotonic()
            query = wire.query(qname, ident=at)
            udp.send(query)
            while beside and time.monotonic() < asked_at + 3.0:
                t.prompt(dev.ask(t.fresh(), "AAAA"))
                time.sleep(0.2)
            data = udp.recv(6.0)
            took = time.monotonic() - asked_at
        t.miss(client.Reply(data, query, asked_at, asked_at + took, False), rule)
        t.within(took, 3.9, 4.4)
        t.prompt(dev.ask(qname))
    assert len(quick.asked) > 10 or not beside

def test_UF_07_answer_after_the_end_reaches_nobody(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], delay=2.2, times=(1, 3))
    dev = t.device(up, timeout=1.0)
    with dev.udp() as udp:
        reply = udp.ask(wire.query(qname, ident=5), 4.0)
        assert reply.rcode == wire.SERVFAIL, reply
        assert udp.recv(2.0) is None, "a second reply"

def lossy(asked, dice):
    """Of ten datagrams three are lost, TCP is whole."""
    return None if not asked.tcp and dice.random() < 0.3 else shapes.digest_reply(asked)

def test_UF_08_three_of_ten_datagrams_are_lost(t):
    """A cut of the figure L1: each client asks once and waits."""
    up, dice = t.upstream(), random.Random(8)
    up.rule(None, "A", lambda asked: lossy(asked, dice), times=None)
    up.rule(".", "NS", lambda asked: lossy(asked, dice), times=None)
    outcome = crowd.ask(t.device(up), [t.fresh() for _ in range(600)], at_once=50)
    assert not outcome.of("wrong") and not outcome.of("silent"), outcome
    assert len(outcome.of("right")) >= 597, outcome
    t.within(outcome.took(0.95), 0, 1.0, "19 of 20 took")
    t.within(outcome.took(0.99), 0, 2.0, "99 of 100 took")

def test_UF_09_deaf_for_a_second_again_and_again(t):
    """As a radio link is: 200 questions a second, the second one of each three is lost; what TCP
    carries comes when it is over."""
    up, began = t.upstream(), time.monotonic()

    def act(asked):
        left = 2.0 - (asked.time - began) % 3.0
        if not 0 < left <= 1.0:
            return shapes.digest_reply(asked)
        return send(shapes.digest_reply(asked), left) if asked.tcp else None
    up.rule(None, "A", act, times=None)
    up.rule(".", "NS", act, times=None)
    outcome = crowd.ask(t.device(up), [t.fresh() for _ in range(1500)], rate=200)
    assert not outcome.of("wrong") and not outcome.of("silent"), outcome
    assert len(outcome.of("right")) >= 1499, outcome
    t.within(outcome.took(1), 0, DEADLINE)
    margin = 0.2 + t.late   # what is asked well outside the gap does not wait
    t.within(max([one.took for one in outcome.told
                  if not 1.0 - margin < (one.asked_at - began) % 3.0 < 2.0 + margin] or [0.0]),
             0, 0.1, "outside the gap it took")

# --- near misses: a wrong packet first, the right one 50 ms later (or at once over TCP) -----

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
    "UF_19-two-pointers-in-a-circle": lambda asked: raw_reply(asked, struct.pack(
        "!H", 0xC000 | asked.msg.question_end + 12) + RR_A + struct.pack(
            "!H", 0xC000 | asked.msg.question_end) + b"\6\6"),
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
    right = {"A": 4, "AAAA": 16}.get(qtype)
    for size in (0, 1, 3, 4, 5, 16, 19):
        if size == right:
            continue
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
