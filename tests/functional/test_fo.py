"""FO: several upstreams, and what becomes of the clients when some of them fail."""

import socket

from harness import crowd, shapes, wire
from harness.device import SANITIZED
from harness.mark import Skip, each, heavy
from harness.shapes import a1

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
    cost, number = {}, 100000
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
