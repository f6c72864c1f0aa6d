"""CA: a hit is the miss, aged; and what may not be shared or kept is not."""

import os
import struct
import time

from harness import compare, shapes, wire
from harness.device import SANITIZED
from harness.mark import Skip, each, heavy
from harness.shapes import COURIER, a1, r1, soa
from harness.upstream import send


@each(list(shapes.positive_shapes()), lambda shape: shape[0])
def test_CA_01_hit_equals_miss(t, shape):
    _, qname, qtype, answer, authority, additional, how, ask = shape
    up = t.upstream()
    rule = up.answers(qname, qtype, answer, authority, additional, **how)
    dev = t.device(up)
    ask = {"edns": 1232, **ask}
    first, second = t.miss_and_hit(dev, rule, qname, qtype, wait=1.2, **ask)
    assert second.ttls()[0] == first.ttls()[0] - 1 or second.got_at - first.asked_at >= 2
    t.hit(dev.ask(qname, qtype, tcp=True, **ask), first, rule)
    up.saw(1)


def test_CA_02_ttl_counts_down_never_up(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname, ttl=4)], times=2)
    dev = t.device(up)
    first = dev.ask(qname)
    t.miss(first, rule)
    last, end = 4, rule.sent[0][0] + 5.2
    while time.monotonic() < end:
        asked_again = len(rule.asked)
        reply = dev.ask(qname)
        ttl = reply.ttls()[0]
        if len(rule.asked) > asked_again:
            assert reply.got_at - rule.sent[0][0] >= 4, "asked again too early"
            first, last = reply, 4
            t.miss(reply, rule)
        else:
            t.hit(reply, first, rule)
            assert 0 < ttl <= last, (ttl, last)
            last = ttl
        time.sleep(0.31)
    up.saw(2)


def test_CA_03_ttl_zero_is_not_kept(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname, ttl=0)], times=5)
    dev = t.device(up)
    for _ in range(5):
        t.miss(dev.ask(qname), rule)


def lives_two_seconds(t, answer, authority=(), additional=(), qname="short.example."):
    up = t.upstream()
    rule = up.answers(qname, "A", answer, authority, additional, times=2)
    dev = t.device(up)
    first = dev.ask(qname)
    t.miss(first, rule)
    second = dev.ask(qname)
    if second.got_at - rule.sent[0][0] < 2:
        t.hit(second, first, rule)
    time.sleep(3.2)
    t.miss(dev.ask(qname), rule)
    up.saw(2)


def test_CA_04_smallest_ttl_rules(t):
    lives_two_seconds(t, [a1("short.example."), a1("short.example.", "192.0.2.2", ttl=2)])


def test_CA_05_smallest_ttl_may_stand_in_authority(t):
    lives_two_seconds(t, [a1("short.example.")], ["example. 2 NS ns.example."])


def test_CA_06_no_ttl_passes_below_zero(t):
    """Additional records do not bound the lifetime, so theirs can run out."""
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], [], [a1("ns.example.", ttl=1), "ns.example. 2 AAAA ::1"],
                      times=(1, 2))
    _, second = t.miss_and_hit(t.device(up), rule, qname, wait=3.1)
    assert second.ttls()[1:] == [0, 0], second.ttls()


def test_CA_07_ttl_with_the_top_bit(t):
    """Is zero for us (RFC 2181 section 8), and shown as it came."""
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname, ttl=0x80000001)], times=2)
    dev = t.device(up)
    for _ in range(2):
        t.miss(dev.ask(qname), rule)


def test_CA_09_ttl_min_is_kept_and_shown(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname, ttl=1)])
    dev = t.device(up, conf="cache = { ttl_min = 5; };")
    first = dev.ask(qname)
    assert first.ttls() == [5]
    time.sleep(1.05)
    second = dev.ask(qname)
    assert 5 - (second.got_at - first.asked_at) - 1 <= second.ttls()[0] <= 4, second
    up.saw(1)


