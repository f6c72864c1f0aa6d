"""NG: the alias that dangles by design, and honest negative answers."""

import time

from harness import client, compare, shapes, wire
from harness.device import SANITIZED
from harness.mark import alone, each, heavy
from harness.shapes import COURIER, COURIER_36, TARGET, a1, akadns_soa, r1, r2, soa

CNAME = r1()[0]


def test_NG_01_courier_miss_is_upstreams_bytes(t):
    up = t.upstream()
    rule = up.answers(COURIER, "A", *r1())
    up.answers(TARGET, "A", [a1(TARGET)], times=0)
    reply = t.device(up).ask(COURIER)
    t.miss(reply, rule)
    assert reply.types() == ["CNAME", "SOA"]
    t.prompt(reply)
    up.saw(1)


def test_NG_02_courier_hit_is_aged(t):
    up = t.upstream()
    rule = up.answers(COURIER, "A", *r1())
    _, second = t.miss_and_hit(t.device(up), rule, COURIER, wait=3.02)
    t.within(279 - second.ttls()[0], 3, 3)
    assert second.ttls()[0] - second.ttls()[1] == 279 - 49 and second.types() == ["CNAME", "SOA"]


EVERY = ["A", "AAAA", "HTTPS", "SVCB", "TXT", "MX", "SRV", "NS", "SOA", "PTR", "CAA", "TYPE65280"]


def test_NG_03_every_type_alike(t):
    up = t.upstream()
    rules = {qtype: up.answers(COURIER, qtype, *r1()) for qtype in EVERY}
    dev = t.device(up)
    first = {}
    for qtype in EVERY:
        first[qtype] = dev.ask(COURIER, qtype)
        t.miss(first[qtype], rules[qtype])
    time.sleep(1.05)
    for qtype in EVERY:
        assert t.hit(dev.ask(COURIER, qtype), first[qtype], rules[qtype]) >= 1


def test_NG_04_any_and_cname_do_not_feed_other_types(t):
    up = t.upstream()
    for qtype in ("ANY", "CNAME"):
        rule = up.answers(COURIER, qtype, CNAME, times=(1, 2))
    a = up.answers(COURIER, "A", *r1())
    dev = t.device(up)
    for qtype in ("ANY", "CNAME"):
        for _ in range(2):
            reply = dev.ask(COURIER, qtype)
            assert reply.types() == ["CNAME"] and reply.rcode == wire.NOERROR, reply
    t.miss(dev.ask(COURIER), a)
    assert rule


def test_NG_05_two_hops_then_no_data(t):
    up = t.upstream()
    rule = up.answers(COURIER_36, "HTTPS", *r2())
    first, second = t.miss_and_hit(t.device(up), rule, COURIER_36, "HTTPS", wait=2.02)
    assert [a - b for a, b in zip(first.ttls(), second.ttls())][0] >= 2
    up.saw(1)


def asked_again_after(t, seconds, qname, answer, authority, qtype="A", life=2, **how):
    """The entry lives `life` seconds: within, it is a hit; after `seconds` it is asked for again."""
    up = t.upstream()
    rule = up.answers(qname, qtype, answer, authority, times=2, **how)
    dev = t.device(up)
    first = dev.ask(qname, qtype)
    t.miss(first, rule)
    second = dev.ask(qname, qtype)
    if second.got_at - rule.sent[0][0] < life:
        t.hit(second, first, rule)
        up.saw(1)
    time.sleep(seconds)
    t.miss(dev.ask(qname, qtype), rule)
    up.saw(2)


def test_NG_06_lifetime_is_the_soas(t):
    """Not the 8 hours of the alias; and never an answer that has lost its SOA, nor silence."""
    asked_again_after(t, 3.2, COURIER_36, *r2(soa_ttl=2), qtype="HTTPS")


def test_NG_07_soa_minimum_caps_the_lifetime(t):
    asked_again_after(t, 3.2, COURIER, *r1(soa_ttl=3600, minimum=2))


def test_NG_08_alias_shorter_than_the_soa(t):
    asked_again_after(t, 3.2, COURIER, *r1(soa_ttl=900, minimum=900, cname_ttl=2))


def not_kept(t, qname, answer=(), authority=(), **how):
    """Relayed as it is, each time from upstream."""
    up = t.upstream()
    rule = up.answers(qname, "A", answer, authority, times=2, **how)
    dev = t.device(up)
    for _ in range(2):
        t.miss(dev.ask(qname), rule)
    up.saw(2)


def test_NG_09_dangling_alias_without_soa_is_not_kept(t):
    not_kept(t, COURIER, CNAME)


