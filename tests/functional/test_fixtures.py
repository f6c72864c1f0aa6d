"""Every recorded answer of fixtures/apple.csv, played by an upstream: the miss is upstream's bytes,
the hit is them aged, and upstream was asked once; over UDP and TCP, with and without EDNS, for the
recorded type and for A, AAAA, HTTPS and TXT.

One recorded answer (atlas-2017-1) had TC set. It is played without: the flag was the cut of that
measurement's own 512 bytes, the records are whole, and what TC does is tested elsewhere (CA-18,
TR-18, F-13).
"""

import time

from harness import shapes, wire
from harness.mark import each

CASES = shapes.recorded()
WAYS = [(tcp, edns) for tcp in (False, True) for edns in (None, 1232)]


def test_the_builder_makes_messages_as_large_as_those_captured(t):
    """What our builder compresses is what real servers compress: the sizes agree to the byte."""
    for case in CASES:
        query = wire.query(case.qname, case.qtype)
        made = wire.reply(query, case.answer, case.authority, rcode=case.rcode)
        assert case.size in (None, len(made)), (case.case, case.size, len(made))
        wire.Message(made).check()


class Way:
    """One daemon with its own upstream, asked over one transport."""

    def __init__(self, t, case, types, tcp, edns):
        self.how = {"tcp": tcp, "edns": edns}
        self.up = t.upstream()
        self.rules = {}
        for qtype in types:
            answer, authority = case.as_type(qtype)
            positive = shapes.has_data(answer, case.qname, qtype)
            kept = positive or any(" SOA " in line for line in authority)
            rule = self.up.answers(case.qname, qtype, answer, authority, rcode=case.rcode,
                                   times=1 if kept else 2)
            lines = answer + authority
            rule.life = min(int(line.split()[1]) for line in lines) if kept else 0
            self.rules[qtype] = rule
        self.device = t.device(self.up, conf="special_names = false;", start=False)
        self.device.start(wait=False)
        self.first = {}


@each(CASES, lambda case: case.case)
def test_fixture(t, case):
    types = ["A", "AAAA", "HTTPS", "TXT"]
    types += [] if case.qtype in types else [case.qtype]
    ways = [Way(t, case, types, tcp, edns) for tcp, edns in WAYS]
    for way in ways:
        way.device.wait_ready()
        for qtype in types:
            reply = way.first[qtype] = way.device.ask(case.qname, qtype, **way.how)
            t.miss(reply, way.rules[qtype])
            assert way.rules[qtype].asked[0].tcp == way.how["tcp"], "asked over the other transport"
    time.sleep(1.05)
    for way in ways:
        for qtype in types:
            rule, first = way.rules[qtype], way.first[qtype]
            reply = way.device.ask(case.qname, qtype, **way.how)
            if not rule.life:
                t.miss(reply, rule)     # nothing says how long: not kept (D5)
            elif reply.got_at - rule.sent[0][0] >= rule.life:
                rule.times = (1, 2)     # we are late, it has run out meanwhile
                t.notes.append("late")
            else:
                assert t.hit(reply, first, rule) >= 1