def test_CA_09_ttl_min_leaves_zero_and_negatives_alone(t):
    up, zero, negative = t.upstream(), t.fresh(), t.fresh()
    rule = up.answers(zero, "A", [a1(zero, ttl=0)], times=2)
    nodata = up.answers(negative, "A", [], [soa(ttl=1)], times=2)
    dev = t.device(up, conf="cache = { ttl_min = 5; };")
    for _ in range(2):
        t.miss(dev.ask(zero), rule)
    dev.ask(negative)
    time.sleep(2.1)
    dev.ask(negative)
    assert len(nodata.asked) == 2


def test_CA_10_opt_has_no_ttl(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], edns=wire.opt(1232, do=True, flags=0x0040))
    dev = t.device(up)
    first = dev.ask(qname, do=True)
    t.miss(first, rule)
    time.sleep(2.1)
    second = dev.ask(qname, do=True)
    t.hit(second, first, rule)
    assert second.opt.ttl == wire.DO, "%#x" % second.opt.ttl


def test_CA_11_primed_without_edns_asked_with(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], edns=False)
    dev = t.device(up)
    first = dev.ask(qname)
    t.miss(first, rule)
    second = dev.ask(qname, edns=1232)
    t.hit(second, first, rule)
    assert second.opt is not None


def test_CA_12_primed_with_edns_asked_without(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    first = dev.ask(qname, edns=1232)
    t.miss(first, rule)
    second = dev.ask(qname)
    t.hit(second, first, rule)
    assert second.opt is None and second.counts[3] == 0


def test_CA_13_do_is_part_of_the_key(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.rule(qname, "A", lambda asked: asked.reply(
        [a1(qname)] + ["%s 300 RRSIG A %s" % (qname, shapes.RRSIG % 300)] * asked.msg.do), times=2)
    dev = t.device(up)
    for do in (False, True, False, True):
        reply = dev.ask(qname, do=do, edns=1232)
        assert reply.types() == ["A"] + ["RRSIG"] * do, reply
        assert bool(reply.opt.ttl & wire.DO) == do
    assert [asked.msg.do for asked in rule.asked] == [False, True]


def test_CA_14_cd_is_part_of_the_key(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.rule(qname, "A", lambda asked: asked.reply([a1(qname)]) if asked.flags & wire.CD
                   else asked.reply(rcode=wire.SERVFAIL), times=(2, 4))
    dev = t.device(up)
    assert dev.ask(qname, flags=wire.RD | wire.CD).a() == ["192.0.2.1"]
    reply = dev.ask(qname)
    assert reply.rcode == wire.SERVFAIL and not reply.answer, reply
    assert dev.ask(qname, flags=wire.RD | wire.CD).a() == ["192.0.2.1"]
    assert len(rule.asked) <= 3


def test_CA_15_a_rule_that_changed_takes_its_entries_with_it(t):
    """And only its own: what no changed rule speaks of is still in the cache after the reload."""
    one, two, other = t.upstream(), t.upstream(), t.fresh()
    one.answers("www.moved.example.", "A", [a1("www.moved.example.")])
    kept = one.answers(other, "A", [a1(other)])
    two.answers("www.moved.example.", "A", [a1("www.moved.example.", "192.0.2.2")])
    how = {"groups": {"one": [one], "two": [two]}}
    rule = '{ name = "moved.example"; upstream = "%s"; }'
    dev = t.device(one, zones=rule % "one", **how)
    assert dev.ask("www.moved.example.").a() == ["192.0.2.1"]
    first = dev.ask(other)
    dev.reload(t.config([one], zones=rule % "two", address=dev.address, **how))
    t.until(lambda: dev.ask("www.moved.example.").a() == ["192.0.2.2"], 3, "not asked of the other")
    t.hit(dev.ask(other), first, kept)
    one.saw(2)
    two.saw(1)


def test_CA_16_hit_in_any_case_echo_in_the_askers(t):
    up = t.upstream()
    rule = up.answers("aBc.example.", "A", [a1("aBc.example.")], compress=False)
    dev = t.device(up)
    first = dev.ask("aBc.example.")
    t.miss(first, rule)
    second = dev.ask("AbC.eXample.")
    t.hit(second, first, rule)
    assert second.qname == wire.name("AbC.eXample.")
    assert second.answer[0].owner == wire.name("aBc.example.")
    up.saw(1)


def test_CA_17_case_is_ascii_only(t):
    up = t.upstream()
    names = [wire.name([b"x" + bytes([byte]), b"example"]) for byte in (0xC0, 0xE0, 0x5B, 0x7B)]
    rules = [up.answers(qname, "A", [wire.raw(qname, 300, 1, bytes([192, 0, 2, at]))])
             for at, qname in enumerate(names)]
    dev = t.device(up)
    for qname, rule in zip(names, rules):
        t.miss(dev.ask(qname), rule)


def test_CA_18_truncated_answer_is_never_kept_as_whole(t):
    up, qname = t.upstream(), t.fresh()
    both = [a1(qname), a1(qname, "192.0.2.2")]
    up.rule(qname, "A", lambda asked: asked.reply(both) if asked.tcp
            else asked.reply(both[:1], tc=True), times=None)
    dev = t.device(up)
    for tcp in (False, True, False, False):
        reply = dev.ask(qname, tcp=tcp)
        if tcp or not reply.flags & wire.TC:
            assert reply.a() == ["192.0.2.1", "192.0.2.2"], reply
            assert not reply.flags & wire.TC


def test_CA_19_failure_is_kept_for_seconds_only(t):
    up, qname = t.upstream(), t.fresh()
    well = [False]
    rule = up.rule(qname, "A", lambda asked: asked.reply([a1(qname)]) if well[0]
                   else asked.reply(rcode=wire.SERVFAIL), times=(2, 4))
    dev = t.device(up)
    began = time.monotonic()
    assert dev.ask(qname).rcode == wire.SERVFAIL
    failed = len(rule.asked)
    assert failed <= 2
    well[0] = True
    reply = dev.ask(qname, edns=1232)
    assert reply.rcode == wire.SERVFAIL and reply.took < 0.1 + t.late, reply
    assert len(rule.asked) == failed, "asked again at once"
    time.sleep(max(0.0, began + 6.1 - time.monotonic()))
    assert dev.ask(qname).a() == ["192.0.2.1"]


def test_CA_20_failure_never_replaces_good_data(t):
    """What asks upstream anew while the answer is fresh is a question that may not be shared."""
    up, qname = t.upstream(), t.fresh()
    well = [True]
    rule = up.rule(qname, "A", lambda asked: asked.reply([a1(qname, ttl=30)]) if well[0]
                   else asked.reply(rcode=wire.SERVFAIL), times=None)
    dev = t.device(up)
    first = dev.ask(qname)
    t.miss(first, rule)
    good = rule.sent[-1]
    well[0] = False
    for _ in range(3):
        dev.ask(qname, options=[(65002, b"forces")])
        rule.sent.append(good)
        t.hit(dev.ask(qname), first, rule)


@heavy
def test_CA_21_no_answer_for_another_name(t):
    """Every RDATA belongs to its question, asked once and asked again."""
    up = t.upstream()
    number = 2000 if SANITIZED else 20000
    rule = up.rule(None, "A", shapes.digest_reply, times=(number, number * 11 // 10))
    dev = t.device(up, conf='cache = { size = "64M"; };')
    names = ["n%x.%d.ca21.example." % (at * 2654435761 % 2 ** 32, at) for at in range(number)]
    digests = {wire.name(one): shapes.digest(one, 1) for one in names}
    for _ in range(2):
        with dev.udp() as udp:
            for start in range(0, number, 50):
                missing = set(names[start:start + 50])
                for _try in range(3):   # a datagram may be lost in a full socket buffer
                    for at, one in enumerate(sorted(missing)):
                        udp.send(wire.query(one, ident=at))
                    while missing:
                        data = udp.recv(2.0)
                        if data is None:
                            break
                        said = wire.Message(data)
                        assert said.answer and said.answer[0].rdata == digests[said.qname], said
                        missing.discard(wire.text(said.qname))
                    if not missing:
                        break
                assert not missing, "no answer for %d names" % len(missing)
    assert len(rule.asked) <= number * 11 // 10, "the second round was not from the cache"


@each(["AXFR", "IXFR", "MAILA", "MAILB", "ANY"])
def test_CA_22_meta_types_are_not_kept(t, qtype):
    up, qname = t.upstream(), t.fresh()
    answer = ["%s 300 SOA ns.example. a.example. 1 2 3 4 5" % qname, a1(qname, "192.0.2.9"),
              "%s 300 SOA ns.example. a.example. 1 2 3 4 5" % qname]
    rule = up.answers(qname, qtype, answer, times=None)
    a = up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    tcp = qtype in ("AXFR", "IXFR")
    for _ in range(2):
        reply = dev.ask(qname, qtype, tcp=tcp)
        if reply.rcode == wire.NOERROR:
            assert len(reply.answer) == 3, reply
    if tcp and reply.rcode == wire.NOERROR:
        assert len(rule.asked) == 2
    t.miss(dev.ask(qname), a)


def test_CA_23_nobody_gets_anothers_cookie(t):
    """COOKIE is between neighbours (RFC 7873): the client's goes no further than to us, and what
    upstream has to say about one is not for any client."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)], options=[(wire.COOKIE, b"ABCDEFGHsomeservercookie")],
               times=(1, 3))
    dev = t.device(up)
    for cookie in (b"AAAAAAAA", b"BBBBBBBB", None, b"CCCCCCCC"):
        options = [] if cookie is None else [(wire.COOKIE, cookie)]
        reply = dev.ask(qname, edns=1232, options=options)
        got = reply.option(wire.COOKIE)
        assert got is None or cookie and got.startswith(cookie), reply
    for asked in up.log:
        assert not (asked.msg.option(wire.COOKIE) or b"").startswith((b"AAAA", b"BBBB", b"CCCC"))


def ecs(address, source):
    octets = bytes(map(int, address.split(".")))[:(source + 7) // 8]
    return (wire.ECS, struct.pack("!HBB", 1, source, 0) + octets)


def test_CA_24_answers_for_a_subnet_are_not_shared(t):
    up, qname = t.upstream(), t.fresh()

    def act(asked):
        subnet = asked.msg.option(wire.ECS)
        number = subnet[4] if subnet else 1
        options = [(wire.ECS, subnet[:3] + b"\x18" + subnet[4:])] if subnet else []
        return asked.reply([a1(qname, "10.0.0.%d" % number)], options=options)
    rule = up.rule(qname, "A", act, times=(3, 5))
    dev = t.device(up)
    for _ in range(2):
        for subnet, want in (("192.0.2.0", 192), ("198.51.100.0", 198), (None, 1)):
            reply = dev.ask(qname, edns=1232, options=[ecs(subnet, 24)] if subnet else [])
            assert reply.a() == ["10.0.0.%d" % want], (subnet, reply)
    assert rule.asked[0].msg.option(wire.ECS) == ecs("192.0.2.0", 24)[1]


def test_CA_25_answers_to_unknown_options_are_not_shared(t):
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: asked.reply([a1(qname, "192.0.2.%d" % (
        2 if asked.msg.option(65002) is not None else 1))]), times=(2, 4))
    dev = t.device(up)
    for _ in range(2):
        reply = dev.ask(qname, options=[(65002, b"x")])
        assert reply.a() == ["192.0.2.2"], reply
        reply = dev.ask(qname, edns=1232)
        assert reply.a() == ["192.0.2.1"], reply


@each([(65001, b"\2\0\x5e\x10\0\1"), (65001, b"x"), (65073, b"02:00:5e:10:00:01"),
       (65073, b"AgBeEAAB"), (65073, b"")], lambda case: "%d-%d-bytes" % (case[0], len(case[1])))
def test_CA_25_hardware_addresses_make_no_answer_private(t, case):
    """They end here: upstream cannot answer them differently, whoever asks first."""
    up, qname = t.upstream(), t.fresh()
    rule = up.rule(qname, "A", lambda asked: asked.reply([a1(qname, "192.0.2.%d" % (
        2 if asked.msg.option(case[0]) is not None else 1))]), times=1)
    dev = t.device(up)
    first = dev.ask(qname, options=[case])
    assert first.a() == ["192.0.2.1"] and first.option(case[0]) is None, first
    assert rule.asked[0].msg.option(case[0]) is None
    assert case[1] == b"" or len(case[1]) < 6 or case[1] not in rule.asked[0].wire
    t.hit(dev.ask(qname, edns=1232), first, rule)
    t.hit(dev.ask(qname, options=[case]), first, rule)


@each(['"0"', "0"])
def test_CA_28_no_cache_works(t, size):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)], times=100)
    try:
        dev = t.device(up, conf="cache = { size = %s; };" % size)
    except AssertionError:
        if size == "0":
            raise Skip("a size is written as text here")
        raise
    for _ in range(100):
        t.miss(dev.ask(qname), rule)
    before = dev.cpu()
    time.sleep(1.0)
    assert dev.cpu() - before <= 0.02, "busy while idle"


# --- stale (RFC 8767) ----------------------------------------------------------------------

# What is fresh may take its time on a busy machine.
PATIENT = "cache = { stale_wait = 1.8; };"


class Fading:
    """An upstream whose answer to one name can be exchanged."""

    def __init__(self, t, answer, authority=(), conf="", qname=None):
        self.up, self.qname = t.upstream(), qname or t.fresh()
        self.now = lambda asked: asked.reply(answer, authority)
        self.rule = self.up.rule(self.qname, "A", lambda asked: self.now(asked), times=None)
        self.device = t.device(self.up, conf=conf)

    def ask(self, **how):
        return self.device.ask(self.qname, **{"edns": 1232, **how})

    def goes_silent(self):
        self.now = lambda asked: None


def test_CA_30_stale_when_upstream_fails(t):
    it = Fading(t, [a1("stale.example.", ttl=1)], qname="stale.example.")
    it.ask()
    it.goes_silent()
    time.sleep(2.1)
    for _ in range(2):
        asked = len(it.rule.asked)
        reply = it.ask()
        assert reply.a() == ["192.0.2.1"] and reply.ede == [3], reply
        assert all(1 <= ttl <= 30 for ttl in reply.ttls()), reply.ttls()
        t.within(reply.took, 0, 1.8)
        if _ == 0:
            assert len(it.rule.asked) > asked, "upstream was not asked"
    plain = it.ask(edns=None)
    assert plain.a() == ["192.0.2.1"] and not plain.opt


def test_CA_30_stale_when_upstream_says_servfail(t):
    it = Fading(t, [a1("stale.example.", ttl=1)], qname="stale.example.")
    it.ask()
    it.now = lambda asked: asked.reply(rcode=wire.SERVFAIL)
    time.sleep(2.1)
    reply = it.ask()
    assert reply.a() == ["192.0.2.1"] and reply.ede == [3], reply
    t.within(reply.took, 0, 1.8)


def test_CA_31_stale_never_beats_fresh(t):
    it = Fading(t, [a1("stale.example.", ttl=1)], qname="stale.example.", conf=PATIENT)
    it.ask()
    it.now = lambda asked: send(asked.reply([a1("stale.example.", "192.0.2.2")]), 0.05)
    time.sleep(2.1)
    reply = it.ask()
    assert reply.a() == ["192.0.2.2"] and not reply.ede, reply
    assert it.ask().a() == ["192.0.2.2"]


def test_CA_32_stale_keeps_the_shape(t):
    answer, authority = r1(soa_ttl=1)
    it = Fading(t, answer, authority, qname=COURIER)
    it.ask()
    it.goes_silent()
    time.sleep(2.1)
    reply = it.ask()
    assert reply.types() == ["CNAME", "SOA"] and reply.rcode == wire.NOERROR, reply
    assert all(1 <= ttl <= 30 for ttl in reply.ttls()) and reply.ede == [3], reply
    # nothing else is different from what upstream said
    said = bytearray(compare.expected(it.rule.sent[0][1], reply.query, 0))
    for record, shown in zip(wire.Message(bytes(said)).records(), reply.ttls()):
        struct.pack_into("!I", said, record.ttl_at, shown)
    assert compare.without_opt(reply.msg) == bytes(said)


def test_CA_33_stale_has_a_limit(t):
    it = Fading(t, [a1("stale.example.", ttl=1)], qname="stale.example.",
                conf="cache = { stale = 2; };")
    it.ask()
    it.goes_silent()
    time.sleep(3.3)
    reply = it.ask()
    assert reply.rcode == wire.SERVFAIL and not reply.answer, reply


def test_CA_33_stale_may_be_off(t):
    it = Fading(t, [a1("stale.example.", ttl=1)], qname="stale.example.",
                conf="cache = { stale = 0; };")
    it.ask()
    it.goes_silent()
    time.sleep(1.3)
    reply = it.ask()
    assert reply.rcode == wire.SERVFAIL and not reply.answer, reply


@each([(wire.NXDOMAIN, "nxdomain"), (wire.NOERROR, "nodata")], lambda case: case[1])
def test_CA_34_a_negative_answer_is_news_not_failure(t, case):
    it = Fading(t, [a1("stale.example.", ttl=1)], qname="stale.example.", conf=PATIENT)
    it.ask()
    it.now = lambda asked: asked.reply([], [soa()], rcode=case[0])
    time.sleep(2.1)
    for _ in range(2):
        reply = it.ask()
        assert reply.rcode == case[0] and reply.types() == ["SOA"] and not reply.ede, reply


# --- clocks --------------------------------------------------------------------------------

FAKETIME = "/usr/lib/%s/faketime/libfaketime.so.1"


def test_CA_35_setting_the_clock_changes_nothing(t):
    """The wall clock goes a day forward and two back under the running daemon; ages follow the time
    that passes."""
    libraries = [FAKETIME % triple for triple in os.listdir("/usr/lib")
                 if os.path.exists(FAKETIME % triple)]
    if not libraries:
        raise Skip("libfaketime is not installed")
    if SANITIZED:
        raise Skip("libfaketime and the sanitizers do not go together")
    offset = os.path.join(t.directory, "offset")

    def set_clock(text):
        with open(offset + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(offset + ".new", offset)
    set_clock("+0")
    up, qname, short = t.upstream(), t.fresh(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname, ttl=60)])
    brief = up.answers(short, "A", [a1(short, ttl=3)], times=2)
    dev = t.device(up, env={"LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": offset,
                            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                            "DONT_FAKE_MONOTONIC": "1"})
    assert "libfaketime" in open("/proc/%d/maps" % dev.pid, encoding="utf-8").read()
    first = dev.ask(qname)
    t.miss(first, rule)
    dev.ask(short)
    for text in ("+1d", "-1d", "+0"):
        set_clock(text)
        time.sleep(0.6)
        t.hit(dev.ask(qname), first, rule)
    time.sleep(1.5)
    dev.ask(short)
    assert len(brief.asked) == 2, "an entry has outlived its time"
