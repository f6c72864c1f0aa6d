"""What is known to become of Apple's names on their way (Q1 to Q20), played by a scripted upstream
and, where Debian has a server that does it, by that server: the doctor names shape and culprit,
courierdns gives its clients the truth all the same, and its counters say who squashed what.

courierdns repairs the alias, whose truth it knows. Numbered names and whatever else is asked have no
known truth: of them it passes on what the first server says, and the next one's answer only where
the first has none (silence, SERVFAIL, REFUSED). `passed` and `other` below say which is which.

Q1 Q2 Q3 Q5 Q6 Q9 Q12 Q14 Q15 Q20   the alias is squashed: repaired, whatever the shape
Q4 Q7 Q8       a cache's own doing, seen in its second answer: the alias is repaired, a numbered
               name's answer passed on; the doctor tells by alias-again that it is the cache
Q10 Q11        a filter by type: the alias is repaired, of other names the next server is asked
Q9 Q17         a filter that says NXDOMAIN for a type: of the alias repaired, of others passed on; hints
               in HTTPS records are not touched
Q13 Q16        addresses of numbered names, another region's or a relay's: nobody's to judge, passed on
Q14 Q15        a block list: the alias is repaired, all other names on it stay blocked, which the
               doctor says
Q18            answered here, whatever upstream says
Q19            no matter of DNS: the doctor's --reach looks at certificates"""

import random
import re
import struct
import time

from harness import apple, client, servers, wire
from harness.device import SLOWER
from harness.doctor import FAILED, HEALTHY, at, checks, doctor, expect
from harness.mark import alone, each, limit
from harness.shapes import COURIER, TARGET, a1, akadns_soa
from harness.squashing import (CNAME, DEVICE_ASKS, alias, empty, label, nxdomain, refused, repairs,
                               served, servfail, soa_lost, squashes, told_by)
from test_control import ask_json
from test_doctor_reach import WITH_TLS, Secure, reached

A, TXT, AAAA, SVCB, HTTPS = 1, 16, 28, 64, 65


def number_of(name):
    return re.match(r"\d+(?=[-.]courier)", name)


class Case:
    """`but(asked, name, type)` is what the server does (NotImplemented: it tells the truth).
    `found`: what the doctor says of it, by check. `squashed`: the shape of the alias, by the type it
    is asked for; other types are answered rightly. `passed`: questions of which its word goes;
    `other`: questions that it has no word on, so the next server's goes."""

    def __init__(self, but, found, squashed=None, passed=(), other=()):
        self.but, self.found, self.squashed = but, found, squashed or {}
        self.passed, self.other = passed, other


def alike(shape, *types):
    return {qtype: shape for qtype in types or DEVICE_ASKS}


def failing(shape, *others):
    """All that concerns the alias, and other checks."""
    names = ("alias-a", "alias-https", "alias-aaaa", "alias-tcp", "alias-again")
    return {name: ("fail", shape) for name in names + others}


def every_name(act, types=None, only=None):
    """act(asked) for Apple's names, for these types and those names that `only` takes."""
    def but(asked, name, qtype):
        if not apple.under(name, apple.APPLE) or (types and qtype not in types):
            return NotImplemented
        return act(asked) if only is None or only(name) else NotImplemented
    return but


def once_true(act, wanted=lambda name, qtype: True):
    """A cache: true when asked for the first time, act(asked) from then on."""
    known = set()

    def but(asked, name, qtype):
        if (name, qtype) in known and wanted(name, qtype):
            return act(asked)
        known.add((name, qtype))
        return NotImplemented
    return but


def mixes_types():
    """A cache that has no such name for any type, once HTTPS had no data."""
    gone = set()

    def but(asked, name, qtype):
        if qtype == HTTPS and (name == COURIER or number_of(name)):
            gone.add(name)
        return (asked.reply([], [akadns_soa()], rcode=wire.NXDOMAIN)
                if name in gone and qtype != HTTPS else NotImplemented)
    return but


