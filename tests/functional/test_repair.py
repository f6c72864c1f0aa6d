"""Repair of squashed aliases, used by people who mean no good: groups of servers of which each does
something else, clients of every kind, reloads midway, servers that squash now and then."""

import itertools
import threading
import time

from harness import apple, client, wire
from harness.mark import alone, each, limit
from harness.shapes import COURIER, TARGET, a1, r1
from harness.squashing import (CNAME, DEVICE_ASKS, alias, asked_alias, empty, family, flattened,
                               is_whole, label, nxdomain, refused, repairs, rewritten, served,
                               servfail, short_lived, soa_lost, squashes, told, told_by)
from harness.upstream import close, send

EDE_STALE, EDE_FORGED = 3, 4


# --- groups --------------------------------------------------------------------------------

GROUP = {"true": None, "empty": alias(empty), "nxdomain": alias(nxdomain)}


@each(list(itertools.product(("listed", "fastest", "race"), itertools.permutations(GROUP))),
      lambda one: "%s:%s" % (one[0], "+".join(one[1])))
def test_three_servers_of_which_one_is_true(t, case):
    order, names = case
    ups = {name: served(t, GROUP[name]) for name in names}
    dev = t.device(*ups.values(), order=order, conf=family())
    for qtype in DEVICE_ASKS:
        told_by(ups["true"], dev.ask(COURIER, qtype))
    counted = squashes(dev)
    assert set(counted) <= {("no-cname", label(ups["empty"])), ("nxdomain", label(ups["nxdomain"]))}
    for up in ups.values():
        assert len(asked_alias(up)) <= 3, "\n".join(map(str, up.log))


def test_two_squash_in_different_ways_and_both_are_named(t):
    one, two = served(t, alias(empty)), served(t, alias(nxdomain))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), 0.2)))
    dev = t.device(one, two, good, order="listed", conf=family())
    told_by(good, dev.ask(COURIER))
    assert squashes(dev) == {("no-cname", label(one)): 1, ("nxdomain", label(two)): 1}
    assert repairs(dev) == {"reask": 1}, repairs(dev)
    assert told(dev, one) and told(dev, two) and not told(dev, good), dev.stderr()


@limit(60)
def test_a_server_that_squashes_now_and_then(t):
    """Whenever it is asked, the client gets the truth; the log is not flooded."""
    count = itertools.count()
    bad = served(t, alias(lambda asked: empty(asked) if next(count) % 2 else short_lived(asked)))
    good = served(t, alias(short_lived))
    dev = t.device(bad, good, order="listed", conf=family())
    end = time.monotonic() + 8
    while time.monotonic() < end:
        for qtype in DEVICE_ASKS:
            reply = dev.ask(COURIER, qtype)
            assert is_whole(reply), reply
        time.sleep(0.2)
    assert squashes(dev)["no-cname", label(bad)] >= 3, squashes(dev)
    assert 1 <= len(told(dev, bad)) <= 8, dev.stderr()


@each([False, True], lambda tcp: "tcp" if tcp else "udp")
def test_a_server_that_squashes_over_one_transport(t, over_tcp):
    bad = served(t, lambda asked, name, _: empty(asked) if name == COURIER and asked.tcp == over_tcp
                 else NotImplemented)
    good = served(t)
    dev = t.device(bad, good, order="listed", conf=family())
    for qtype, tcp in itertools.product(("A", "HTTPS"), (over_tcp, not over_tcp)):
        assert is_whole(dev.ask(COURIER, qtype, tcp=tcp))
    told_by(good, dev.ask(COURIER, "A", tcp=over_tcp))
    told_by(bad, t.device(bad, good, order="listed", conf=family()).ask(
        COURIER, "A", tcp=not over_tcp))
    assert squashes(dev) == {("no-cname", label(bad)): 2}, squashes(dev)


@each([0.3, 1.2], str)
def test_a_slow_truthful_server_is_waited_for(t, delay):
    """The repair takes as long as the slowest server, and at most 0.4 s more."""
    bad = served(t, alias(empty))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), delay)))
    dev = t.device(bad, good, order="listed", conf=family())
    reply = dev.ask(COURIER)
    told_by(good, reply)
    t.within(reply.took, delay, delay + 0.4)


