"""Messages made at random, all of them valid, through the program and back: a miss and a hit are what
upstream said but for what the promises name. CASES=N and SEED=N in the environment ask for more of
them, or for others; a failure names the seed and the case that repeat it alone."""

import os
import random
import struct
import time

from harness import client, compare, wire
from harness.device import SANITIZED
from harness.mark import limit
from harness.upstream import send

CASES = int(os.environ.get("CASES", "0")) or (100 if SANITIZED else 300)
SEED = int(os.environ.get("SEED", "1"))
ONE = os.environ.get("CASE")        # only this one

TTLS = [0, 1, 2, 30, 59, 60, 300, 300, 300, 3600, 86400, 172800, 0x7fffffff, 0x80000000, 0xffffffff]
MAX_KEPT = 86400
EDE_OPTION = (wire.EDE, struct.pack("!H", 18) + b"why")
PRIVATE = 65099


def mixed(rng, name):
    return bytes(b ^ 32 if 65 <= (b & ~32) <= 90 and rng.random() < 0.3 else b for b in name)


class RandomWriter(wire.Writer):
    """Points to earlier names as often as `often` says, and minds letter case or not, as servers do."""

    def __init__(self, rng, often, minds_case):
        super().__init__()
        self.rng, self.often, self.minds_case = rng, often, minds_case

    def put_name(self, name):
        at = 0
        while name[at]:
            key = name[at:] if self.minds_case else wire.lower(name[at:])
            if key in self.known and self.rng.random() < self.often:
                self.out += struct.pack("!H", 0xC000 | self.known[key])
                return
            if len(self.out) < 0x4000:
                self.known.setdefault(key, len(self.out))
            self.out += name[at:at + 1 + name[at]]
            at += 1 + name[at]
        self.out += b"\0"