def chain_alone(asked):
    """The aliases of a numbered name, and nothing else."""
    name = wire.text(wire.lower(asked.name))
    return asked.reply(apple.chain(name, number_of(name).group()))


def with_address(address, ttl=60):
    """Data at the asked name itself."""
    def act(asked):
        name = wire.text(wire.lower(asked.name))
        if asked.msg.qtype == A:
            return asked.reply([a1(name, address, ttl)])
        if asked.msg.qtype == AAAA:
            return asked.reply(["%s %d AAAA ::" % (name, ttl)])
        return asked.reply()
    return act


def inspected(asked):
    """Blocked for where the alias leads: the alias, and no address there but 0.0.0.0."""
    if asked.msg.qtype in (A, AAAA):
        return asked.reply([CNAME + TARGET, TARGET + (
            " 60 A 0.0.0.0" if asked.msg.qtype == A else " 60 AAAA ::")])
    return asked.reply()


def hinted(asked):
    """An AAAA filter that forgets the hints of HTTPS records."""
    hints = struct.pack("!HHH", 6, 16, 0x2620) + bytes(13) + b"\1"
    return asked.reply([wire.raw(asked.name, 60, HTTPS, struct.pack("!HB", 1, 0) + hints)])


def region(asked):
    name, far = wire.text(wire.lower(asked.name)), "us-south-courier-4.push-apple.com.akadns.net."
    return asked.reply(["%s 60 CNAME %s" % (name, far), "%s 60 A 17.57.144.9" % far])


def designating(asked):
    return asked.reply([wire.raw(asked.name, 60, SVCB, struct.pack("!H", 1)
                                 + wire.name("dns.example."))])


def numbered(act, *types):
    def but(asked, name, qtype):
        return act(asked) if number_of(name) and qtype in types else NotImplemented
    return but


def both(one, two):
    def but(asked, name, qtype):
        done = one(asked, name, qtype)
        return two(asked, name, qtype) if done is NotImplemented else done
    return but


N, N_TARGET = "7-courier.push.apple.com.", "7.%s" % TARGET
PUSH = ("push.apple.com.",)
FOR_OTHERS = [(N, "HTTPS"), (N_TARGET, "HTTPS"), ("init.push.apple.com.", "HTTPS")]