@each([(0.6, 0.1), (0.1, 0.6)], str)
def test_a_slow_squasher_costs_no_more_than_itself(t, delays):
    bad = served(t, alias(lambda asked: send(asked.reply(), delays[0])))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), delays[1])))
    dev = t.device(bad, good, order="listed", conf=family())
    reply = dev.ask(COURIER)
    told_by(good, reply)
    t.within(reply.took, min(delays), max(delays) + 0.4)


SQUASHES = {"no-cname": empty, "soa-lost": soa_lost, "nxdomain": nxdomain, "servfail": servfail,
            "refused": refused, "sinkhole": lambda asked: asked.reply([a1(COURIER, "0.0.0.0")]),
            "flattened": flattened("17.57.146.132"), "rewritten": rewritten("block.example.")}


@each(sorted(SQUASHES))
def test_with_nobody_true_and_nothing_known_it_is_passed_on(t, shape):
    """What upstream said, to the byte; it is not kept for long, so the truth comes soon after it."""
    liar = [True]
    bad = served(t, alias(lambda asked: SQUASHES[shape](asked) if liar else NotImplemented))
    dev = t.device(bad, conf=family())
    reply = dev.ask(COURIER)
    told_by(bad, reply)
    assert squashes(dev) == {(shape, label(bad)): 1}, squashes(dev)
    liar.clear()
    t.until(lambda: is_whole(dev.ask(COURIER)), 8, "the truth did not come")


@each(["no-cname", "soa-lost", "nxdomain", "servfail", "refused", "sinkhole", "silent"])
def test_the_last_good_answer_outlives_the_squash(t, shape):
    liars = []
    act = alias(lambda asked: SQUASHES.get(shape, lambda _: None)(asked) if liars
                else short_lived(asked))
    one, two = served(t, act), served(t, act)
    dev = t.device(one, two, order="listed", conf=family())
    assert is_whole(dev.ask(COURIER))
    liars.append(True)
    time.sleep(2.1)
    for _again in range(2):
        reply = dev.ask(COURIER, edns=1232)
        assert is_whole(reply) and EDE_STALE in reply.ede, reply
        assert reply.authority[0].ttl <= 30 and reply.answer[0].ttl <= 30, reply
    assert is_whole(dev.ask(COURIER, tcp=True)), "over TCP"
    if shape != "silent":
        assert {shape for shape, _ in squashes(dev)} == {shape}, squashes(dev)
    liars.clear()
    t.until(lambda: not dev.ask(COURIER, edns=1232).ede, 8, "fresh truth did not come")


def test_with_stale_answers_off_the_last_good_one_still_repairs(t):
    liars = []
    bad = served(t, alias(lambda asked: nxdomain(asked) if liars else short_lived(asked)))
    dev = t.device(bad, conf=family() + "cache = { stale = 0; };\n")
    assert is_whole(dev.ask(COURIER))
    liars.append(True)
    time.sleep(2.1)
    assert is_whole(dev.ask(COURIER))


def test_a_squash_never_replaces_the_good_answer(t):
    """Not even while it is asked for in advance because it is popular."""
    liars = []
    bad = served(t, alias(lambda asked: nxdomain(asked) if liars else asked.reply(*r1(3, 3, 3))))
    dev = t.device(bad, conf=family())
    assert is_whole(dev.ask(COURIER))
    liars.append(True)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        reply = dev.ask(COURIER)
        assert is_whole(reply), reply
        time.sleep(0.1)
    assert len(asked_alias(bad)) < 20, "%d asked" % len(asked_alias(bad))


# --- who is believed -----------------------------------------------------------------------

@each(["flattened", "rewritten"])
def test_two_that_agree_are_believed(t, shape):
    one, two = served(t, alias(SQUASHES[shape])), served(t, alias(SQUASHES[shape]))
    dev = t.device(one, two, order="listed", conf=family())
    reply = dev.ask(COURIER)
    told_by(one, reply)
    assert repairs(dev) == {"believed": 1}, repairs(dev)
    assert {shape for shape, _ in squashes(dev)} == {shape}, squashes(dev)


