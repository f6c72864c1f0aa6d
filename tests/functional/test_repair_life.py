"""Repair of squashed aliases while the program's own life goes on: reloads and ends midway, limits,
servers that come and go."""

import itertools
import os
import random
import signal
import time

from harness import client, wire
from harness.device import SLOWER
from harness.mark import Skip, alone, each, limit
from harness.shapes import COURIER, a1, r1
from harness.squashing import (DEVICE_ASKS, alias, asked_alias, empty, family, flattened, is_whole,
                               label, nxdomain, repairs, served, servfail, short_lived, squashes,
                               told_by)
from harness.upstream import send


# --- the daemon's own life -----------------------------------------------------------------

def midway(dev, act):
    """The reply to a question for the alias, with act() done 0.15 s after it was asked."""
    with dev.udp() as udp:
        query = client.with_id(wire.query(COURIER, "A"))
        asked_at = time.monotonic()
        udp.send(query)
        time.sleep(0.15)
        act()
        data = udp.recv(5.0 * SLOWER)
        assert data is not None, "no answer\n" + dev.stderr()
        return client.Reply(data, query, asked_at, time.monotonic(), False)


RELOADS = {
    "same": family(), "off": family(repair='"off"'), "gone": family(enabled="false"),
    "synthesize": family(repair='"synthesize"'), "broken": "couriers = ( { nonsense = 1; } );",
    "another": family(count="7"),
}


@each(sorted(RELOADS))
def test_reload_midway(t, title):
    """Who asked before gets the truth; afterwards the new configuration rules."""
    bad = served(t, alias(empty))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), 0.5)))
    dev = t.device(bad, good, order="listed", conf=family())
    text = t.config([bad, good], RELOADS[title], address=dev.address, order="listed")
    told_by(good, midway(dev, lambda: dev.reload(text)))
    expected = bad if title in ("off", "gone") else good
    for qtype in ("HTTPS", "A"):    # what was asked under the old one is not kept
        told_by(expected, dev.ask(COURIER, qtype))


def test_reload_that_takes_the_true_server_away(t):
    bad = served(t, alias(empty))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), 0.5)))
    dev = t.device(bad, good, order="listed", conf=family())
    text = t.config([bad], family(), address=dev.address, order="listed")
    told_by(good, midway(dev, lambda: dev.reload(text)))
    told_by(bad, dev.ask(COURIER, "HTTPS"))


def slowly(seconds):
    """The truth, after a while."""
    return alias(lambda asked: send(asked.reply(*r1()), seconds))


def test_reload_that_takes_the_repairing_group_away(t):
    """It lives for as long as somebody waits for it."""
    bad, isp = served(t, alias(empty)), served(t, slowly(0.5))
    dev = t.device(bad, groups={"isp": [isp]}, conf=family(repair_upstream='"isp"'))
    text = t.config([bad], family(), address=dev.address)
    told_by(isp, midway(dev, lambda: dev.reload(text)))
    told_by(bad, dev.ask(COURIER, "HTTPS"))
    assert "repair_upstream" in repairs(dev), repairs(dev)


def test_reload_that_takes_all_servers_away_midway(t):
    """Again and again, while questions for the alias wait for servers that are no more."""
    bad, good = served(t, alias(empty)), served(t, slowly(0.3))
    dev = t.device(bad, good, order="listed", conf=family())
    texts = [t.config(ups, family(**how), address=dev.address, order="listed") for ups, how in (
        ([good, bad], {}), ([bad], {"repair": '"synthesize"'}), ([bad, good], {"repair": '"off"'}),
        ([good], {"enabled": "false"}), ([bad, good], {}))]
    with dev.udp() as udp:
        for text in texts * 4:
            for qtype in DEVICE_ASKS:
                udp.send(client.with_id(wire.query(COURIER, qtype)))
            time.sleep(0.05)
            dev.reload(text)
            time.sleep(0.1)
        got = 0
        while udp.recv(1.0 * SLOWER) is not None:
            got += 1
    assert got == 60, "%d of 60 were answered" % got


def test_servers_of_a_file_that_changes_midway(t):
    try:
        bad, good, other = (served(t, but, port=53) for but in (alias(empty), slowly(0.5), None))
    except PermissionError as error:
        raise Skip("port 53 is not ours") from error
    path = os.path.join(t.directory, "resolv.conf")

    def name_servers(*ups):
        with open(path + ".new", "w", encoding="ascii") as out:
            out.writelines("nameserver %s\n" % up.address for up in ups)
        os.rename(path + ".new", path)
    name_servers(bad, good)
    listen = 'listen = ( { address = "%s.1"; port = 5300; } );\n' % t.net
    dev = t.device(text=listen + 'upstreams = { default = { resolv_conf = "%s"; '
                   'order = "listed"; }; };\n' % path + family())
    assert is_whole(midway(dev, lambda: name_servers(bad, other)))
    t.until(lambda: "names %s" % label(bad) in dev.stderr(), what="the file was not read")
    assert is_whole(dev.ask(COURIER, "HTTPS"))