CASES = {
    "Q1-empty-answer": lambda: Case(
        alias(empty), failing("no-cname"), alike("no-cname")),
    "Q2-cname-kept-soa-lost": lambda: Case(
        alias(soa_lost), failing("soa-lost"), alike("soa-lost")),
    "Q3-servfail-for-want-of-a-soa": lambda: Case(
        alias(servfail), failing("servfail"), alike("servfail")),
    "Q4-without-soa-kept-as-if-it-were-data": lambda: Case(     # the cache's own second answer
        once_true(lambda asked: asked.reply([CNAME.replace("279", "60") + TARGET]),
                  lambda name, _: name == COURIER),
        {"alias-a": ("ok", None), "alias-again": ("fail", "soa-lost")}, alike("soa-lost")),
    "Q5-cname-dropped-as-its-target-fails": lambda: Case(
        alias(lambda asked: asked.reply([], [akadns_soa()])), failing("no-cname"),
        alike("no-cname")),
    "Q6-cname-to-the-owner-of-the-soa": lambda: Case(
        alias(lambda asked: asked.reply([CNAME + "akadns.net."], [akadns_soa()])),
        failing("rewritten"), alike("rewritten")),
    "Q7-nxdomain-once-https-was-asked": lambda: Case(           # a numbered name's is its word
        mixes_types(), {"alias-a": ("ok", None), "alias-again": ("fail", "nxdomain"),
                        "variants-a": ("fail", "nxdomain")},
        alike("nxdomain", "A", "AAAA"), [(N, "HTTPS"), (N, "A")]),
    "Q8-aliases-alone-from-the-cache": lambda: Case(
        both(numbered(chain_alone, A), once_true(lambda asked: asked.reply([], [akadns_soa()]),
                                                 lambda name, _: name == COURIER)),
        {"alias-again": ("fail", "no-cname"), "variants-a": ("fail", None)}, alike("no-cname"),
        [(N, "A"), (N_TARGET, "A")]),
    "Q9-nxdomain-for-an-answer-emptied": lambda: Case(
        every_name(nxdomain, (HTTPS,)), {"alias-https": ("fail", "nxdomain"), "alias-a": ("ok", None),
                                         "variants-https": ("fail", "nxdomain"),
                                         "bag": ("fail", "nxdomain")},
        alike("nxdomain", "HTTPS"), [(N, "HTTPS")]),
    "Q9-nxdomain-for-every-type": lambda: Case(
        alias(nxdomain), failing("nxdomain"), alike("nxdomain")),
    "Q9-nxdomain-with-the-cname": lambda: Case(
        alias(lambda asked: asked.reply([CNAME + TARGET], [akadns_soa()], rcode=wire.NXDOMAIN)),
        failing("nxdomain"), alike("nxdomain")),
    "Q10-all-but-addresses-dropped": lambda: Case(
        every_name(lambda asked: None, (HTTPS, TXT)),
        {"alias-https": ("fail", "silent"), "variants-https": ("fail", "silent"),
         "count-txt": ("fail", "silent"), "alias-a": ("ok", None)},
        alike("silent", "HTTPS"), (), FOR_OTHERS + [("push.apple.com.", "TXT")]),
    "Q11-type-65-refused": lambda: Case(
        every_name(refused, (HTTPS,)), {"alias-https": ("fail", "refused"),
                                        "variants-https": ("fail", "refused")},
        alike("refused", "HTTPS"), (), FOR_OTHERS),
    "Q11-type-65-not-implemented": lambda: Case(
        every_name(lambda asked: asked.reply(rcode=wire.NOTIMP), (HTTPS,)),
        {"alias-https": ("fail", "refused"), "variants-https": ("fail", "refused")},
        alike("refused", "HTTPS"), (), FOR_OTHERS),
    "Q12-servfail-for-all-of-apple": lambda: Case(
        every_name(servfail), failing("servfail", "target", "bag", "variants-a", "variants-https"),
        alike("servfail"), (), FOR_OTHERS + [(N, "A"), (TARGET, "A")]),
    "Q13-another-region": lambda: Case(                         # not ours to judge
        numbered(region, A), {"alias-a": ("ok", None), "variants-a": ("ok", None)}, {},
        [(N, "A"), (N_TARGET, "A")]),
    "Q14-on-a-block-list-as-nobodys-address": lambda: Case(
        every_name(with_address("0.0.0.0"), (A, AAAA, HTTPS), lambda name: apple.under(name, PUSH)),
        dict(failing("sinkhole"), **{"alias-https": ("fail", "no-cname"),
                                     "variants-a": ("fail", "sinkhole"),
                                     "variants-https": ("warn", None),
                                     "bag": ("fail", "sinkhole")}),
        dict(alike("sinkhole", "A", "AAAA"), HTTPS="no-cname"), [(N, "A"), (N, "AAAA")]),
    "Q14-on-a-block-list-as-nxdomain": lambda: Case(
        every_name(nxdomain, None, lambda name: apple.under(name, PUSH)),
        failing("nxdomain", "variants-a", "variants-https", "bag", "count-txt"), alike("nxdomain"),
        [(N, "A")]),
    "Q14-block-page": lambda: Case(
        alias(lambda asked: asked.reply([CNAME + "block.example.",
                                         "block.example. 60 A 198.51.100.1"])),
        failing("rewritten"), alike("rewritten")),
    "Q15-blocked-for-where-it-leads": lambda: Case(
        both(alias(inspected), every_name(nxdomain, None, lambda name: "akadns" in name)),
        dict(failing("sinkhole"), **{"alias-https": ("fail", "no-cname"),
                                     "target": ("fail", "nxdomain")}),
        dict(alike("sinkhole", "A", "AAAA"), HTTPS="no-cname"), [(TARGET, "A"), (N_TARGET, "A")]),
    "Q16-private-addresses-of-a-relay": lambda: Case(           # somebody's own design: it stays
        numbered(with_address("10.100.100.7"), A), {"alias-a": ("ok", None),
                                                    "variants-a": ("warn", None)}, {}, [(N, "A")]),
    "Q16-private-address-of-the-alias": lambda: Case(
        alias(with_address("10.100.100.1"), "A"), {"alias-a": ("fail", "sinkhole"),
                                                   "alias-https": ("ok", None)},
        alike("sinkhole", "A")),
    "Q17-nxdomain-of-an-aaaa-filter": lambda: Case(
        both(every_name(nxdomain, (AAAA,)), numbered(hinted, HTTPS)),
        {"alias-aaaa": ("fail", "nxdomain"), "alias-a": ("ok", None), "variants-a": ("ok", None)},
        alike("nxdomain", "AAAA"), [(N, "AAAA"), (N, "HTTPS")]),
    "Q18-designated-resolver": lambda: Case(                    # test_Q18 below has the rest
        lambda asked, name, _: designating(asked) if name == "_dns.resolver.arpa."
        else NotImplemented, {"ddr": ("warn", None), "alias-a": ("ok", None)}),
    "Q20-flattened-for-an-address-object": lambda: Case(        # what a firewall's object waits for
        alias(with_address("17.57.146.132"), "A"), {"alias-a": ("fail", "flattened")},
        alike("flattened", "A")),
}