@each(["flattened", "rewritten"])
def test_two_that_disagree_are_not_believed_against_a_true_one(t, shape):
    other = {"flattened": flattened("17.57.146.140"), "rewritten": rewritten("other.example.")}[shape]
    one, two, good = served(t, alias(SQUASHES[shape])), served(t, alias(other)), served(t)
    dev = t.device(one, two, good, order="listed", conf=family())
    told_by(good, dev.ask(COURIER))


def test_two_sinkholes_that_agree_are_no_news(t):
    liars = []
    act = alias(lambda asked: SQUASHES["sinkhole"](asked) if liars else short_lived(asked))
    dev = t.device(served(t, act), served(t, act), conf=family())
    assert is_whole(dev.ask(COURIER))
    liars.append(True)
    time.sleep(2.1)
    assert is_whole(dev.ask(COURIER))


def test_public_addresses_behind_the_right_target_are_no_squash(t):
    up = served(t, alias(lambda asked: asked.reply([CNAME + TARGET, TARGET + " 60 A 17.57.146.1"]),
                         "A"))
    other = served(t)
    dev = t.device(up, other, order="listed", conf=family())
    told_by(up, dev.ask(COURIER))
    assert not squashes(dev) and not asked_alias(other)


# --- another group -------------------------------------------------------------------------

def test_another_group_is_asked_only_where_this_one_squashes(t):
    bad, isp = served(t, alias(empty, "A", "HTTPS")), served(t)
    dev = t.device(bad, groups={"isp": [isp]}, conf=family(repair_upstream='"isp"'))
    told_by(isp, dev.ask(COURIER, "A"))
    told_by(isp, dev.ask(COURIER, "HTTPS"))
    told_by(bad, dev.ask(COURIER, "AAAA"))
    told_by(bad, dev.ask("7-courier.push.apple.com", "A"))
    told_by(bad, dev.ask(TARGET, "A"))
    assert {(wire.text(wire.lower(one.name)), one.msg.qtype) for one in isp.log} == {
        (COURIER, 1), (COURIER, 65)}, isp.log
    assert squashes(dev) == {("no-cname", label(bad)): 2}, squashes(dev)


def test_another_group_that_is_dead_costs_little(t):
    bad = served(t, alias(empty))
    gone = t.upstream(udp=False, tcp=False)
    dev = t.device(bad, groups={"isp": [gone]}, conf=family(repair_upstream='"isp"'))
    reply = dev.ask(COURIER)
    told_by(bad, reply)
    t.within(reply.took, 0, 0.5)


def test_another_group_that_squashes_too(t):
    bad, isp = served(t, alias(empty)), served(t, alias(nxdomain))
    dev = t.device(bad, groups={"isp": [isp]}, conf=family(repair_upstream='"isp"'))
    told_by(bad, dev.ask(COURIER))
    assert set(squashes(dev)) == {("no-cname", label(bad)), ("nxdomain", label(isp))}, squashes(dev)


# --- the other two settings ----------------------------------------------------------------

def test_off_only_counts(t):
    bad, good = served(t, alias(empty)), served(t)
    dev = t.device(bad, good, order="listed", conf=family(repair='"off"'))
    told_by(bad, dev.ask(COURIER))
    assert squashes(dev) == {("no-cname", label(bad)): 1} and not repairs(dev), dev.stderr()
    assert not asked_alias(good)


@each(["no-cname", "nxdomain", "servfail", "soa-lost", "sinkhole"])
def test_synthesized_when_nobody_is_true(t, shape):
    bad = served(t, alias(SQUASHES[shape]))
    dev = t.device(bad, conf=family(repair='"synthesize"'))
    for tcp in (False, True):
        for qtype in DEVICE_ASKS:
            reply = dev.ask(COURIER, qtype, tcp=tcp, edns=1232)
            assert is_whole(reply) and EDE_FORGED in reply.ede, reply
            assert reply.answer[0].target().lower() == TARGET, reply
    assert is_whole(dev.ask(COURIER, "A")), "without EDNS"
    assert "synthesize" in repairs(dev), repairs(dev)


def test_synthesize_prefers_the_truth(t):
    bad, good = served(t, alias(empty)), served(t)
    dev = t.device(bad, good, order="listed", conf=family(repair='"synthesize"'))
    reply = dev.ask(COURIER, edns=1232)
    told_by(good, reply)
    assert not reply.ede and set(repairs(dev)) == {"reask"}, repairs(dev)


