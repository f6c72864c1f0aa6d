"""SP: what others could guess or forge. An answer counts only from the server that was asked, to the
port and with the ID it was asked with; and those nobody can foresee.

Where chance decides, a bound is so wide that a sound program passes all but once in a million runs;
how wide that is stands beside it."""

import math
import os
import random
import socket
import threading
import time

from harness import shapes, wire
from harness.device import SANITIZED, SLOWER
from harness.mark import alone, heavy, limit
from harness.netns import Network
from harness.shapes import a1
from harness.upstream import send

FEWER = 5 if SANITIZED else 1


def ask_many(t, dev, names, window, sources=(None,), seconds=30.0, qtype="A", took=None):
    """Asks for all `names`, never more than `window` at once, from all `sources` in turn. Returns the
    replies as {name: Message} and the client's own IDs as {name: ID}; every question is answered.
    `took`, if given, is filled with {name: seconds}."""
    socks = [dev.udp(source) for source in sources]
    got, own, waiting, at, sent_at = {}, {}, [dict() for _ in socks], 0, {}
    end = time.monotonic() + seconds * SLOWER
    per_sock = max(1, window // len(socks))
    patience = 0.02 if len(socks) == 1 else 0.0
    while len(got) < len(names):
        assert time.monotonic() < end, "%d of %d answered" % (len(got), len(names))
        for number, sock in enumerate(socks):
            while at < len(names) and len(waiting[number]) < per_sock:
                ident = random.randrange(65536)
                if ident in waiting[number]:
                    continue
                own[names[at]] = ident
                sent_at[names[at]] = time.monotonic()
                sock.send(wire.query(names[at], qtype, ident=ident))
                waiting[number][ident] = names[at]
                at += 1
        for number, sock in enumerate(socks):
            while waiting[number]:
                data = sock.recv(patience)
                if data is None:
                    break
                said = wire.Message(data)
                name = waiting[number].pop(said.id, None)
                if name is not None:
                    got[name] = said
                    if took is not None:
                        took[name] = time.monotonic() - sent_at[name]
    for sock in socks:
        sock.close()
    return got, own


def chi_square(counts, expected):
    """(sum, degrees of freedom). Neighbours are taken together until 20 are expected in each."""
    total, cells, count, want = 0.0, 0, 0, 0.0
    for number, one in zip(counts, expected):
        count, want = count + number, want + one
        if want >= 20:
            total += (count - want) ** 2 / want
            cells, count, want = cells + 1, 0, 0.0
    return total, max(1, cells - 1)


def even(counts, expected, what):
    """As even as chance makes it. 6 standard deviations of the cube root of chi-square, which is
    nearly normal (Wilson and Hilferty): once in 10^9."""
    total, free = chi_square(counts, expected)
    z = ((total / free) ** (1 / 3) - (1 - 2 / (9 * free))) / math.sqrt(2 / (9 * free))
    assert abs(z) < 6, "%s: chi-square %.0f of %d degrees, %.1f deviations" % (what, total, free, z)


def ports_are_even(ports, what):
    """Over all between the smallest and the largest; both bytes."""
    low, high = min(ports), max(ports)
    share = len(ports) / (high - low + 1)
    for name, byte in (("low", lambda port: port & 255), ("high", lambda port: port >> 8)):
        counts, expected = [0] * 256, [0.0] * 256
        for port in ports:
            counts[byte(port)] += 1
        for port in range(low, high + 1):
            expected[byte(port)] += share
        even(counts, expected, "%s byte of %s" % (name, what))


def no_trend(values, what):
    """Neither rising nor falling, nor following from the one before: 5.5 deviations, once in 10^7."""
    number = len(values)
    rising = sum(b > a for a, b in zip(values, values[1:]))
    assert abs(rising - (number - 1) / 2) < 5.5 * math.sqrt((number + 1) / 12) + number * 2e-4, \
        "%s go up %d times of %d" % (what, rising, number)
    mean = sum(values) / number
    spread = sum((value - mean) ** 2 for value in values)
    serial = sum((a - mean) * (b - mean) for a, b in zip(values, values[1:])) / spread
    assert abs(serial) < 5.5 / math.sqrt(number), "%s: serial correlation %.3f" % (what, serial)


def distinct(values, among, what):
    """As many different ones as chance gives, less 6 deviations."""
    n, c = len(values), len(values) / among
    expected = among * (1 - math.exp(-c))
    spread = math.sqrt(among * math.exp(-c) * (1 - (1 + c) * math.exp(-c)))
    least = expected - 6 * spread - 1
    assert len(set(values)) >= least, "%s: %d different of %d, expected %d, at least %d" % (
        what, len(set(values)), n, expected, least)


def first_sends(rule):
    """Each question once: a busy machine may be late enough for it to be sent again."""
    first = {}
    for asked in rule.asked:
        first.setdefault(asked.name, asked)
    return list(first.values())


def drawn(first):
    """The ports in the order in which they were drawn. What is asked in one turn, 64 questions at the
    most, shares one, and with others among them when several turns' cross on their way."""
    ports, seen_at, run = [], {}, {}
    for at, asked in enumerate(first):
        port = asked.source[1]
        if at - seen_at.get(port, -1000) > 100:
            ports.append(port)
            run[port] = 0
        seen_at[port] = at
        run[port] += 1
        assert run[port] <= 64, "%d questions from port %d" % (run[port], port)
    return ports


@limit(60)
def test_SP_01_ports_are_many_and_unforeseeable(t):
    """One question after the other: 1,000 give 950 ports or more (982 expected of 28,232, deviation
    4), and 28,000 ports are drawn from. Sixteen at once share some."""
    up = t.upstream()
    number = 5000 // FEWER
    rule = up.rule(None, "A", shapes.digest_reply, times=(number, 2 * number))
    dev = t.device(up)
    names = [t.fresh() for _ in range(number)]
    ask_many(t, dev, names[:1000], 1)
    ask_many(t, dev, names[1000:], 16)
    first = first_sends(rule)
    ports = [asked.source[1] for asked in first[:1000]]
    assert len(set(ports)) >= 950, "%d ports" % len(set(ports))
    no_trend(ports, "ports")
    ports = drawn(first)
    # one drawn again within 100 questions looks like one that is shared: 3.5 of 1,000 expected
    assert len(ports) >= 980 + (number - 1000) / 16, "%d ports were drawn" % len(ports)
    # by chance once in 10^7; of 28,000 once in 3,000, of as few as may be drawn
    assert max(ports) - min(ports) >= (27500 if SANITIZED else 27800), (min(ports), max(ports))
    ports_are_even(ports, "the port")


@limit(60)
def test_SP_02_ids_are_many_and_unforeseeable(t):
    """10,000 questions give some 9,274 IDs. Upstream's have nothing to do with the client's: of 10,000
    pairs 0.15 are equal by chance, 5 once in 10^6."""
    up = t.upstream()
    number = 10000 // FEWER
    rule = up.rule(None, "A", shapes.digest_reply, times=(number, 2 * number))
    dev = t.device(up)
    names = [t.fresh() for _ in range(number)]
    _, own = ask_many(t, dev, names, 16)
    idents = [asked.id for asked in first_sends(rule)]
    distinct(idents, 65536, "IDs")
    no_trend(idents, "IDs")
    for name, byte in (("low", lambda ident: ident & 255), ("high", lambda ident: ident >> 8)):
        counts = [0] * 256
        for ident in idents:
            counts[byte(ident)] += 1
        even(counts, [number / 256] * 256, "%s byte of the ID" % name)
    same = sum(own[wire.text(asked.name)] == asked.id for asked in first_sends(rule))
    assert same <= 4, "%d questions went upstream with the client's own ID" % same


@limit(60)
@heavy
def test_SP_17_no_pair_of_port_and_id_twice_at_once(t):
    """Under load, with hundreds in flight: ports and IDs are as even and as unforeseeable as in SP-01
    and SP-02, and no pair that is awaited is drawn again."""
    up = t.upstream()
    number = 8000 // FEWER
    rule = up.rule(None, "A", lambda asked: send(shapes.digest_reply(asked), 0.08), times=None)
    dev = t.device(up, conf="limits = { inflight = 1024; };")
    names = ["f%d.z%d.example." % (at, at % 97) for at in range(number)]
    sources = [t.address() for _ in range(8)]
    ask_many(t, dev, names, 400, sources)
    open_until = {}
    first = first_sends(rule)
    for asked in first:
        pair = asked.source[1], asked.id
        assert open_until.get(pair, 0.0) < asked.time, "%d and %d are used twice at once" % pair
        open_until[pair] = asked.time + 0.07
    ports, idents = drawn(first), [asked.id for asked in first]
    # all of them over 2 s; by chance 0.02 pairs come twice, four once in 10^8
    assert len({(asked.source[1], asked.id) for asked in first}) >= number - 3
    distinct(idents, 65536, "IDs")
    no_trend(ports, "ports")
    no_trend(idents, "IDs")
    ports_are_even(ports, "the port")


@limit(60)
def test_SP_18_no_run_repeats_another(t):
    """No three IDs in a row come twice in fifty starts (by chance once in 10^8), nor do all begin with
    the same few."""
    up = t.upstream()
    runs, each = 50 // FEWER, 20
    rule = up.rule(None, "A", shapes.digest_reply, times=(runs * each, 2 * runs * each))
    dev = t.device(up)
    for run in range(runs):
        if run > 0:
            dev.stop()
            dev.stopped = False
            dev.start()
        for _ in range(each):
            dev.ask(t.fresh())
    idents = [asked.id for asked in first_sends(rule)]
    starts = [idents[run * each:(run + 1) * each] for run in range(runs)]
    triples = [tuple(run[at:at + 3]) for run in starts for at in range(each - 2)]
    assert len(set(triples)) == len(triples), "three IDs in a row came twice"
    assert len({run[0] for run in starts}) >= runs - 5, "runs begin alike"


# --- the same question many times ----------------------------------------------------------

@alone
def test_SP_04_SP_05_a_hundred_askers_are_one_question(t):
    """Upstream takes 1.5 s: it is asked twice at the most, one spelling after the other, and everybody
    is answered, each as they wrote the name."""
    up, qname = t.upstream(), "abcdefghijklmnopqrst.example."
    up.answers(qname, "A", [a1(qname)], delay=1.5, times=(1, 2))
    dev = t.device(up, timeout=4.0)
    socks = [dev.udp() for _ in range(100)]
    spellings = ["".join(random.choice((char, char.upper())) for char in qname) for _ in socks]
    for sock, spelling in zip(socks, spellings):
        sock.send(wire.query(spelling, ident=random.randrange(65536)))
    for sock, spelling in zip(socks, spellings):
        data = sock.recv(5.0)
        assert data is not None, "not everybody is answered"
        said = wire.Message(data)
        assert said.a() == ["192.0.2.1"] and said.qname == wire.name(spelling), said
        sock.close()


# --- forged answers ------------------------------------------------------------------------

EVIL = "6.6.6.6"


def forged(asked, ident):
    reply = asked.reply([a1(wire.text(asked.name), EVIL)])
    return ident.to_bytes(2, "big") + reply[2:]


def test_SP_08_answers_from_elsewhere_find_the_port_closed(t):
    """Every ID there is, the right one first, to the right port, from an address that was not asked: nothing
    counts, and whoever sends it is told by ICMP that nobody is there."""
    up, qname = t.upstream(), t.fresh()
    rule = up.rule(qname, "A", lambda asked: None, times=(1, 6))    # for now
    dev = t.device(up, timeout=4.5)
    with dev.udp() as udp:
        udp.send(wire.query(qname, ident=77))
        t.until(lambda: rule.asked, 1.0, "upstream was not asked")
        asked, refused = rule.asked[0], 0
        end = asked.time + 2.5      # a slow attacker does not come to all of them
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
            attacker.bind((t.address(), up.port))
            attacker.connect(asked.source)
            reply = bytearray(forged(asked, 0))
            for at in range(65536):
                ident = asked.id ^ at
                reply[0], reply[1] = ident >> 8, ident & 255
                try:
                    attacker.send(reply)
                except ConnectionRefusedError:
                    refused += 1
                if at % 256 == 0 and time.monotonic() > end:
                    break
        with t.loop.lock:
            up.act_now(send(asked.reply([a1(qname)])), asked, None)
        said = wire.Message(udp.recv(5.0))
    assert refused > 1000, "%d of 65,536 refused: the port looks open" % refused
    assert said.id == 77 and said.a() == ["192.0.2.1"], said
    assert dev.statistics()["upstream_mismatched"] == 0
    assert dev.ask(qname).a() == ["192.0.2.1"]


def test_SP_09_wrong_ids_from_the_server_move_the_question_to_tcp(t):
    """Somebody sends as the server itself, from its port: after the first wrong ID TCP is asked, and
    its answer counts."""
    up, qname = t.upstream(), t.fresh()

    def flood(asked):
        """2,000 of them in a fifth of a second, none with the right ID."""
        reply = forged(asked, 0)[2:]
        for at in range(1, 2001):
            up.udp_sock.sendto((asked.id ^ at).to_bytes(2, "big") + reply, asked.source)
            if at % 100 == 0:
                time.sleep(0.01)

    def act(asked):
        if asked.tcp:
            return send(asked.reply([a1(qname)]), 0.3)
        attack = threading.Thread(target=flood, args=(asked,), daemon=True)
        attack.start()
    rule = up.rule(qname, "A", act, times=(2, 4))
    dev = t.device(up)
    reply = dev.ask(qname)
    assert reply.a() == ["192.0.2.1"], "%s\n%s" % (reply, rule)
    t.within(reply.took, 0.25, 0.6)
    by_tcp = [asked.tcp for asked in rule.asked]    # sent again where the forger was slow
    assert not by_tcp[0] and any(by_tcp), rule
    assert dev.statistics()["upstream_mismatched"] >= 1
    assert dev.ask(qname).a() == ["192.0.2.1"]


def test_SP_09_who_tries_all_ids_does_not_meet_the_right_one(t):
    """After a few wrong ones the port is closed, and TCP answers. Where it cannot, another port is asked
    from, and what comes there is believed again."""
    up, qname, other = t.upstream(), t.fresh(), t.fresh()

    def act(asked):
        if asked.tcp:
            return send(asked.reply([a1(qname)]), 0.25)
        return [forged(asked, asked.id ^ at) for at in range(1, 20)] + [
            send(forged(asked, asked.id), 0.1)]
    rule = up.rule(qname, "A", act, times=(2, 4))
    dev = t.device(up)
    reply = dev.ask(qname)
    assert reply.a() == ["192.0.2.1"], "%s\n%s" % (reply, rule)
    assert dev.ask(qname).a() == ["192.0.2.1"]
    up.close(udp=False)
    up.rule(other, "A", lambda asked: [forged(asked, asked.id ^ at) for at in range(1, 20)] + [
        send(asked.reply([a1(other)]), 0.1)], times=(1, 3))
    assert dev.ask(other).a() == ["192.0.2.1"]


def test_SP_10_a_port_is_closed_after_its_answer(t):
    """Nobody listens there any more, and the same answer with another address changes nothing."""
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    dev.ask(qname)
    asked = rule.asked[0]
    time.sleep(1.0)
    up.udp_sock.sendto(forged(asked, asked.id), asked.source)
    inode = local_sockets("udp", asked.source)
    assert not inode & dev_sockets(dev), "port %d is still open" % asked.source[1]
    time.sleep(0.1)
    assert dev.ask(qname).a() == ["192.0.2.1"]
    assert dev.statistics()["upstream_mismatched"] == 0


def local_sockets(table, address):
    """Inodes of the sockets bound to that address and port."""
    want = "%08X:%04X" % (int.from_bytes(socket.inet_aton(address[0]), "little"), address[1])
    with open("/proc/net/" + table, encoding="ascii") as lines:
        return {line.split()[9] for line in lines if line.split()[1] == want}


def dev_sockets(dev):
    found = set()
    for fd in os.listdir("/proc/%d/fd" % dev.pid):
        try:
            name = os.readlink("/proc/%d/fd/%s" % (dev.pid, fd))
        except OSError:
            continue
        if name.startswith("socket:["):
            found.add(name[8:-1])
    return found


def test_SP_13_the_first_answer_counts(t):
    """A second one with the same ID, to the same port, 10 ms later, is nobody's."""
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: [asked.reply([a1(qname)]),
                                       send(asked.reply([a1(qname, EVIL)]), 0.01)])
    dev = t.device(up)
    assert dev.ask(qname).a() == ["192.0.2.1"]
    time.sleep(0.1)
    assert dev.ask(qname).a() == ["192.0.2.1"]