def test_stopped_midway_it_answers_first(t):
    bad = served(t, alias(empty))
    good = served(t, alias(lambda asked: send(asked.reply(*r1()), 0.6)))
    dev = t.device(bad, good, order="listed", conf=family())
    told_by(good, midway(dev, lambda: dev.signal(signal.SIGTERM)))
    assert dev.stop() is None
    dev.stopped = True


def test_without_a_cache(t):
    bad, good = served(t, alias(empty)), served(t)
    dev = t.device(bad, good, order="listed", conf=family() + 'cache = { size = "0"; };\n')
    for _again in range(3):
        for qtype in DEVICE_ASKS:
            told_by(good, dev.ask(COURIER, qtype))


# --- groups and rules that are in each other's way -----------------------------------------

def test_a_repairing_group_that_has_the_squasher_too(t):
    bad, good = served(t, alias(empty)), served(t)
    dev = t.device(bad, groups={"isp": [bad, good]}, conf=family(repair_upstream='"isp"'))
    told_by(good, dev.ask(COURIER))
    assert len(asked_alias(bad)) <= 2, bad.log


def test_a_repairing_group_that_is_the_rules_own(t):
    bad = served(t, alias(empty))
    dev = t.device(bad, conf=family(repair_upstream='"default"'))
    told_by(bad, dev.ask(COURIER))
    assert len(asked_alias(bad)) == 1, bad.log


def test_one_server_that_says_it_twice_is_not_two(t):
    """Packets are doubled by networks, and questions asked again."""
    bad = t.upstream()
    bad.rule(None, None, lambda asked: [send(flattened("17.57.146.132")(asked))] * 2, times=None)
    good = served(t, slowly(0.3))
    dev = t.device(bad, good, order="listed", conf=family())
    told_by(good, dev.ask(COURIER))


def test_the_truth_is_worth_more_than_two_that_agree(t):
    act = alias(flattened("17.57.146.132"))
    one, two, good = served(t, act), served(t, act), served(t, slowly(0.2))
    dev = t.device(one, two, good, order="listed", conf=family())
    told_by(good, dev.ask(COURIER))


def test_data_of_the_asked_type_at_the_alias_is_flattened_too(t):
    bad = served(t, alias(lambda asked: asked.reply([wire.raw(
        COURIER, 60, "HTTPS", b"\0\1\0")]), "HTTPS"))
    good = served(t)
    dev = t.device(bad, good, order="listed", conf=family())
    told_by(good, dev.ask(COURIER, "HTTPS"))
    assert squashes(dev) == {("flattened", label(bad)): 1}, squashes(dev)


def test_views_are_repaired_each_by_its_own_servers(t):
    """Neither sees the other's answers, nor asks the other's servers."""
    bad, mine, theirs = served(t, alias(nxdomain)), served(t), served(t)
    view = "%s.200" % t.net
    dev = t.device(bad, mine, groups={"theirs": [bad, theirs]}, order="listed", conf=family(),
                   zones='{ name = "push.apple.com"; clients = [ "%s/32" ]; upstream = "theirs"; }'
                   % view)
    for _again in range(2):
        told_by(mine, dev.ask(COURIER))
        told_by(theirs, dev.ask(COURIER, source=view))
    assert len(asked_alias(mine)) == len(asked_alias(theirs)) == 1


def test_a_rule_that_keeps_nothing(t):
    bad, good = served(t, alias(nxdomain)), served(t)
    dev = t.device(bad, good, order="listed", conf=family(),
                   zones='{ name = "push.apple.com"; cache = false; }')
    for _again in range(3):
        told_by(good, dev.ask(COURIER))
    assert len(asked_alias(good)) == 3, good.log


def test_where_private_addresses_are_held_back(t):
    bad = served(t, alias(flattened("10.1.2.3")))
    good = served(t)
    guard = family() + "rebinding = { protect = true; };\n"
    told_by(good, t.device(bad, good, order="listed", conf=guard).ask(COURIER))
    reply = t.device(bad, conf=guard).ask(COURIER)
    assert not reply.a(), reply


