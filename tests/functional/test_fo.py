"""FO: several upstreams, and what becomes of the clients when some of them fail."""

import random
import socket
import time

from harness import crowd, shapes, wire
from harness.device import SANITIZED
from harness.mark import Skip, alone, each, heavy, limit
from harness.shapes import a1
from harness.upstream import send

@each([("nxdomain", ([], [shapes.soa()]), wire.NXDOMAIN), ("dangling", shapes.r1(), wire.NOERROR),
       ("nodata", ([], [shapes.soa()]), wire.NOERROR)], lambda case: case[0])
def test_FO_05_FO_06_a_negative_answer_is_an_answer(t, case):
    one, two, qname = t.upstream(), t.upstream(), t.fresh()
    rule = one.answers(qname, "A", *case[1], rcode=case[2])
    two.silent(times=0)
    t.miss_and_hit(t.device(one, two, order="listed"), rule, qname)

@each([wire.SERVFAIL, wire.REFUSED, wire.NOTIMP, wire.FORMERR], {2: "servfail", 5: "refused",
                                                                  4: "notimp", 1: "formerr"}.get)
def test_FO_03_failure_rcode_asks_the_next(t, rcode):
    one, two, qname = t.upstream(), t.upstream(), t.fresh()
    one.answers(qname, "A", rcode=rcode, times=(1, 3))
    rule = two.answers(qname, "A", [a1(qname)])
    reply = t.device(one, two, order="listed").ask(qname)
    t.miss(reply, rule)
    t.within(reply.took, 0, 0.5)

def two_servers(t, order="listed", ignored=(), **how):
    """Both answer everything, but for the names that the first one ignores."""
    one, two = t.upstream(), t.upstream()
    for qname in ignored:
        one.silent(qname)
    for up in (one, two):
        up.rule(None, "A", shapes.digest_reply, times=None)
    dev = t.device(one, two, order=order, **how)
    dev.upstreams = []
    return one, two, dev

def news(dev):
    """What the log says since it was ready."""
    return dev.stderr().split("is ready\n", 1)[1].splitlines()

def ask_until_known(t, dev, dead, seconds=6.0):
    """Until a server is known to be dead: one line says so, and nobody waits for it any more."""
    end = time.monotonic() + seconds
    while not any(dead.address in line for line in news(dev)):
        reply = dev.ask(t.fresh())
        assert reply.answer, reply
        t.within(reply.took, 0, 1.0)
        assert time.monotonic() < end + t.late, "still thinks that it is alive"
        time.sleep(0.02)

@alone
def test_FO_01_first_of_two_dead(t):
    """Each is answered within a second, and at once when the first is known to be dead, which is looked
    after now and then; one line says so."""
    one, _, dev = two_servers(t)
    one.deaf = True
    ask_until_known(t, dev, one)
    known, began = len(one.unheard), time.monotonic()
    for at in range(100):
        reply = dev.ask(t.fresh())
        assert reply.answer, reply
        t.within(reply.took, 0, 0.05)
        time.sleep(max(0.0, began + at * 0.03 - time.monotonic()))
    later = one.unheard[known:]
    assert 1 <= len(later) <= 8, "%d packets" % len(later)
    told = [line for line in news(dev) if one.address in line]
    assert len(told) == 1 and "default" in told[0], told

@alone
@limit(40)
def test_FO_02_first_of_two_is_used_again(t):
    one, two, dev = two_servers(t)
    one.deaf = True
    ask_until_known(t, dev, one)
    one.deaf, back = False, time.monotonic()
    while not one.seen:
        reply = dev.ask(t.fresh())
        assert reply.answer, reply
        t.within(reply.took, 0, 0.05)
        t.within(time.monotonic() - back, 0, 2.0, "unused for")
        time.sleep(0.05)
    before = one.seen
    for _ in range(50):
        assert dev.ask(t.fresh()).answer
    assert one.seen >= before + 45, "%d of 50 went to it" % (one.seen - before)
    told = [line for line in news(dev) if one.address in line]
    assert len(told) == 2, told

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