def test_NG_10_name_servers_are_no_soa_and_no_referral(t):
    not_kept(t, COURIER, CNAME, ["akadns.net. 3600 NS a1-128.akadns.net.",
                                 "akadns.net. 3600 NS a5-130.akadns.org."])


def test_NG_11_nxdomain_keeps_its_alias(t):
    up = t.upstream()
    rule = up.answers(COURIER, "A", CNAME, [akadns_soa()], rcode=wire.NXDOMAIN)
    for reply in t.miss_and_hit(t.device(up), rule, COURIER, wait=1.1):
        assert reply.rcode == wire.NXDOMAIN and reply.types() == ["CNAME", "SOA"]


def test_NG_12_two_aliases_of_one_target_keep_their_own_fate(t):
    up = t.upstream()
    one, two = t.fresh(), t.fresh()
    nodata = up.answers(one, "A", ["%s 300 CNAME t.example." % one], [soa(serial=1)])
    nxdomain = up.answers(two, "A", ["%s 300 CNAME t.example." % two], [soa(serial=2)],
                          rcode=wire.NXDOMAIN)
    aaaa = up.answers(one, "AAAA", ["%s 300 CNAME t.example." % one, "t.example. 300 AAAA ::2"])
    dev = t.device(up)
    first = [dev.ask(one), dev.ask(two)]
    t.miss(first[0], nodata)
    t.miss(first[1], nxdomain)
    t.hit(dev.ask(one), first[0], nodata)
    t.hit(dev.ask(two), first[1], nxdomain)
    t.miss(dev.ask(one, "AAAA"), aaaa)


def test_NG_13_target_is_asked_for_itself_after_its_alias(t):
    up = t.upstream()
    alias = up.answers(COURIER, "A", *r1())
    target = up.answers(TARGET, "A", [a1(TARGET)])
    dev = t.device(up)
    t.miss(dev.ask(COURIER), alias)
    t.miss(dev.ask(TARGET), target)


def test_NG_14_alias_is_asked_for_itself_after_its_target(t):
    up = t.upstream()
    target = up.answers(TARGET, "A", [], [akadns_soa()])
    alias = up.answers(COURIER, "A", CNAME + [a1(TARGET)])
    dev = t.device(up)
    t.miss(dev.ask(TARGET), target)
    t.miss(dev.ask(COURIER), alias)


def test_NG_15_no_cname_does_not_mean_no_address(t):
    up, qname = t.upstream(), t.fresh()
    cname = up.answers(qname, "CNAME", [], [soa()])
    a = up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    t.miss(dev.ask(qname, "CNAME"), cname)
    t.miss(dev.ask(qname), a)


def test_NG_16_no_a_does_not_mean_no_aaaa(t):
    up, qname = t.upstream(), t.fresh()
    a = up.answers(qname, "A", [], [soa()])
    aaaa = up.answers(qname, "AAAA", ["%s 300 AAAA 2001:db8::1" % qname])
    dev = t.device(up)
    t.miss(dev.ask(qname), a)
    t.miss(dev.ask(qname, "AAAA"), aaaa)


def test_NG_17_nxdomain_speaks_of_its_own_name_only(t):
    """Of all its types it may; of names below and beside it not."""
    up, qname = t.upstream(), t.fresh()
    nx = up.answers(qname, "A", [], [soa(ttl=30)], rcode=wire.NXDOMAIN)
    up.answers(qname, "TXT", [], [soa(ttl=30)], rcode=wire.NXDOMAIN, times=(0, 1))
    below = up.answers("sub." + qname, "A", [a1("sub." + qname)])
    beside = up.answers("x" + qname, "A", [a1("x" + qname)])
    dev = t.device(up)
    t.miss(dev.ask(qname), nx)
    reply = dev.ask(qname, "TXT")
    assert reply.rcode == wire.NXDOMAIN and reply.types() == ["SOA"], reply
    t.miss(dev.ask("sub." + qname), below)
    t.miss(dev.ask("x" + qname), beside)


def test_NG_18_nxdomain_behind_an_alias_denies_the_target(t):
    up, qname = t.upstream(), t.fresh()
    a = up.answers(qname, "A", ["%s 300 CNAME t.example." % qname], [soa()], rcode=wire.NXDOMAIN)
    txt = up.answers(qname, "TXT", ['%s 300 TXT "here"' % qname])
    dev = t.device(up)
    t.miss(dev.ask(qname), a)
    t.miss(dev.ask(qname, "TXT"), txt)