def ask_itself(up, qtype):
    """Asks the server, which may be silent."""
    with client.Udp(up.address, up.port) as sock:
        sock.send(client.with_id(wire.query(COURIER, qtype)))
        sock.recv(0.2)


# --- every shape ---------------------------------------------------------------------------

@limit(60)
@each(sorted(CASES))
def test_the_doctor_names_the_shape_and_the_server(t, title):
    case = CASES[title]()
    bad, good = served(t, case.but), served(t)
    said, took = doctor(t, at(bad), at(good), "--reference", at(good)[1:])
    found = checks(said)
    for name, (result, shape) in case.found.items():
        assert (found[name]["result"], found[name]["shape"]) == (result, shape), (name, found[name])
        if result == "fail":
            assert bad.address in found[name]["where"], found[name]
            assert found[name]["means"] and found[name]["next"], found[name]
    fails = [name for name, check in found.items() if check["result"] == "fail"]
    assert bool(fails) == any(result == "fail" for result, _ in case.found.values()), fails
    assert said["servers"][0]["server"] == label(bad), said
    assert said["servers"][0]["healthy"] == (not fails), said
    assert (found["reference"]["result"] == "fail") == bool(fails), found
    expect(checks(said, 1))
    assert took < 15 * SLOWER + 3 * t.loop.lag, took


@alone
@limit(60)
@each(sorted(CASES))
def test_a_truthful_second_server_is_enough(t, title):
    """The client gets the truth, to the byte, and again from the cache; what is not the alias comes
    from the first server that has a word on it; the counters name shape and culprit."""
    case = CASES[title]()
    bad, good = served(t, case.but), served(t)
    for qtype in DEVICE_ASKS:       # it has been running for a while: its cache is what it is
        ask_itself(bad, qtype)
    dev = t.device(bad, good, order="listed")
    for _again in range(2):
        for qtype in DEVICE_ASKS:
            told_by(good if qtype in case.squashed else bad, dev.ask(COURIER, qtype))
    for name, qtype in case.passed:
        told_by(bad, dev.ask(name, qtype))
    for name, qtype in case.other:
        told_by(good, dev.ask(name, qtype))
    counted = squashes(dev)
    assert set(counted) == {(shape, label(bad)) for shape in case.squashed.values()}, counted
    family, = ask_json(t, dev, "status")["families"]
    shown = {(shape, one["server"]): count for one in family["squashers"]
             for shape, count in one["by_shape"].items() if count}
    assert set(shown) == set(counted) and family["is_in_use"], family
    said = {qtype: shape for qtype, shape in case.squashed.items() if shape != "silent"}
    how = repairs(dev)      # silence is what failover is for
    assert set(how) <= {"reask"} and sum(how.values()) >= len(said), how
    told = re.findall(r"^warning: .*%s squashes courier\.push\.apple\.com \((\S+)\)" % re.escape(
        label(bad)), dev.stderr(), re.M)
    assert bool(told) == bool(said) and set(told) <= set(said.values()), dev.stderr()