# --- more than was asked for ---------------------------------------------------------------

def test_SP_14_other_names_in_an_answer_are_not_believed(t):
    """Fifty of them, in the answer and the additional section: each is asked for when its time comes."""
    up, qname = t.upstream(), t.fresh()
    others = ["other%d.example." % at for at in range(50)]
    rule = up.answers(qname, "A", [a1(qname)] + [a1(other, EVIL) for other in others[:25]], [],
                      [a1(other, EVIL) for other in others[25:]])
    rules = [up.answers(other, "A", [a1(other, "192.0.2.%d" % at)])
             for at, other in enumerate(others)]
    dev = t.device(up, conf="edns = { size = 4096; };")
    t.miss(dev.ask(qname, edns=4096), rule)
    for other, its in zip(others, rules):
        t.miss(dev.ask(other), its)


def test_SP_15_name_servers_and_dname_in_an_answer_lead_nowhere(t):
    """Who says that com is served elsewhere, or that a parent is another name, is passed on and
    obeyed by nobody here."""
    up, elsewhere = t.upstream(), t.upstream()
    first, second, third = "a.parent.example.", "b.parent.example.", "www.some.com."
    rule = up.answers(first, "A", [
        wire.raw("parent.example.", 300, "DNAME", wire.name("evil.example.")),
        "%s 300 CNAME a.evil.example." % first, a1("a.evil.example.", EVIL)],
        ["com. 172800 NS ns.evil.example.", ". 172800 NS ns.evil.example."],
        [a1("ns.evil.example.", elsewhere.address)])
    dev = t.device(up)
    t.miss(dev.ask(first), rule)
    for qname in (second, third):
        its = up.answers(qname, "A", [a1(qname)])
        t.miss(dev.ask(qname), its)
        assert wire.text(its.asked[0].name) == qname, "asked for something else"
    elsewhere.saw(0)


