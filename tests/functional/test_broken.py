"""The broken shapes F1 to F18 in which other resolvers hand the courier names on: what upstream
says is passed on as it is, and what it does not say becomes SERVFAIL in time."""

import time

from harness import shapes, wire
from harness.mark import each
from harness.shapes import COURIER, TARGET, a1
from harness.upstream import send

ONE = "1-courier.push.apple.com."
CNAME = shapes.r1()[0]
SOA = shapes.r1()[1]
DEADLINE = 4.5


def passed_on(t, qname, qtype, kept, *args, **how):
    """The reply reaches the client as it is; asked again it comes from the cache if it is one that
    may be kept, else from upstream again."""
    up = t.upstream()
    rule = up.answers(qname, qtype, *args, times=1 if kept else 2, **how)
    dev = t.device(up)
    first = dev.ask(qname, qtype)
    t.miss(first, rule)
    second = dev.ask(qname, qtype)
    if kept:
        t.hit(second, first, rule)
    else:
        t.miss(second, rule)


def test_F_01_empty_answer_is_passed_on_and_not_kept(t):
    passed_on(t, COURIER, "A", False)


def test_F_02_alias_without_soa_is_passed_on_and_not_kept(t):
    passed_on(t, COURIER, "A", False, CNAME)


def test_F_03_nxdomain_with_the_alias_is_passed_on(t):
    passed_on(t, COURIER, "A", True, CNAME, SOA, rcode=wire.NXDOMAIN)


def test_F_04_nxdomain_without_the_alias_is_passed_on(t):
    passed_on(t, COURIER, "A", True, [], SOA, rcode=wire.NXDOMAIN)


def test_F_05_servfail_asks_the_next_upstream(t):
    bad, good = t.upstream(), t.upstream()
    bad.answers(COURIER, "A", rcode=wire.SERVFAIL, times=(1, 2))
    rule = good.answers(COURIER, "A", *shapes.r1())
    dev = t.device(good, bad, start=False)
    dev.write(t.config([bad, good], address=dev.address, order="listed"))
    dev.start()
    reply = dev.ask(COURIER)
    t.miss(reply, rule)
    t.within(reply.took, 0, 1.0)


def test_F_05_servfail_of_all_upstreams_is_servfail(t):
    ups = [t.upstream(), t.upstream()]
    for up in ups:
        up.answers(COURIER, "A", rcode=wire.SERVFAIL, times=(1, 2))
    reply = t.device(*ups).ask(COURIER, edns=1232)
    assert reply.rcode == wire.SERVFAIL and reply.opt, reply
    t.within(reply.took, 0, 1.0)


def test_F_06_silence_asks_the_next_upstream_within_a_second(t):
    bad, good = t.upstream(), t.upstream()
    bad.silent(COURIER, "A", times=(1, 4))
    rule = good.answers(COURIER, "A", *shapes.r1())
    dev = t.device(good, bad, start=False)
    dev.write(t.config([bad, good], address=dev.address, order="listed"))
    dev.start()
    reply = dev.ask(COURIER)
    t.miss(reply, rule)
    t.within(reply.took, 0, 1.0)


def test_F_06_silence_of_all_is_servfail_within_the_deadline(t):
    up = t.upstream()
    up.silent(COURIER, times=(1, 4))
    reply = t.device(up).ask(COURIER, edns=1232)
    assert reply.rcode == wire.SERVFAIL and reply.ede, reply
    t.within(reply.took, 0, DEADLINE)


@each(["0.0.0.0", "127.0.0.1", "::"])
def test_F_07_sinkhole_is_passed_on(t, address):
    qtype = "AAAA" if ":" in address else "A"
    passed_on(t, COURIER, qtype, True, CNAME + ["%s 60 %s %s" % (TARGET, qtype, address)])


def test_F_08_flattened_alias_is_passed_on(t):
    passed_on(t, COURIER, "A", True, [a1(COURIER, "17.57.145.36", 60)])


def test_F_09_alias_to_the_soa_owner_is_passed_on(t):
    passed_on(t, COURIER, "A", True, ["%s 300 CNAME akadns.net." % COURIER], SOA)


@each([wire.REFUSED, wire.NOTIMP], {wire.REFUSED: "refused", wire.NOTIMP: "notimp"}.get)
def test_F_10_refused_type_is_passed_on(t, rcode):
    up = t.upstream()
    up.answers(ONE, "HTTPS", rcode=rcode, times=(1, 2))
    reply = t.device(up).ask(ONE, "HTTPS")
    assert reply.rcode == rcode, reply
    t.within(reply.took, 0, 1.0)


def test_F_10_silence_for_a_type_is_servfail(t):
    up = t.upstream()
    up.silent(ONE, "HTTPS", times=(1, 4))
    reply = t.device(up).ask(ONE, "HTTPS")
    assert reply.rcode == wire.SERVFAIL, reply
    t.within(reply.took, 0, DEADLINE)


def test_F_11_https_without_data_says_nothing_about_a(t):
    up = t.upstream()
    chain = ["%s 28800 CNAME 1.%s" % (ONE, TARGET),
             "1.%s 60 CNAME eu-north-courier-4.push-apple.com.akadns.net." % TARGET]
    https = up.answers(ONE, "HTTPS", chain, SOA)
    a = up.answers(ONE, "A", chain + ["eu-north-courier-4.push-apple.com.akadns.net. 60 A "
                                      "17.57.146.141"])
    dev = t.device(up)
    t.miss(dev.ask(ONE, "HTTPS"), https)
    first = dev.ask(ONE, "A")
    t.miss(first, a)
    dev.ask(ONE, "HTTPS")
    t.hit(dev.ask(ONE, "A"), first, a)