@limit(60)
@each(sorted(CASES))
def test_courierdns_before_both_is_healthy(t, title):
    """The doctor finds nothing of the squash behind courierdns; what is passed on, it finds again."""
    case = CASES[title]()
    bad, good = served(t, case.but), served(t)
    dev = t.device(bad, good, order="listed")
    said, _ = doctor(t, "@%s@%d" % (dev.address, dev.port))
    found = checks(said)
    for name, check in found.items():
        passes = name in case.found and not name.startswith("alias") and case.passed
        assert check["result"] in ("ok", "info") or passes or name == "answers", check
    for name in ("alias-a", "alias-https", "alias-aaaa", "alias-tcp", "alias-again", "case"):
        assert found[name]["result"] == "ok", found[name]


@limit(60)
@each(["Q1-empty-answer", "Q3-servfail-for-want-of-a-soa", "Q10-all-but-addresses-dropped",
       "Q12-servfail-for-all-of-apple", "Q14-on-a-block-list-as-nxdomain"])
def test_kept_warm_behind_a_squasher(t, title):
    """With all of a family asked in advance, as it is by default: the alias stays whole, numbered
    names are answered before a device asks again, and neither server is flooded."""
    bad, good = served(t, CASES[title]().but), served(t)
    dev = t.device(bad, good, order="listed", conf='couriers = ( { name = "apple"; } );\n')
    dev.ask(N)
    began = time.monotonic()
    while time.monotonic() < began + 10:
        for qtype in DEVICE_ASKS:
            reply = dev.ask(COURIER, qtype)
            assert (reply.rcode, reply.types()) == (wire.NOERROR, ["CNAME", "SOA"]), reply
        number = random.randrange(51)
        for qtype in ("HTTPS", "A"):
            reply = dev.ask("%d-courier.push.apple.com." % number, qtype)
            assert reply.rcode in (wire.NOERROR, wire.NXDOMAIN), reply
            t.within(reply.took, 0, 1.0)
        time.sleep(0.2)
    took = time.monotonic() - began
    for up in (bad, good):
        assert up.seen < 25 * took + 100, "%d in %.0f s" % (up.seen, took)
    questions = dict((labels["family"], count) for labels, count in
                     dev.metrics("courierdns_preresolve_questions_total"))
    assert questions["apple"] > 20, questions
    assert {who for _, who in squashes(dev)} == {label(bad)}, squashes(dev)


# --- what is no squash of the alias --------------------------------------------------------

def test_Q18_a_designation_never_reaches_a_client(t):
    """courierdns answers that question itself, so no device goes past it."""
    bad = served(t, CASES["Q18-designated-resolver"]().but)
    dev = t.device(bad)
    for qtype in ("SVCB", "HTTPS", "A"):
        reply = dev.ask("_dns.resolver.arpa.", qtype)
        assert (reply.rcode, reply.types()) == (wire.NOERROR, ["SOA"]), reply
    bad.saw(0)
    said, _ = doctor(t, "@%s@%d" % (dev.address, dev.port), ends=HEALTHY)
    assert checks(said)["ddr"]["result"] == "ok", said


def test_Q19_decrypted_tls_is_no_matter_of_dns(t):
    """Every answer is right, and what is wrong is told apart from that: by a look where TLS is built
    in, else by naming the command that looks."""
    dev = t.device(served(t))
    secure = Secure(t, t.address(), "/O=Corp Web Gateway/CN=Root")
    said, _ = doctor(t, "@%s@%d" % (dev.address, dev.port), "--reach", "--reach-at", secure.address,
                     "--reach-port", "5223=%d" % secure.port, "--reach-port", "443=%d" % secure.port,
                     ends=FAILED)
    assert said["servers"][0]["healthy"], said
    tls = reached(said)["tls"]
    if WITH_TLS:
        assert tls["result"] == "fail" and "Corp Web Gateway" in tls["seen"], tls
    else:
        assert tls["result"] == "info" and "openssl s_client" in tls["seen"], tls