# --- clients -------------------------------------------------------------------------------

CLIENTS = {
    "udp": {}, "tcp": {"tcp": True}, "edns": {"edns": 1232}, "do": {"do": True},
    "do-tcp": {"do": True, "tcp": True}, "small": {"edns": 512}, "cd": {"flags": wire.RD | wire.CD},
    "ad": {"flags": wire.RD | wire.AD}, "cookie": {"options": [(10, b"8" * 8)]},
    "ecs": {"options": [(8, b"\0\1\x18\0\xc6\x33\x64")]}, "unknown-option": {"options": [(65400, b"x")]},
    "padding": {"options": [(12, bytes(50))]},
}


@each(sorted(CLIENTS))
def test_every_kind_of_client_gets_the_truth(t, title):
    bad, good = served(t, alias(nxdomain)), served(t)
    dev = t.device(bad, good, order="listed", conf=family())
    for _again in range(2):
        for qtype in DEVICE_ASKS:
            told_by(good, dev.ask("Courier.PUSH.apple.com", qtype, **CLIENTS[title]))
    assert is_whole(dev.ask(COURIER, "A"))


def test_a_question_for_what_is_known_already_is_not_repaired(t):
    """Without RD no answer is wrong; nor does it become that of others."""
    bad, good = served(t, alias(nxdomain)), served(t)
    dev = t.device(bad, good, order="listed", conf=family())
    told_by(bad, dev.ask(COURIER, flags=0))
    assert not squashes(dev), squashes(dev)
    told_by(good, dev.ask(COURIER))


def test_svcb_is_repaired_and_other_types_are_not(t):
    bad, good = served(t, alias(nxdomain)), served(t)
    dev = t.device(bad, good, order="listed", conf=family())
    told_by(good, dev.ask(COURIER, "SVCB"))
    for qtype in ("TXT", "MX", "CNAME", "SOA", "NS"):
        told_by(bad, dev.ask(COURIER, qtype))
    reply = dev.ask(COURIER, "A", qclass=3)
    assert reply.rcode != wire.SERVFAIL, reply
    assert squashes(dev) == {("nxdomain", label(bad)): 1}, squashes(dev)


@alone
def test_a_crowd_asks_upstream_once(t):
    """All who ask the same at the same time get the truth of one repair, each in their own way."""
    bad = served(t, alias(lambda asked: send(asked.reply(), 0.2)))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), 0.3)))
    dev = t.device(bad, good, order="listed", conf=family())
    replies, problems = [], []

    def one(at):
        try:
            replies.append(dev.ask("cOuRiEr.push.apple.com" if at % 3 else COURIER, "A",
                                   tcp=at % 4 == 0, **({"edns": 1232} if at % 2 else {})))
        except (AssertionError, OSError) as problem:
            problems.append(problem)
    threads = [threading.Thread(target=one, args=(at,)) for at in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems and len(replies) == 40, problems
    for reply in replies:
        told_by(good, reply)
    assert len(asked_alias(bad)) <= 3 and len(asked_alias(good)) <= 3, (bad.log, good.log)
    assert squashes(dev)["no-cname", label(bad)] == len(asked_alias(bad)), squashes(dev)


def test_a_private_question_is_repaired_and_not_shared(t):
    """Its truth is for one client alone; another's is asked for anew."""
    bad, good = served(t, alias(empty)), served(t)
    dev = t.device(bad, good, order="listed", conf=family())
    ecs = [(8, b"\0\1\x18\0\xc6\x33\x64")]
    for times in (1, 2):
        told_by(good, dev.ask(COURIER, options=ecs))
        assert len(asked_alias(good)) == times, good.log
    told_by(good, dev.ask(COURIER))
    assert len(asked_alias(good)) == 3, good.log


def test_a_truncated_truth_is_fetched_over_tcp(t):
    bad = served(t, alias(empty))
    good = served(t, alias(lambda asked: asked.reply(*r1()) if asked.tcp else asked.reply(tc=True)))
    dev = t.device(bad, good, order="listed", conf=family())
    reply = dev.ask(COURIER)
    assert is_whole(reply) and not reply.flags & wire.TC, reply


def test_a_truth_with_a_wrong_id_is_none(t):
    """Nor is a forged squash before the truth one."""
    def forged(asked):
        wrong = bytearray(asked.reply([], rcode=wire.NXDOMAIN))
        wrong[0] ^= 1
        return [send(bytes(wrong)), send(asked.reply(*r1()), 0.05)]
    up = served_acts(t, alias(forged))
    other = served(t)
    dev = t.device(up, other, order="listed", conf=family())
    assert is_whole(dev.ask(COURIER))
    assert not squashes(dev), squashes(dev)


def served_acts(t, but):
    """As served(), without keeping what is said: for lists of acts."""
    return apple.truthful(t.upstream(), but)


def test_clients_that_hang_up_midway(t):
    bad = served(t, alias(empty))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), 0.4)))
    dev = t.device(bad, good, order="listed", conf=family())
    for qtype in DEVICE_ASKS:
        with dev.tcp() as tcp:
            tcp.send(client.with_id(wire.query(COURIER, qtype)))
            time.sleep(0.1)
            tcp.reset()
    time.sleep(0.6)
    for qtype in DEVICE_ASKS:
        assert is_whole(dev.ask(COURIER, qtype))