def test_F_12_private_address_is_passed_on(t):
    passed_on(t, ONE, "A", True, [a1(ONE, "10.100.100.1", 60)])


def test_F_13_truncated_and_tcp_closed_is_servfail(t):
    up = t.upstream(tcp=False)
    up.answers(ONE, "A", tc=True, times=(1, 3))
    reply = t.device(up).ask(ONE, edns=1232)
    assert reply.rcode == wire.SERVFAIL and not reply.flags & wire.TC, reply
    t.within(reply.took, 0, 1.5)


def wrong_id(asked):
    reply = asked.reply([a1(ONE, "6.6.6.6")])
    return bytes([reply[0] ^ 0x55, reply[1] ^ 0x55]) + reply[2:]


def wrong_name(asked):
    return asked.reply([a1("2-courier.push.apple.com.", "6.6.6.6")],
                       question=wire.name("2-courier.push.apple.com.") + b"\0\1\0\1")


def two_questions(asked):
    reply = bytearray(asked.reply([a1(ONE, "6.6.6.6")], compress=False, edns=False))
    question = wire.name(ONE) + b"\0\1\0\1"
    reply[4:6] = b"\0\2"
    return bytes(reply[:12]) + question + bytes(reply[12:])


@each([wrong_id, wrong_name, two_questions], lambda function: function.__name__)
def test_F_14_what_does_not_match_is_passed_over(t, wrong):
    up = t.upstream()

    def act(asked):
        good = asked.reply([a1(ONE, "17.57.146.141")])
        return good if asked.tcp else [wrong(asked), send(good, 0.05)]
    up.rule(ONE, "A", act, times=(1, 3))
    dev = t.device(up)
    reply = dev.ask(ONE)
    assert reply.a() == ["17.57.146.141"], reply
    assert dev.ask(ONE).a() == ["17.57.146.141"]
    t.within(reply.took, 0, 0.3)


@each([[], ["count=0"], ["garbage \\000\\255"], ["count=50", "ttl=900"], ["count", "=50"]],
      lambda strings: "+".join(strings) or "empty")
def test_F_15_count_is_passed_on_whatever_it_says(t, strings):
    answer = ["push.apple.com. 300 TXT %s" % " ".join('"%s"' % one for one in strings)]
    passed_on(t, "push.apple.com.", "TXT", bool(strings), answer if strings else [])


@each(["0.0.0.0", "nxdomain", "nodata"])
def test_F_16_private_relay_answers_are_passed_on(t, how):
    soa = shapes.soa("icloud.com.", 60)
    if how == "0.0.0.0":
        passed_on(t, "mask.icloud.com.", "A", True, [a1("mask.icloud.com.", "0.0.0.0")])
    else:
        passed_on(t, "mask.icloud.com.", "A", True, [], [soa],
                  rcode=wire.NXDOMAIN if how == "nxdomain" else wire.NOERROR)


def test_F_16_private_relay_silence_is_servfail(t):
    up = t.upstream()
    up.silent("mask.icloud.com.", times=(1, 4))
    reply = t.device(up).ask("mask.icloud.com.")
    assert reply.rcode == wire.SERVFAIL, reply
    t.within(reply.took, 0, DEADLINE)


def test_F_17_discovery_of_resolvers_is_answered_locally(t):
    up = t.upstream()
    up.answers("_dns.resolver.arpa.", "SVCB", [wire.raw(
        "_dns.resolver.arpa.", 300, "SVCB", shapes.svcb_rdata(1, "dns.google.", []))], times=0)
    dev = t.device(up)
    for tcp in (False, True):
        reply = dev.ask("_dns.resolver.arpa.", "SVCB", tcp=tcp, edns=1232)
        assert reply.rcode == wire.NOERROR and not reply.answer and reply.opt, reply
        assert [record.rtype for record in reply.authority] == [6], reply


def test_F_18_mixed_case_owners_and_four_zones_keep_their_octets(t):
    answer = ["oCSP.Digicert.com. 56 CNAME ocsp.Edge.digicert.com.",
              "ocsp.Edge.digicert.com. 56 CNAME fp2E7A.wpc.2BE4.phicdn.net.",
              "fp2E7A.wpc.2BE4.phicdn.net. 868 CNAME fp2e7a.WPC.phicdn.net.",
              "fp2e7a.WPC.phicdn.net. 881 CNAME a.Akamai.NET.", "a.akamai.net. 50 A 192.0.2.95"]
    up = t.upstream()
    rule = up.answers("oCSP.Digicert.com.", "A", answer,
                      ["akamai.Net. 3600 NS n1.AKAMAI.net."], compress=False)
    t.miss_and_hit(t.device(up), rule, "oCSP.Digicert.com.", wait=1.1)


def test_the_alias_is_never_chased(t):
    up = t.upstream()
    up.silent(TARGET, times=0)
    rules = {qtype: up.answers(COURIER, qtype, *shapes.r1())
             for qtype in ("A", "AAAA", "HTTPS", "SVCB")}
    dev = t.device(up)
    for qtype, rule in rules.items():
        t.miss(dev.ask(COURIER, qtype), rule)
    time.sleep(0.2)