# --- no port left --------------------------------------------------------------------------

@heavy
def test_SP_16_no_port_is_left(t):
    """A network that gives out 400 ports, 1,200 questions that upstream holds for a second: nothing
    breaks, everybody is told something in time, and what is drawn stays unforeseeable."""
    net = Network(t)
    net.run("sh", "-c", "echo 40000 40399 >/proc/sys/net/ipv4/ip_local_port_range")
    up = t.upstream(network=net)
    number = 1200
    rule = up.rule(None, "A", lambda asked: send(shapes.digest_reply(asked), 1.0), times=None)
    dev = t.device(up, network=net, conf="limits = { inflight = 4096; };", timeout=4.0)
    names = ["f%d.z%d.example." % (at, at % 300) for at in range(number)]
    took = {}
    got, _ = ask_many(t, dev, names, number, [t.address() for _ in range(20)], took=took)
    t.within(max(took.values()), 0.9, 5.5 * SLOWER)
    good = sum(said.rcode == wire.NOERROR for said in got.values())
    assert all(said.rcode in (wire.NOERROR, wire.SERVFAIL) for said in got.values())
    assert good >= 350, "%d of %d answered" % (good, number)
    sent = {(asked.name, asked.source[1]): asked.id for asked in rule.asked}    # each once
    distinct(list(sent.values()), 65536, "IDs")
    no_trend(list(sent.values()), "IDs")
    rule.do = shapes.digest_reply
    got, _ = ask_many(t, dev, ["after%d.example." % at for at in range(200)], 8)
    assert all(said.rcode == wire.NOERROR for said in got.values()), "not well again"