def test_Q20_no_address_of_the_bare_name_is_right(t):
    """An object of a firewall that waits for one stays empty. None is made up for it, and the doctor
    says that nothing is amiss."""
    up = served(t)
    dev = t.device(up)
    for qtype in DEVICE_ASKS:
        reply = dev.ask(COURIER, qtype)
        told_by(up, reply)
        assert reply.types() == ["CNAME", "SOA"], reply
    said, _ = doctor(t, "@%s@%d" % (dev.address, dev.port), ends=HEALTHY)
    assert "This is right: the bare name has no address" in checks(said)["alias-a"]["seen"], said
    assert not squashes(dev) and not repairs(dev), dev.stderr()


# --- real servers --------------------------------------------------------------------------

REAL = {"dnsmasq": servers.dnsmasq, "unbound": servers.unbound_forwarding, "named": servers.named,
        "knot-resolver": servers.kresd, "smartdns": servers.smartdns}


def shape_of(reply):
    """What became of the alias, read independently; None where it is as it should be."""
    if reply.rcode == wire.NXDOMAIN:
        return "nxdomain"
    if reply.rcode != wire.NOERROR:
        return "refused" if reply.rcode in (wire.REFUSED, wire.NOTIMP) else "servfail"
    if "CNAME" not in reply.types():
        return "no-cname"
    return None if "SOA" in reply.types() else "soa-lost"


def without_soa(asked, name, _qtype):
    """What is behind the real server has lost the SOA, of the target too (Q2, Q3)."""
    if name == COURIER:
        return soa_lost(asked)
    return asked.reply() if name == TARGET else NotImplemented


BEHIND = {"true": None, "empty": alias(empty), "without-soa": without_soa}


@limit(60)
@each([(kind, behind) for kind in sorted(REAL) for behind in sorted(BEHIND)], "-".join)
def test_behind_a_real_server_and_a_truthful_one(t, case):
    """Warm, as it is after a while; smartdns squashes as it is installed, the others are passed on
    where they do not; what squashes behind them squashes through them."""
    kind, told = case
    behind, good = served(t, BEHIND[told]), served(t)
    server = REAL[kind](t, "apple.com.", behind)
    shapes = {}
    for _again in range(2):
        for qtype in DEVICE_ASKS:
            shapes[qtype] = shape_of(server.ask(COURIER, qtype, timeout=6.0))
    squashed = {shape for shape in shapes.values() if shape is not None}
    if kind == "smartdns" or told == "empty":
        assert squashed == {"no-cname"}, shapes
    elif told == "true":
        assert not squashed, shapes
    dev = t.device(server, good, order="listed")
    for tcp in (False, True):
        for qtype in DEVICE_ASKS:
            reply = dev.ask(COURIER, qtype, tcp=tcp)
            if shapes[qtype] is not None:
                told_by(good, reply)
            assert (reply.rcode, reply.types()) == (wire.NOERROR, ["CNAME", "SOA"]), reply
            assert reply.answer[0].target().lower() == TARGET, reply
            assert wire.text(wire.lower(reply.authority[0].owner)) == "akadns.net.", reply
    counted = squashes(dev)
    assert {shape for shape, _ in counted} == squashed, counted
    assert {who for _, who in counted} == ({label(server)} if squashed else set()), counted
    said, _ = doctor(t, "@%s@%d" % (dev.address, dev.port), "--reference", at(good)[1:])
    found = checks(said)
    assert all(found[name]["result"] == "ok" for name in failing(None)), found
    assert said["healthy"] or (told == "without-soa" and found["target"]["result"] == "fail"), found