class Case:
    """A question and what is answered to it, made of the seed and a number."""

    def __init__(self, seed, number):
        self.seed, self.number = seed, number
        rng = self.rng = random.Random("%d.%d" % (seed, number))
        labels = [b"c%d" % number]
        for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
            labels.append(bytes(rng.choice(b"abcXYZ019-_") for _ in range(rng.randint(1, 20))))
        if rng.random() < 0.05:
            labels.append(bytes(rng.randrange(256) for _ in range(rng.randint(1, 60))))
        self.name = wire.name(labels + [b"differ", b"example"])
        self.type = rng.choice([1, 1, 1, 28, 65, 64, 16, 15, 2, 5, 6, 12, 33, 43, 46, 257, 65280, 255])
        self.qclass = rng.choice([1] * 20 + [3])
        self.is_huge = rng.random() < 0.03      # no failures: those are bounded
        self.rcode = rng.choice([0] * 14 + [3] * 4 + (
            [] if self.is_huge else [2, 5, 1, 4, 6, 9, 12, 15, 16, 23]))
        self.bits = [bit for bit in (wire.AA, wire.RA, wire.RA, wire.AD, wire.Z, wire.CD)
                     if rng.random() < 0.4]
        self.sections = [self.records(high) for high in self.counts()]
        # beyond 16 KB nothing can be pointed to: there OPT must not move what is
        self.opt_at = rng.choice([None, "end"] if self.is_huge else
                                 [None, "end", "end", "end", "start", "middle"])
        self.opt_options = rng.choice([[], [], [EDE_OPTION], [EDE_OPTION, (wire.NSID, b"ns1")],
                                       [(PRIVATE, b"x" * 40)], [(wire.COOKIE, b"c" * 16)]])
        self.opt_flags = rng.choice([0, 0, 0x8000, 0x4001])
        self.often = rng.choice([0.0, 0.5, 1.0, 1.0])
        self.minds_case = rng.random() < 0.5
        self.ignores_size = rng.random() < 0.2

    def counts(self):
        if self.is_huge:
            return [120, 20, 120]
        return self.rng.choice([(1, 0, 0), (2, 0, 0), (3, 3, 3), (0, 1, 0), (1, 1, 0), (1, 1, 0),
                                (0, 0, 0), (0, 2, 4), (12, 0, 0), (30, 2, 6), (2, 13, 13)])

    def a_name(self):
        rng = self.rng
        start, at = [], 0
        while self.name[at]:
            start.append(at)
            at += 1 + self.name[at]
        base = self.name[rng.choice(start):]
        extra = b"".join(bytes([len(one)]) + one for one in (
            b"n%d" % rng.randrange(6) for _ in range(rng.choice([0, 0, 1, 2]))))
        return (mixed(rng, extra + base) if len(extra + base) <= 255 else base)

    def record(self, owner, rtype):
        rng, ttl = self.rng, self.rng.choice(TTLS)
        if rng.random() < 0.7:
            ttl = 300
        name, text = self.a_name, bytes(rng.randrange(256) for _ in range(rng.randint(0, 60)))
        # (in another class than IN nobody knows of a name in there, which nothing may point from)
        is_cut = rng.random() < 0.8 and self.qclass == 1
        target = (self.a_name(),) if is_cut or rtype != 33 else self.a_name()
        parts = {
            1: [text[:4].ljust(4, b"a")], 28: [text[:16].ljust(16, b"b")],
            2: [(name(),)], 5: [(name(),)], 12: [(name(),)], 39: [name()],
            6: [(name(),), (name(),), struct.pack("!IIIII", 1, 2, 3, 4, rng.choice(TTLS))],
            15: [struct.pack("!H", rng.randrange(99)), (name(),)],
            16: [bytes([len(text)]) + text, b"\4more" if rng.random() < 0.5 else b""],
            33: [struct.pack("!HHH", 1, 2, 3), target],
            43: [struct.pack("!HBB", 7, 13, 2) + b"d" * 32],
            46: [struct.pack("!HBBIIIH", 1, 13, 2, 300, 9, 8, 7), name(), b"s" * 64],
            47: [name(), b"\0\6\x40\1\0\0\0\3"],
            64: [b"\0\1", name(), b"\0\1\0\3\2h2"], 65: [b"\0\0", name()],
            257: [b"\0\5issueca.example"], 65280: [b"\xc0\x0c" + text],
        }[rtype]
        return wire.Rec(owner, ttl, rtype, parts, self.qclass)

    def records(self, high):
        rng, out = self.rng, []
        kinds = [1, 28, 2, 5, 12, 39, 6, 15, 16, 33, 43, 46, 47, 64, 65, 257, 65280]
        own = self.type if self.type in kinds else 1
        for _ in range(high):
            out.append(self.record(mixed(rng, self.name) if rng.random() < 0.5 else self.a_name(),
                                   own if rng.random() < 0.5 else rng.choice(kinds)))
        return out

    def opt(self):
        """Where the rcode needs its upper bits there is an OPT record in any case."""
        return wire.opt(1232, self.opt_options, ext_rcode=self.rcode >> 4, flags=self.opt_flags)

    def write(self, query, opt_at):
        """The reply's bytes, with OPT first, in the middle or last in additional, or without it."""
        asked, writer = wire.Message(query), RandomWriter(
            random.Random("w%d.%d" % (self.seed, self.number)), self.often, self.minds_case)
        flags = wire.QR | (asked.flags & wire.RD) | (self.rcode & 15)
        for bit in self.bits:
            flags |= bit
        own = query[12:asked.question_end]
        writer.out += struct.pack("!HHHHHH", asked.id, flags, 1, *(len(s) for s in self.sections))
        writer.put_name(own[:-4])
        writer.out += own[-4:]
        for section in self.sections[:2]:
            for record in section:
                writer.put_record(record)
        additional = self.sections[2]
        place = {None: -1, "start": 0, "middle": len(additional) // 2, "end": len(additional)}[opt_at]
        for at, record in enumerate(additional + [None]):
            if at == place:
                writer.out += self.opt()
            if record is not None:
                writer.put_record(record)
        out = bytearray(writer.out)
        if opt_at is not None:
            struct.pack_into("!H", out, 10, len(additional) + 1)
        return bytes(out)

    def answer(self, asked):
        """What upstream sends. Where the query has no OPT neither has the reply."""
        where = self.opt_at or ("end" if self.rcode > 15 else None)
        reply = self.write(asked.wire, where if asked.msg.opt is not None else None)
        if not asked.tcp and len(reply) > 1232 and not (self.ignores_size and len(reply) < 4000):
            return asked.reply(tc=True)
        return reply

    def said(self, query, with_opt=True):
        """The same with OPT at its end, where the comparer takes it off."""
        has_opt = with_opt and (self.opt_at or self.rcode > 15)
        plain = self.write(query, None)
        if not has_opt:
            return plain
        return plain[:10] + struct.pack("!H", len(self.sections[2]) + 1) + plain[12:] + self.opt()

    def may_be_kept(self):
        """False where nothing may: no time to live, or a negative answer that no SOA bounds."""
        if self.rcode not in (0, 3):
            return True     # the time of D6
        seen = [one.ttl for section in self.sections[:2] for one in section]
        if not seen or min(0 if ttl > 0x7fffffff else ttl for ttl in seen) == 0:
            return False
        has_data = any(one.rtype == self.type for one in self.sections[0]) or self.type == 255
        has_soa = any(one.rtype == 6 for one in self.sections[1])
        return has_soa or (has_data and self.rcode == 0)

    def query(self, rng, flags, do):
        edns = rng.choice([None, 512, 1232, 1232, 4096, 65535])
        return client.with_id(wire.query(mixed(rng, self.name), self.type, self.qclass, flags=flags,
                                         edns=1232 if do and edns is None else edns, do=do))


def for_client(case, query, to):
    """What upstream said to the query `to`, as this client may see it: AD for those who ask for it; an
    extended rcode that cannot be told is a failure."""
    sent_plain = wire.Message(to).opt is None
    asked, said = wire.Message(query), bytearray(case.said(to, not sent_plain))
    if not asked.flags & wire.AD and not asked.do:
        said[3] &= ~wire.AD
    if asked.opt is None and case.rcode > 15 and not sent_plain:
        said[3] = said[3] & 0xf0 | wire.SERVFAIL
    return bytes(said)


def is_cut(reply, query, said):
    """Too long for the client: the question alone, with TC."""
    asked = wire.Message(query)
    room = 512 if asked.opt is None else min(1232, max(512, asked.opt.rclass))
    body = len(compare.without_opt(wire.Message(said))) + (11 if asked.opt is not None else 0)
    if len(said) > 4096 and reply.rcode in (1, 2, 4, 5) and not any(reply.counts[1:3]):
        return True     # a failure is kept whole up to that while other servers are asked
    if reply.tcp or body <= room:
        return False
    assert len(reply.wire) <= room, "%d bytes, %d fit" % (len(reply.wire), room)
    assert reply.flags & wire.TC and reply.counts[1:3] == (0, 0), reply
    assert not reply.trailing and (reply.opt is not None) == (asked.opt is not None), reply
    assert reply.wire[12:reply.question_end] == query[12:asked.question_end], reply
    return True


def check(case, reply, ages, to):
    said = for_client(case, reply.query, to)
    if not is_cut(reply, reply.query, said):
        compare.same(reply.wire, reply.query, said, ages)
    for code in (wire.NSID, PRIVATE, wire.COOKIE):
        assert reply.option(code) is None, "option %d was not asked for: %s" % (code, reply)
    said_why = reply.option(wire.EDE)
    assert said_why in (None, EDE_OPTION[1]), reply


def ask(dev, tcp, query):
    with (dev.tcp if tcp else dev.udp)() as sock:
        return sock.ask(query, 6.0)


def run_case(dev, case, log):
    rng = case.rng
    flags = rng.choice([wire.RD] * 6 + [0]) | rng.choice([0, 0, wire.AD]) | rng.choice(
        [0, 0, 0, wire.CD])
    do = rng.random() < 0.3
    first = ask(dev, rng.random() < 0.2, case.query(rng, flags, do))
    assert log, "upstream was not asked"
    sent_at, to = log[-1]
    check(case, first, (0,), to)
    for again in range(2):
        count = len(log)
        reply = ask(dev, rng.random() < 0.3, case.query(rng, flags, do))
        if len(log) > count:
            sent_at, to = log[-1]
            check(case, reply, (0,), to)
            first = reply
            continue
        assert case.may_be_kept(), "this must not be kept: %s" % reply
        check(case, reply, compare.possible_ages(sent_at, first.got_at, reply.asked_at,
                                                 reply.got_at), to)


@limit(120 + CASES / 20)
def test_random_messages_come_through_as_they_are(t):
    up = t.upstream()
    numbers = [int(ONE)] if ONE else range(CASES)
    cases, log = {}, []

    def act(asked):
        case = cases[wire.lower(asked.name)]
        reply = case.answer(asked)
        if not wire.Message(reply).flags & wire.TC:
            log.append((time.monotonic(), asked.wire))
        return send(reply)

    up.rule(None, None, act, times=None)
    dev = t.device(up)
    for number in numbers:
        case = Case(SEED, number)
        cases[wire.lower(case.name)] = case
        del log[:]
        try:
            run_case(dev, case, log)
        except AssertionError as error:
            raise AssertionError("SEED=%d CASE=%d (type %d rcode %d opt %s): %s" % (
                SEED, number, case.type, case.rcode, case.opt_at, error)) from error
        del up.log[:]
        for rule in up.rules:
            del rule.asked[:], rule.sent[:]