def test_FO_07_race_has_one_answer(t):
    """Both are asked at once; who is told the answer of one is told it again from the cache, whatever
    the other one said later."""
    one, two = t.upstream(), t.upstream()
    names = [t.fresh() for _ in range(20)]
    for number, up in enumerate((one, two)):
        up.rule(None, "A", lambda asked, number=number: send(
            asked.reply([a1(wire.text(asked.name), "192.0.2.%d" % (number + 1))]),
            0.03 * ((asked.n + number) % 2)), times=len(names))
    dev = t.device(one, two, order="race")
    first = [dev.ask(qname) for qname in names]
    time.sleep(0.1)
    for at, (qname, reply) in enumerate(zip(names, first)):
        assert reply.a() in (["192.0.2.1"], ["192.0.2.2"]), reply
        t.within(reply.took, 0, 0.03)
        assert dev.ask(qname).a() == reply.a(), at
    both = {reply.a()[0] for reply in first}
    assert both == {"192.0.2.1", "192.0.2.2"}, both

@limit(40)
def test_FO_08_all_dead_then_one_is_back(t):
    """Ten questions a second. Everybody is told something in time, and the log is not flooded."""
    one, two, dev = two_servers(t)
    one.deaf = two.deaf = True
    began = time.monotonic()

    def between():
        two.deaf = time.monotonic() < began + 4.0
    outcome = crowd.ask(dev, [t.fresh() for _ in range(80)], rate=10, between=between)
    assert not outcome.of("wrong") and not outcome.of("silent"), outcome
    t.within(outcome.took(1), 0, 4.5)
    assert len(outcome.of("failed")) >= 10, outcome
    after = [one for one in outcome.told if one.asked_at > began + 6.0 + t.late]
    assert all(one.kind == "right" for one in after) and (after or t.late > 1), outcome
    t.within(max(one.took for one in after), 0, 1.0)
    assert len(news(dev)) <= 10, news(dev)

@limit(40)
@each(["listed", "fastest", "race"])
def test_FO_09_first_of_two_comes_and_goes(t, order):
    one, _, dev = two_servers(t, order)
    began = time.monotonic()

    def between():
        one.deaf = (time.monotonic() - began) % 3.0 > 1.5
    outcome = crowd.ask(dev, [t.fresh() for _ in range(1000)], rate=100, between=between)
    assert len(outcome.of("right")) >= 999, outcome
    t.within(outcome.took(0.999), 0, 1.5)

@alone
@limit(60)
def test_FO_14_nobody_asks_and_next_to_nothing_is_sent(t):
    """At most a packet in ten seconds to a dead server, none to one that is well."""
    one, two, dev = two_servers(t)
    two.probes = "count"
    one.deaf = True
    ask_until_known(t, dev, one)
    time.sleep(3.0)     # what is under way comes to its end
    heard, before = len(one.unheard), two.seen
    time.sleep(21.0)
    assert len(one.unheard) - heard <= 3, "%d packets" % (len(one.unheard) - heard)
    assert all(asked.is_probe for asked in one.unheard[heard:])
    two.saw(before)

def test_one_silent_name_does_not_condemn_a_server(t):
    """UF-03: it ignores some names; it is asked for all others, first, as ever."""
    ignored = ["ignored%d.example." % at for at in range(20)]
    one, _, dev = two_servers(t, ignored=ignored)
    rule, took = one.rules[-1], []
    with dev.udp() as udp:
        for at, qname in enumerate(ignored):
            udp.send(wire.query(qname, ident=at))
        for _ in range(60):
            reply = dev.ask(t.fresh())
            assert reply.answer, reply
            took.append(reply.took)
            time.sleep(0.02)
        for _ in ignored:
            reply = wire.Message(udp.recv(2.0))
            assert reply.answer, reply
    t.within(sorted(took)[56], 0, 0.05)
    assert len(rule.asked) >= 56, "%d of 60" % len(rule.asked)