@limit(60)
def test_chaos(t):
    """Two servers that squash in every way by chance, one that is mostly true and often silent, packets
    lost; a family that is kept warm: whoever asks is told the truth, and soon."""
    chance = random.Random(5)
    ways = (empty, nxdomain, servfail, short_lived, lambda asked: None,
            lambda asked: asked.reply(tc=True), lambda asked: asked.reply([a1(COURIER, "0.0.0.0")]))
    squashing = alias(lambda asked: chance.choice(ways)(asked))
    mostly = alias(lambda asked: None if chance.random() < 0.3 else short_lived(asked))
    quiet = [True]
    ups = [served(t, lambda *asked: (alias(short_lived) if quiet else squashing)(*asked)),
           served(t, squashing), served(t, mostly)]
    dev = t.device(*ups, order="listed", conf='couriers = ( { name = "apple"; } );\n')
    for qtype in DEVICE_ASKS:
        assert is_whole(dev.ask(COURIER, qtype))
    quiet.clear()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for qtype in DEVICE_ASKS:
            reply = dev.ask(COURIER, qtype, tcp=chance.random() < 0.3,
                            edns=1232 if chance.random() < 0.5 else None)
            assert is_whole(reply), reply
            t.within(reply.took, 0, 1.0)
        time.sleep(0.05)
    assert len(squashes(dev)) >= 3, squashes(dev)


# --- limits --------------------------------------------------------------------------------

def test_repair_where_only_one_question_may_wait(t):
    bad, good = served(t, alias(empty)), served(t, alias(short_lived))
    dev = t.device(bad, good, order="listed",
                   conf=family() + "limits = { inflight = 1; inflight_per_client = 1; };\n")
    for _again in range(4):
        for qtype in DEVICE_ASKS:
            assert is_whole(dev.ask(COURIER, qtype))
        time.sleep(1.1)


@alone
def test_repair_with_few_descriptors(t):
    bad, good = served(t, alias(empty)), served(t)
    dev = t.device(bad, good, order="listed", conf=family(), rlimit_files=40)
    for tcp, qtype in itertools.product((False, True), DEVICE_ASKS):
        told_by(good, dev.ask(COURIER, qtype, tcp=tcp))


@limit(60)
def test_the_last_good_answer_survives_a_flood_while_devices_ask(t):
    """Ten times what the cache holds goes through it while the alias is asked for now and then."""
    liars = []

    def but(asked, name, _qtype):
        if name == COURIER:
            return nxdomain(asked) if liars else short_lived(asked)
        return asked.reply([a1(name)] * 1) if name.endswith(".flood.example.") else NotImplemented
    up = served(t, but)
    dev = t.device(up, conf=family() + 'cache = { size = "128K"; };\n')
    assert is_whole(dev.ask(COURIER))
    with dev.udp() as udp:
        for number in range(5000):
            query = client.with_id(wire.query("n%d.flood.example." % number))
            udp.send(query)
            assert udp.recv(5.0) is not None
            if number % 250 == 0:
                assert is_whole(dev.ask(COURIER))
    liars.append(True)
    time.sleep(2.1)
    assert is_whole(dev.ask(COURIER)), dev.stderr()


def test_two_families_are_counted_apart(t):
    other = "courier.sandbox.push.apple.com."
    second = """couriers = ( { name = "sandbox"; alias = "%s"; pre_resolve = "off";
  target = "courier-sandbox-push-apple.com.akadns.net"; count_txt = "sandbox.push.apple.com";
  variants = [ "{n}-courier.sandbox.push.apple.com" ]; count = 50; } );\n""" % other.rstrip(".")

    def but(asked, name, _qtype):
        if name == other and asked.upstream is good:
            return asked.reply(["%s 60 CNAME courier-sandbox-push-apple.com.akadns.net." % other],
                               r1()[1])
        return servfail(asked) if name == other else NotImplemented
    good = None
    bad = served(t, lambda asked, name, qtype: nxdomain(asked) if name == COURIER
                 else but(asked, name, qtype))
    good = served(t, but)
    dev = t.device(bad, good, order="listed", conf=second)
    told_by(good, dev.ask(COURIER))
    told_by(good, dev.ask(other))
    counted = {(labels["family"], labels["shape"]) for labels, _ in
               dev.metrics("courierdns_squashes_total")}
    assert counted == {("apple", "nxdomain"), ("sandbox", "servfail")}, counted
    assert {labels["family"] for labels, _ in dev.metrics("courierdns_repairs_total")} == {
        "apple", "sandbox"}
