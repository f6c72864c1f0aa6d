"""The same questions, asked the upstream itself and through the program, when it does not know the
answer yet and again when it does: nothing may differ but ID, TTLs (which count down), OPT, the letter
case of the question, and TC where the answer is longer than the client takes.

What upstream says is made of a seed and a number (test_differential.py of the functional tests): half
are shapes as names have them (addresses, chains, couriers, what does not exist), half is anything that
is valid. QUERIES=N (100,000), CUT=1: 2,000; SEED=N are others; JOBS=N processes at once. A difference
is told with what repeats it alone: CASE=N. The exit status is 1 where there is one."""

import json
import os
import random
import subprocess
import sys
import time
import traceback

from rig import PORT, Rig     # who knows where the others are
import peers
import run
from figures import Figure, Row, none, told

import test_differential as made
from harness import client, compare, wire
from harness.upstream import Loop, Upstream, send

IS_CUT = os.environ.get("CUT", "") not in ("", "0")
QUERIES = int(os.environ.get("QUERIES") or (2000 if IS_CUT else 100000))
SEED = int(os.environ.get("SEED") or 0) or int(time.time())
ONE = os.environ.get("CASE")
JOBS = 1 if ONE else int(os.environ.get("JOBS") or min(4, os.cpu_count() or 1))
WAIT = 6.0


class Case(made.Case):
    """As a server says it that knows its manners: AD for those who ask, no rcode that the client
    cannot be told, TC where the answer is too long for who asks."""

    def __init__(self, seed, number):
        super().__init__(seed, number)
        self.ignores_size = self.minds_case = False     # nor does it write other bytes for another case
        if self.rcode > 15:
            self.rcode = 2
        if self.rcode not in (0, 3):    # which may be asked once more without EDNS, and so without DO;
            self.bits = [bit for bit in self.bits if bit != wire.AD]
            self.sections = [section[:3] for section in self.sections]  # and is kept up to 4 KB
        if number % 2 == 0:
            self.shape()

    def shape(self):
        """As Apple's names look, and most others."""
        rng, own, ttl = self.rng, self.name, self.rng.choice([20, 60, 300, 3600])
        target = wire.name("x%d.courier-push-apple.com.akadns.net." % self.number)
        hop = wire.name("pop-eur-benelux-courier.push-apple.com.akadns.net.")
        soa = wire.Rec(wire.name("akadns.net."), 49 + ttl, 6, [
            (wire.name("internal.akadns.net."),), (wire.name("hostmaster.akamai.com."),),
            b"\0\0\0\1\0\1\x5f\x90\0\1\x5f\x90\0\1\x5f\x90\0\0\0\xb4"], self.qclass)

        def alias(owner, to):
            return wire.Rec(owner, 279, 5, [(to,)], self.qclass)

        def data(owner):
            rtype = rng.choice([1, 28])
            return [wire.Rec(owner, ttl, rtype, [bytes(rng.randrange(256) for _ in range(
                4 if rtype == 1 else 16))], self.qclass) for _ in range(rng.randint(1, 8))]

        self.rcode, self.is_huge, answers = 0, False, data(own)
        self.type = rng.choice([65, answers[0].rtype])
        self.sections = rng.choice([
            [answers, [], []],
            [[alias(own, target)] + data(target), [], []],
            [[alias(own, target), alias(target, hop)] + data(hop), [], []],
            [[alias(own, target)], [soa], []],
            [[alias(own, target), alias(target, hop)], [soa], []],
            [[], [soa], []],
        ])
        if not self.sections[0] and rng.random() < 0.5:
            self.rcode = 3

    def answer(self, asked, is_direct):
        """OPT stands anywhere, but at the end for who asks directly and compares bytes: what points
        to places behind it would differ."""
        to = asked.msg
        has_ad = to.flags & wire.AD or to.do
        bits, self.bits = self.bits, [bit for bit in self.bits if bit != wire.AD or has_ad]
        where = "end" if is_direct and self.opt_at else self.opt_at
        reply = self.write(asked.wire, where if to.opt is not None else None)
        self.bits = bits
        room = 512 if to.opt is None else max(512, min(1232, to.opt.rclass))
        return asked.reply(tc=True) if not asked.tcp and len(reply) > room else reply


# --- one process of several -------------------------------------------------------------------

def content(message, query):
    """Its bytes without OPT, with the asker's ID and question; and the TTLs, which stand for
    themselves."""
    out, ttls = bytearray(compare.without_opt(message)), []
    out[0:2] = query[0:2]
    out[12:message.question_end] = wire.lower(query[12:message.question_end])
    for record in message.records():
        ttls.append(record.ttl)
        out[record.ttl_at:record.ttl_at + 4] = b"\0\0\0\0"
    return bytes(out), ttls


def differs(reply, said, most_s):
    """Why what came through the program is not what upstream says; None where it is."""
    got, sent = reply.msg, wire.Message(said)
    asked = wire.Message(reply.query)
    if (got.opt is None) != (asked.opt is None):
        return "OPT"
    body, ttls = content(got, reply.query)
    truth, given = content(sent, reply.query)
    if body != truth:
        return "bytes\n  got  %.600s\n  said %.600s" % (wire.describe(reply.wire),
                                                      wire.describe(said))
    for ttl, at_first in zip(ttls, given):
        if not max(0, at_first - most_s) <= ttl <= at_first:
            return "a TTL is %d, was %d at most %d s ago" % (ttl, at_first, most_s)
    return None