def test_late_answer_of_the_first_counts(t):
    """The second was asked too, and is silent."""
    one, two, qname = t.upstream(), t.upstream(), t.fresh()
    rule = one.answers(qname, "A", [a1(qname)], delay=0.7, times=(1, 2))
    two.silent(times=(1, 2))
    reply = t.device(one, two, order="listed").ask(qname)
    t.miss(reply, rule)
    t.prompt(reply, 0.7)

def test_second_is_asked_when_the_first_is_slower_than_ever(t):
    """As soon as the first should have answered, by what is known of it."""
    qname = "ignored.example."
    one, two, dev = two_servers(t, ignored=[qname])
    for _ in range(40):
        assert dev.ask(t.fresh()).answer
    before, reply = two.seen, dev.ask(qname)
    assert reply.answer, reply
    t.within(reply.took, 0.015, 0.15)
    two.saw(before + 1)

def test_fastest_is_asked_most(t):
    slow, fast, dev = two_servers(t, "fastest")
    slow.rules[0].do = lambda asked: send(shapes.digest_reply(asked), 0.05)
    for _ in range(30):
        assert dev.ask(t.fresh()).answer
    before = fast.seen
    took = sorted(dev.ask(t.fresh()).took for _ in range(200))
    assert fast.seen - before >= 170, "%d of 200" % (fast.seen - before)
    t.within(took[180], 0, 0.04)

def test_slow_and_lossy_server_beside_a_healthy_one(t):
    """200 ms and one datagram of five lost: nobody waits for it."""
    bad, _, dev = two_servers(t, "fastest")
    dice = random.Random(1)
    bad.rules[0].do = lambda asked: (None if dice.random() < 0.2 else
                                     send(shapes.digest_reply(asked), 0.2))
    outcome = crowd.ask(dev, [t.fresh() for _ in range(1000)], at_once=10)
    assert len(outcome.of("right")) == 1000, outcome
    t.within(outcome.took(0.99), 0, 0.1, "99 of 100 took")

def test_FO_16_each_family_leaves_by_its_own_socket(t):
    """An IPv4 and an IPv6 server, in two groups: the questions of one never reach the other."""
    four = t.upstream()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            raise Skip("no IPv6 here")
        port = probe.getsockname()[1]
    six = t.upstream(address="::1", port=port)
    for up in (four, six):
        up.rule(None, "A", shapes.digest_reply, times=(500, 600))
    dev = t.device(four, groups={"six": [six]}, zones='{ name = "six.example"; upstream = "six"; }')
    names = [t.fresh("six.example." if at % 2 else "four.example.") for at in range(1000)]
    outcome = crowd.ask(dev, names)
    assert len(outcome.of("right")) == 1000, outcome
    for up, under in ((four, "four.example."), (six, "six.example.")):
        assert all(asked.name.endswith(wire.name(under)) for asked in up.log), under
    reply = dev.ask(t.fresh("six.example."), tcp=True)
    assert reply.rcode == wire.NOERROR and six.log[-1].tcp, reply

@heavy
def test_FO_13_ten_thousand_rules_cost_what_ten_do(t):
    """In processor time of the program, for names all over the rules."""
    up = t.upstream()
    cost, number = {}, 50000
    for rules in (10, 10000):
        dev = t.device(up, zones=",\n".join(
            '{ name = "n%d.rules.example"; action = "nxdomain"; }' % at for at in range(rules)))
        with dev.udp() as udp:
            before, waiting = 0.0, 0
            for at in range(-100, number):
                if at == 0:
                    before = dev.cpu()
                udp.send(wire.query("www.n%d.rules.example." % (at * 7919 % rules), ident=at % 65536))
                waiting += 1
                while waiting >= 50 or waiting and at == number - 1:
                    data = udp.recv(5.0)
                    assert data and data[3] & 15 == wire.NXDOMAIN, data
                    waiting -= 1
            cost[rules] = (dev.cpu() - before) / number
        dev.stop()
    up.saw(0)
    extra = (cost[10000] - cost[10]) * 1e6
    assert SANITIZED or extra < 10, "%.1f us more than %.1f" % (extra, cost[10] * 1e6)