def test_NG_19_no_data_ages(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [], [soa(ttl=4, minimum=300)], times=2)
    dev = t.device(up)
    first = dev.ask(qname)
    t.miss(first, rule)
    seen = []
    for _ in range(3):
        time.sleep(1.02)
        seen.append(4 - t.hit(dev.ask(qname), first, rule))
    assert seen == sorted(seen, reverse=True) and 0 not in seen, seen
    time.sleep(1.1)
    t.miss(dev.ask(qname), rule)


def test_NG_20_negative_entry_is_found_in_any_case(t):
    up = t.upstream()
    rule = up.answers("noname.example.org.", "A", [], ["example.org. 900 SOA ns.example.org. "
                                                       "a.example.org. 1 2 3 4 300"],
                      rcode=wire.NXDOMAIN)
    dev = t.device(up)
    first = dev.ask("NoName.EXAMPLE.org.")
    t.miss(first, rule)
    t.hit(dev.ask("noname.example.ORG."), first, rule)


def test_NG_21_negative_answer_never_grows(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [], [soa()])
    dev = t.device(up)
    first = dev.ask(qname)
    for at in range(100):
        t.hit(dev.ask(qname, edns=1232 if at % 2 else None, tcp=at % 10 == 0), first, rule)


def test_NG_23_the_shorter_of_two_soas_rules(t):
    asked_again_after(t, 3.2, "two-soas.example.", [], [soa(ttl=2), soa("com.", ttl=50)])


def test_NG_23_a_soa_in_the_answer_is_no_negative(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", ["%s 50 SOA ns.example. a.example. 1 2 3 4 5" % qname], times=2)
    dev = t.device(up)
    for _ in range(2):
        t.miss(dev.ask(qname), rule)


def test_NG_24_nothing_at_all_is_relayed_and_not_kept(t):
    not_kept(t, "nothing.example.")


def test_NG_25_referral_is_relayed_and_not_kept(t):
    not_kept(t, "www.child.example.", [], ["child.example. 86400 NS ns.child.example."], ra=False)


def test_NG_26_sixteen_hops_to_an_address(t):
    up = t.upstream()
    shape = next(shape for shape in shapes.positive_shapes() if shape[0] == "sixteen-hops")
    rule = up.answers(shape[1], "A", shape[3], compress=False)
    _, second = t.miss_and_hit(t.device(up), rule, shape[1], wait=1.1, edns=1232)
    assert second.types() == ["CNAME"] * 16 + ["A"]


def test_NG_27_loop_of_aliases_is_harmless(t):
    up = t.upstream()
    rule = up.answers("a.loop.example.", "A", ["a.loop.example. 300 CNAME b.loop.example.",
                                               "b.loop.example. 300 CNAME a.loop.example."],
                      times=(1, 2))
    dev = t.device(up)
    before = dev.cpu()
    reply = dev.ask("a.loop.example.")
    if reply.rcode != wire.SERVFAIL:
        t.miss(reply, rule)
    t.prompt(reply)
    dev.ask("a.loop.example.")
    assert SANITIZED or dev.cpu() - before <= 0.03


def test_NG_29_chain_in_the_wrong_order_stays_so(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1("t." + qname), "%s 300 CNAME t.%s" % (qname, qname)])
    t.miss_and_hit(t.device(up), rule, qname, wait=1.1)