# --- rules ---------------------------------------------------------------------------------

def test_a_local_answer_is_no_squash(t):
    up = served(t)
    dev = t.device(up, conf=family(), zones='{ name = "%s"; action = "nxdomain"; }' % COURIER)
    assert dev.ask(COURIER).rcode == wire.NXDOMAIN
    assert not squashes(dev) and not asked_alias(up)


def test_the_rules_group_is_the_one_that_is_reasked(t):
    """A zone's servers are asked, and no others: a failed group never leaks."""
    one, two, other = served(t, alias(empty)), served(t), served(t)
    dev = t.device(other, groups={"push": [one, two]}, order="listed", conf=family(),
                   zones='{ name = "push.apple.com"; upstream = "push"; }')
    told_by(two, dev.ask(COURIER))
    assert not asked_alias(other)
    assert squashes(dev) == {("no-cname", label(one)): 1}, squashes(dev)


@each(["no-cname", "servfail"])
def test_the_group_for_failures_repairs_too(t, shape):
    """A squash is one: whoever may answer where the rule's servers fail may answer here."""
    one, other = served(t, alias(SQUASHES[shape])), served(t)
    dev = t.device(other, groups={"push": [one]}, order="listed", conf=family(),
                   zones='{ name = "push.apple.com"; upstream = "push"; on_failure = "default"; }')
    told_by(other, dev.ask(COURIER))


def test_the_log_says_who_began_and_who_stopped(t):
    liars = [True]
    bad = served(t, alias(lambda asked: empty(asked) if liars else short_lived(asked)))
    good = served(t, alias(short_lived))
    dev = t.device(bad, good, order="listed", conf=family())
    assert is_whole(dev.ask(COURIER))
    began = told(dev, bad)
    assert len(began) == 1 and "no-cname" in began[0] and COURIER.rstrip(".") in began[0], began
    for _again in range(2):
        time.sleep(2.1)
        assert is_whole(dev.ask(COURIER))
    assert told(dev, bad) == began, "told again"
    liars.clear()
    time.sleep(2.1)
    assert is_whole(dev.ask(COURIER))
    t.until(lambda: len(told(dev, bad)) == 2, 3, "nobody said that it stopped\n" + dev.stderr())


def test_every_server_is_asked_once_for_one_question(t):
    """A repair is no storm, also where nobody is true."""
    ups = [served(t, alias(act)) for act in (empty, nxdomain, servfail, refused, soa_lost)]
    dev = t.device(*ups, order="listed", conf=family())
    reply = dev.ask(COURIER)
    told_by(ups[0], reply)
    assert [len(asked_alias(up)) for up in ups] == [1] * 5, [len(asked_alias(up)) for up in ups]
    assert len(squashes(dev)) == 5, squashes(dev)