class Asker:
    """One process: an upstream, the program before it, and a client of both."""

    def __init__(self, number, rig):
        self.loop = Loop()
        self.loop.start()
        self.up = Upstream(self.loop, rig.addresses(1), PORT)
        self.up.rule(None, None, self.act, times=None)
        self.server = Quiet(rig, [self.up])
        self.case, self.number = None, number
        self.counts = dict.fromkeys(
            ("asked", "again", "hits", "tcp", "cut", "differ_miss", "differ_hit", "silent"), 0)
        self.told = []

    def act(self, asked):
        if self.case is None or wire.lower(asked.name) != wire.lower(self.case.name):
            return send(asked.reply(rcode=wire.NXDOMAIN))
        is_direct = asked.source[0] == self.up.address
        self.came += not is_direct
        return send(self.case.answer(asked, is_direct))

    def ask(self, to, tcp, query, source=None):
        with (client.Tcp if tcp else client.Udp)(to.address, to.port, source) as sock:
            return sock.ask(query, WAIT)

    def through(self, kind, query, tcp, said, began):
        """Asks the program; what is cut once more over TCP."""
        reply = self.ask(self.server, tcp, query)
        self.counts["tcp"] += tcp
        if reply.flags & wire.TC and not tcp:
            room = 512 if wire.Message(query).opt is None else max(
                512, min(1232, wire.Message(query).opt.rclass))
            if len(compare.without_opt(wire.Message(said))) + 11 <= room:
                return self.differ(kind, "TC, but it fits into %d bytes" % room)
            self.counts["cut"] += 1
            reply = self.ask(self.server, True, query)
        why = differs(reply, said, int(time.monotonic() - began) + 1)
        return self.differ(kind, why) if why else None

    def differ(self, kind, why):
        self.counts["differ_" + kind] += 1
        if len(self.told) < 5:
            self.told.append("SEED=%d CASE=%d, %s: %s" % (SEED, self.case.number, kind, why))

    def run_case(self, number):
        case = Case(SEED, number)
        rng = random.Random("q%d.%d" % (SEED, number))
        self.case, self.came = case, 0
        flags = wire.RD | rng.choice([0, 0, wire.AD]) | rng.choice([0, 0, 0, wire.CD])
        query = case.query(rng, flags, rng.random() < 0.3)
        said = self.ask(self.up, True, query, self.up.address).wire     # itself, with nobody between
        began = time.monotonic()
        self.counts["asked"] += 1
        self.through("miss", query, rng.random() < 0.1, said, began)
        self.came, again = 0, client.with_id(
            query[:12] + made.mixed(rng, case.name) + query[12 + len(case.name):])
        self.counts["again"] += 1
        self.through("hit", again, rng.random() < 0.1, said, began)
        self.counts["hits"] += self.came == 0
        del self.up.log[:]
        for rule in self.up.rules:
            del rule.asked[:], rule.sent[:]
        if number % 100 == 0:
            self.up.connections[:] = [one for one in self.up.connections if one.open]

    def run(self, numbers):
        for number in numbers:
            try:
                self.run_case(number)
            except client.NoAnswer as error:
                self.counts["silent"] += 1
                self.told.append("SEED=%d CASE=%d: %s" % (SEED, number, error))
        self.counts["told"] = self.told
        self.counts["crashed"] = not self.server.stop()
        self.loop.stop()


class Quiet(peers.Courierdns):
    """Nothing is asked ahead of time, and no answer is kept longer than upstream says."""

    more = ('couriers = ( { name = "apple"; pre_resolve = "off"; } );\n'
            'cache = { prefetch = false; };\n')


def child(number):
    rig = Rig(SEED + number)
    try:
        asker = Asker(number, rig)
        asker.run([int(ONE)] if ONE else range(number, QUERIES, JOBS))
        print(json.dumps(asker.counts))
    except Exception:       # said by whoever started us
        traceback.print_exc()
        sys.exit(1)
    finally:
        rig.close()


# --- all of them -----------------------------------------------------------------------------

class Differential(Figure):
    name = "L6"

    def rows(self):
        count = 1 if ONE else QUERIES
        return [Row("asked", "questions, asked upstream and through", format(count, ",d"),
                    lambda value: value == count, "{:,d}".format),
                none("differ_miss", "differ"),
                Row("again", "asked again", format(count, ",d"), lambda value: value == count,
                    "{:,d}".format),
                none("differ_hit", "differ"),
                Row("hits", "of these answered without upstream", ">= half",
                    lambda value: bool(ONE) or value >= count / 2, "{:,d}".format),
                told("tcp", "over TCP", "{:,d}".format),
                told("cut", "too long for UDP, and asked again over TCP", "{:,d}".format),
                none("silent", "without a reply"), none("crashed", "ended by itself")]


def main():
    if len(sys.argv) > 1:
        child(int(sys.argv[1]))
        return
    began = time.monotonic()
    children = [subprocess.Popen([sys.executable, "-B", __file__, str(number)],
                                 stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "SEED": str(SEED)}) for number in range(JOBS)]
    said = [one.communicate()[0] for one in children]
    if any(one.returncode != 0 for one in children):
        sys.exit("differential: one of %d ended by itself" % JOBS)
    counts = [json.loads(one) for one in said]
    values = {key: sum(one[key] for one in counts) for key in counts[0] if key != "told"}
    for one in counts:
        for line in one["told"]:
            run.say(line)
    missed = run.table([(Differential(IS_CUT), {Quiet.name: values})], [Quiet])
    print("differential: %s%.0f s, SEED=%d, %s" % (
        "a cut, " if IS_CUT else "", time.monotonic() - began, SEED,
        "%d missed" % missed if missed else "nothing differs"))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