def test_NG_30_alias_and_address_at_one_name(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", ["%s 300 CNAME t.%s" % (qname, qname), a1(qname)])
    t.miss_and_hit(t.device(up), rule, qname)


@heavy
def test_NG_31_dangling_aliases_in_numbers(t):
    """Twenty clients, shapes and TTLs mixed, for a few seconds: every reply has its own shape."""
    up = t.upstream()
    shapes_of = {}
    for at in range(40):
        qname = "%d-courier.push.apple.com." % at
        chain = ["%s 28800 CNAME %d.%s" % (qname, at, TARGET)]
        authority = [akadns_soa(at % 3)] if at % 4 != 1 else []
        rcode = wire.NXDOMAIN if at % 4 == 2 else wire.NOERROR
        if at % 4 == 3:
            chain.append("%d.%s %d CNAME pop.push-apple.com.akadns.net." % (at, TARGET, at % 2))
        up.answers(qname, "A", chain, authority, rcode=rcode, times=None)
        shapes_of[qname] = (["CNAME"] * len(chain) + ["SOA"] * len(authority), rcode)
    dev = t.device(up)
    before, end, asked = dev.rss(), time.monotonic() + 5.0, 0
    socks = [dev.udp() for _ in range(20)]
    names = list(shapes_of)
    while time.monotonic() < end or asked <= (200 if SANITIZED else 2000):
        for at, sock in enumerate(socks):
            sock.send(wire.query(names[(asked + at) % 40], ident=at))
        for sock in socks:
            data = sock.recv(5.0)
            assert data, "no answer"
            said = wire.Message(data)
            qname = wire.text(said.qname)
            assert (said.types(), said.rcode) == shapes_of[qname], wire.describe(data)
        asked += 20
    assert SANITIZED or dev.rss() - before < 2 << 20


def changes(t, early, late):
    """The answer changes at upstream: whatever is told is one of the two, whole, and two seconds (the
    lifetime) and a little later it is the new one."""
    up = t.upstream()
    change_at = time.monotonic() + 2.2
    sent = []

    def act(asked):
        data = asked.reply(*(late if asked.time >= change_at else early))
        sent.append(data)
        return data
    up.rule(COURIER, "A", act, times=None)
    dev = t.device(up)
    told_late = None
    while time.monotonic() < change_at + 2.6:
        reply = dev.ask(COURIER)
        kind = reply.types()
        assert kind in (["CNAME", "SOA"], ["CNAME", "A"]), reply
        if kind == wire.Message(dev_reply(late)).types():
            told_late = told_late or reply.got_at
        else:
            assert told_late is None, "the old answer came back"
        time.sleep(0.2)
    assert told_late is not None, "the new answer never came"
    t.within(told_late - change_at, 0, 2.35, "the new answer came after")


def dev_reply(records):
    return wire.reply(wire.query(COURIER), *records)


NEGATIVE, POSITIVE = r1(soa_ttl=2), (CNAME + [a1(TARGET, ttl=2)], [])


def test_NG_32_negative_becomes_positive(t):
    changes(t, NEGATIVE, POSITIVE)


def test_NG_33_positive_becomes_negative(t):
    changes(t, POSITIVE, NEGATIVE)


def test_NG_34_same_shape_over_every_path(t):
    """Without and with EDNS, DO, over TCP; after a reload; and when upstream is gone, stale."""
    up = t.upstream()
    alive = [True]
    plain = up.rule(COURIER, "A", lambda asked: asked.reply(*r1(soa_ttl=3)) if alive[0] else None,
                    times=None)
    dev = t.device(up)
    ways = [{}, {"edns": 1232}, {"do": True}, {"tcp": True}, {"tcp": True, "edns": 1232}]

    def ask_all(check):
        for how in ways:
            reply = dev.ask(COURIER, **how)
            assert reply.types() == ["CNAME", "SOA"] and reply.rcode == wire.NOERROR, reply
            check(reply)
    ask_all(lambda reply: None)
    asked_before = len(plain.asked)
    dev.reload()
    time.sleep(0.3)
    ask_all(lambda reply: None)
    assert len(plain.asked) <= asked_before + 2, "the reload lost the cache"
    time.sleep(3.1)
    alive[0] = False
    ask_all(lambda reply: t.within(reply.took, 0, 1.8))


def test_NG_35_a_rule_decides_who_is_asked_and_nobody_mends_it(t):
    one, two = t.upstream(), t.upstream()
    one.answers(COURIER, "A", [a1(COURIER)], times=0)
    rule = two.answers(COURIER, "A", *r1())
    dev = t.device(one, groups={"two": [two]},
                   zones='{ name = "push.apple.com"; upstream = "two"; }')
    t.miss_and_hit(dev, rule, COURIER)


def test_NG_36_negative_cap(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [], [soa(ttl=86400, minimum=86400)], rcode=wire.NXDOMAIN, times=2)
    dev = t.device(up, conf="cache = { negative_ttl_max = 2; };")
    first = dev.ask(qname)
    t.miss(first, rule)
    time.sleep(3.2)
    t.miss(dev.ask(qname), rule)


@alone
@each(["A", "HTTPS"])
def test_SP_04_SP_05_hundred_devices_at_once_get_the_same(t, qtype):
    """Asked while upstream is still thinking: one question upstream, every client its answer in its
    own letters, with its own ID."""
    up = t.upstream()
    rule = up.answers(COURIER, qtype, *r1(), delay=0.3, times=(1, 2))
    dev = t.device(up)
    socks = [dev.udp() for _ in range(100)]
    queries = []
    for at, sock in enumerate(socks):
        qname = "".join(c.upper() if (at >> place % 7) & 1 else c for place, c in enumerate(COURIER))
        queries.append(client.with_id(wire.query(qname, qtype, edns=1232 if at % 3 else None)))
        sock.send(queries[-1])
    for sock, query in zip(socks, queries):
        data = sock.recv(5.0)
        assert data, "no answer"
        compare.same(data, query, rule.last)