@alone
@each(["deaf", "closed", "reset"])
def test_the_other_server_is_none(t, how):
    """The squash is all there is, and comes while the client still waits."""
    bad = served(t, alias(empty))
    other = t.upstream(udp=how == "deaf", tcp=how != "closed")
    other.deaf = how == "deaf"
    if how == "reset":
        other.rule(None, None, lambda asked: [close()], times=None)
    dev = t.device(bad, other, order="listed", conf=family())
    reply = dev.ask(COURIER)
    told_by(bad, reply)
    t.within(reply.took, 0, 2.5 if how == "deaf" else 0.5)
    t.until(lambda: dev.ask(COURIER).took < 0.5 + t.late, 8, "it is as slow each time")


# --- what is the truth, and what only looks like a squash ----------------------------------

RRSIG = "CNAME 8 4 300 20380101000000 20200101000000 12345 apple.com. " + "c2lnbmF0dXJl" * 10
TRUTHS = {
    "signed": lambda asked: asked.reply(
        [CNAME + TARGET, "%s 279 RRSIG %s" % (COURIER, RRSIG)],
        r1()[1] + ["akadns.net. 180 NSEC a.akadns.net. NS SOA RRSIG NSEC"]),
    "letter-case": lambda asked: asked.reply([CNAME + "Courier-PUSH-apple.com.akadns.NET."],
                                             r1()[1]),
    "another-step": lambda asked: asked.reply(
        [CNAME + TARGET, TARGET + " 60 CNAME new.push-apple.com.akadns.net."], r1()[1]),
    "with-more": lambda asked: asked.reply(
        r1()[0], r1()[1] + ["akadns.net. 300 NS a1-128.akadns.net."],
        [a1("a1-128.akadns.net.", "193.108.88.128")], aa=True, ad=True),
    "ttl-0": lambda asked: asked.reply(*r1(0, 0, 0)),
    "uncompressed": lambda asked: asked.reply(*r1(), compress=False),
}


@each(sorted(TRUTHS))
def test_the_truth_comes_in_many_guises(t, title):
    """From a first server it is not asked about again; from a second one it repairs."""
    true, bad = served(t, alias(TRUTHS[title])), served(t, alias(empty))
    for ups in ([true, bad], [bad, true]):
        dev = t.device(*ups, order="listed", conf=family())
        for qtype in DEVICE_ASKS:
            told_by(true, dev.ask(COURIER, qtype, do=True))
        assert bool(squashes(dev)) == (ups[0] is bad), squashes(dev)


@each(["no-tcp", "squashed-there"])
def test_a_truncated_squash(t, how):
    """What is cut off is fetched over TCP before anything is thought of it."""
    bad = served(t, alias(lambda asked: empty(asked) if asked.tcp else asked.reply(tc=True)))
    if how == "no-tcp":
        bad.close(udp=False)
    good = served(t)
    dev = t.device(bad, good, order="listed", conf=family())
    for qtype in DEVICE_ASKS:
        told_by(good, dev.ask(COURIER, qtype))
    assert set(squashes(dev)) <= {("no-cname", label(bad))}, squashes(dev)


def test_a_lossy_way_to_the_true_server(t):
    """Its first packet is lost: it is asked again."""
    heard = set()

    def lossy(asked):
        key = asked.msg.qtype
        if key in heard:
            return NotImplemented
        heard.add(key)
        return None
    bad, good = served(t, alias(empty)), served(t, alias(lossy))
    dev = t.device(bad, good, order="listed", conf=family())
    for qtype in DEVICE_ASKS:
        reply = dev.ask(COURIER, qtype)
        told_by(good, reply)
        t.within(reply.took, 0.1, 1.0)


@alone
def test_silence_of_one_name_with_the_truth_elsewhere(t):
    """A device that asks and asks is never left without an answer for a second."""
    bad, good = served(t, alias(lambda asked: None)), served(t, alias(short_lived))
    dev = t.device(bad, good, order="listed", conf=family())
    assert dev.ask("www.apple.com").a()
    end = time.monotonic() + 6
    while time.monotonic() < end:
        reply = dev.ask(COURIER)
        assert is_whole(reply), reply
        t.within(reply.took, 0, 1.0)
        time.sleep(0.3)
    assert squashes(dev)["silent", label(bad)] >= 1, squashes(dev)
