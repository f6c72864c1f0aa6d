"""The doctor, against servers that tell the truth and against every shape of those that do not."""

import os
import pty
import re
import socket
import struct
import subprocess

from harness import apple, servers, wire
from harness.device import PROGRAM, SANITIZED, SLOWER, environment
from harness.doctor import (ALIAS_CHECKS, FAILED, HEALTHY, ROOT, UNTESTED, at, checks, doctor, expect)
from harness.mark import Skip, each, limit
from harness.shapes import COURIER, TARGET, a1, akadns_soa, r1
from harness.upstream import close, dribble, send

A, TXT, AAAA, SVCB, HTTPS = 1, 16, 28, 64, 65


# --- the truth -----------------------------------------------------------------------------

def test_truth_is_healthy(t):
    said, _ = doctor(t, at(apple.truthful(t.upstream())), ends=HEALTHY)
    found = checks(said)
    expect(found)
    assert "This is right: the bare name has no address" in found["alias-a"]["seen"], found
    assert len(found) == 19 and said["reach"] is None, found
    assert len(said["variants"]) == 5 and all(1 <= n <= 50 for n in said["variants"]), said


CHECKS = """answers alias-a alias-https alias-aaaa alias-tcp alias-again target variants-a variants-https
count-txt bag liveness case edns tcp ddr private-relay activation enrolment""".split()
REACH_CHECKS = ["reach-5223", "reach-443", "reach-hosts", "ntp", "tls"]


def test_checks_have_their_names(t):
    up = apple.truthful(t.upstream())
    said, _ = doctor(t, at(up), "--reference", at(up)[1:], "--reach", "--reach-at", t.address())
    assert list(checks(said)) == CHECKS + ["reference"], said
    assert list(checks(said, 1)) == CHECKS, said
    assert [check["name"] for check in said["reach"][0]["checks"]] == REACH_CHECKS, said


def test_text_and_json_say_the_same(t):
    """Each check's result, by server, and what it means and what to do."""
    bad = apple.truthful(t.upstream(), squashing(lambda asked: asked.reply()))
    args = [at(bad), at(apple.truthful(t.upstream())), "--count", "1"]
    said, _ = doctor(t, *args, ends=FAILED)
    done = subprocess.run([PROGRAM, "doctor", *args], capture_output=True, text=True, check=False,
                          timeout=20 * SLOWER, env=environment())
    assert done.returncode == FAILED, done
    flat = " ".join(done.stdout.split())
    for one in said["servers"]:
        section = re.search(r"^%s\n((?:  .*\n)+)" % re.escape(one["server"]), done.stdout, re.M).group(1)
        lines = re.findall(r"^  (ok|FAIL|warn|info) +(\S+)", section, re.M)
        assert lines == [("FAIL" if check["result"] == "fail" else check["result"], check["name"])
                         for check in one["checks"]], done.stdout
        for check in one["checks"]:
            assert all(check[key] is None or check[key] in flat for key in ("means", "next")), check


def test_a_server_over_ipv6(t):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as free:
        try:
            free.bind(("::1", 0))
        except OSError as error:
            raise Skip("no IPv6 here") from error
        port = free.getsockname()[1]
    up = apple.truthful(t.upstream(address="::1", port=port))
    said, _ = doctor(t, "@::1@%d" % port, ends=HEALTHY)
    assert said["servers"][0]["server"].startswith("::1@") and up.seen > 20, said


def test_it_asks_as_devices_do(t):
    """HTTPS before A for the numbered names, RD alone, EDNS in one question only, both transports."""
    up = apple.truthful(t.upstream())
    said, _ = doctor(t, at(up), "--count", "3", ends=HEALTHY)
    asked = [(wire.text(wire.lower(one.name)), one.msg.qtype) for one in up.log]
    for n in said["variants"]:
        name = "%d-courier.push.apple.com." % n
        assert asked.index((name, HTTPS)) < asked.index((name, A)), asked
    assert len(said["variants"]) == 3, said
    assert all(one.flags == wire.RD for one in up.log)
    assert sum(one.msg.opt is not None for one in up.log) == 1
    assert {wire.text(one.name) for one in up.log if one.tcp} == {"apple.com.", COURIER}
    assert len({one.id for one in up.log}) > len(up.log) / 2, "IDs that can be foreseen"
    assert not any("digicert" in name for name, _ in asked), "asked for what --reach wants only"


def test_text_is_for_people(t):
    up = apple.truthful(t.upstream(), squashing(lambda asked: asked.reply(rcode=wire.SERVFAIL)))
    done = subprocess.run([PROGRAM, "doctor", at(up)], capture_output=True, text=True, check=False,
                          timeout=20 * SLOWER, env=environment())
    assert done.returncode == FAILED and not done.stderr, done
    assert re.search(r"^  FAIL  alias-a +servfail: SERVFAIL$", done.stdout, re.M), done.stdout
    assert re.search(r"^ +means  \S", done.stdout, re.M) and re.search(r"^ +next   \S", done.stdout,
                                                                      re.M), done.stdout
    assert "means, next: as for alias-a" in done.stdout, done.stdout
    assert re.search(r"^  6 checks failed$", done.stdout, re.M), done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100, done.stdout
    assert not any(line != line.rstrip() for line in done.stdout.splitlines()), done.stdout


def test_the_readme_shows_what_it_prints(t):
    """But for line breaks, numbers drawn and milliseconds."""
    good = apple.truthful(t.upstream())
    bad = apple.truthful(t.upstream(), lambda asked, name, qtype: asked.reply([], [akadns_soa()])
                         if name == COURIER and qtype in (A, AAAA) else NotImplemented)
    done = subprocess.run([PROGRAM, "doctor", at(bad), "--reference", at(good)[1:]], check=False,
                          capture_output=True, text=True, timeout=20 * SLOWER, env=environment())
    said = done.stdout.replace(at(bad)[1:], "192.168.1.1@53").replace(at(good)[1:], "9.9.9.9@53")
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        shown = re.search(r"^\$ courierdns doctor .*\n((?s:.*?))^```$", file.read(), re.M).group(1)

    def plain(text):
        return re.sub(r"\d+(?=-courier| ms)", "N", " ".join(text.split()))
    assert plain(shown) == plain(said), said


# --- every shape ---------------------------------------------------------------------------

def squashing(act):
    """What act(asked) returns, for whatever is asked of the alias."""
    def but(asked, name, _qtype):
        return act(asked) if name == COURIER else NotImplemented
    return but


CNAME = "%s 279 CNAME " % COURIER
SHAPES = {
    "Q1-empty": ("no-cname", lambda asked: asked.reply()),
    "Q2-soa-lost": ("soa-lost", lambda asked: asked.reply([CNAME + TARGET])),
    "Q3-servfail": ("servfail", lambda asked: asked.reply(rcode=wire.SERVFAIL)),
    "Q5-cname-lost": ("no-cname", lambda asked: asked.reply([], [akadns_soa()])),
    "Q6-owner-of-the-soa": ("rewritten", lambda asked: asked.reply([CNAME + "akadns.net."],
                                                                  [akadns_soa()])),
    "Q9-nxdomain": ("nxdomain", lambda asked: asked.reply([], [akadns_soa()], rcode=wire.NXDOMAIN)),
    "Q9-nxdomain-with-cname": ("nxdomain", lambda asked: asked.reply(
        [CNAME + TARGET], [akadns_soa()], rcode=wire.NXDOMAIN)),
    "Q10-silent": ("silent", lambda asked: None),
    "Q11-refused": ("refused", lambda asked: asked.reply(rcode=wire.REFUSED)),
    "Q11-notimp": ("refused", lambda asked: asked.reply(rcode=wire.NOTIMP)),
    "Q12-formerr": ("servfail", lambda asked: asked.reply(rcode=wire.FORMERR)),
    "Q14-sinkhole": ("sinkhole", lambda asked: asked.reply(["%s 60 A 0.0.0.0" % COURIER])),
    "Q14-block-page": ("rewritten", lambda asked: asked.reply(
        [CNAME + "block.example.", "block.example. 60 A 198.51.100.1"])),
    "Q15-sinkhole-behind-the-cname": ("sinkhole", lambda asked: asked.reply(
        [CNAME + TARGET, TARGET + " 60 A 127.0.0.1"])),
    "Q16-private": ("sinkhole", lambda asked: asked.reply(["%s 60 A 10.100.100.1" % COURIER])),
    "Q17-flattened": ("flattened", lambda asked: asked.reply(["%s 60 A 17.57.146.132" % COURIER])),
}


@each(sorted(SHAPES))
def test_every_squash_is_named(t, title):
    shape, act = SHAPES[title]
    bad = apple.truthful(t.upstream(), squashing(act))
    good = apple.truthful(t.upstream())
    said, took = doctor(t, at(bad), at(good), "--reference", at(good)[1:], ends=FAILED)
    found = checks(said)
    expect(found, **{name.replace("-", "_"): ("fail", shape) for name in ALIAS_CHECKS},
           case=("fail", shape), reference="fail")
    for name in ALIAS_CHECKS:
        assert bad.address in found[name]["where"] and good.address in found[name]["where"], found
    assert good.address in found["reference"]["seen"] and "7 of" in found["reference"]["seen"], found
    expect(checks(said, 1))
    assert "alike" in checks(said, 1)["reference"]["seen"], said
    assert [one["healthy"] for one in said["servers"]] == [False, True, True], said
    assert took < 15 * SLOWER + 3 * t.loop.lag, took


def test_Q7_Q8_what_a_cache_does_after_https(t):
    asked_https = []

    def but(asked, name, qtype):
        if name != COURIER:
            return NotImplemented
        asked_https.extend([True] if qtype == HTTPS else [])
        return asked.reply(rcode=wire.NXDOMAIN) if qtype == A and asked_https else NotImplemented
    said, _ = doctor(t, at(apple.truthful(t.upstream(), but)), ends=FAILED)
    found = checks(said)
    assert found["alias-a"]["result"] == "ok", found
    assert (found["alias-again"]["result"], found["alias-again"]["shape"]) == ("fail", "nxdomain")
    assert "cache" in found["alias-again"]["means"], found


def test_Q13_public_addresses_behind_the_target_are_no_squash(t):
    said, _ = doctor(t, at(apple.truthful(t.upstream(), squashing(lambda asked: asked.reply(
        [CNAME + TARGET, TARGET + " 60 A 17.57.146.132"]) if asked.msg.qtype == A
        else asked.reply(*r1())))), ends=HEALTHY)
    assert checks(said)["alias-a"]["result"] == "info", said


def numbered(act):
    def but(asked, name, qtype):
        return act(asked, qtype) if re.match(r"\d+-courier", name) else NotImplemented
    return but


def address(value):
    return lambda asked, qtype: (asked.reply([a1(wire.text(asked.name), value)]) if qtype == A
                                 else NotImplemented)


def only(wanted, done):
    return lambda asked, qtype: done(asked) if qtype == wanted else NotImplemented


VARIANTS = {
    "sinkhole": (address("0.0.0.0"), dict(variants_a=("fail", "sinkhole"))),
    "loopback": (address("127.0.0.1"), dict(variants_a=("fail", "sinkhole"))),
    "F12-relay": (address("10.100.100.1"), dict(variants_a="warn")),
    "elsewhere": (address("198.51.100.7"), dict(variants_a="warn")),
    "Q7-nxdomain": (only(A, lambda asked: asked.reply(rcode=wire.NXDOMAIN)),
                    dict(variants_a=("fail", "nxdomain"))),
    "empty": (only(A, lambda asked: asked.reply()), dict(variants_a=("fail", None))),
    "F10-https-refused": (only(HTTPS, lambda asked: asked.reply(rcode=wire.REFUSED)),
                          dict(variants_https=("fail", "refused"))),
    "F10-https-notimp": (only(HTTPS, lambda asked: asked.reply(rcode=wire.NOTIMP)),
                         dict(variants_https=("fail", "refused"))),
    "F10-https-dropped": (only(HTTPS, lambda asked: None),
                          dict(variants_https=("fail", "silent"))),
    "https-without-soa": (only(HTTPS, lambda asked: asked.reply()), dict(variants_https="warn")),
}


@each(sorted(VARIANTS))
def test_numbered_names(t, title):
    act, wanted = VARIANTS[title]
    said, _ = doctor(t, at(apple.truthful(t.upstream(), numbered(act))))
    expect(checks(said), **wanted)


def named(zone, act):
    def but(asked, name, qtype):
        return act(asked, qtype) if name == zone else NotImplemented
    return but


def txt(*strings):
    return lambda asked, _: asked.reply([wire.raw("push.apple.com.", 60, TXT, b"".join(
        bytes([len(one)]) + one.encode() for one in strings))])


OTHERS = {
    "F15-count-empty": (named("push.apple.com.", lambda asked, _: asked.reply()),
                        dict(count_txt="warn")),
    "F15-count-0": (named("push.apple.com.", txt("count=0")), dict(count_txt="warn")),
    "F15-count-garbage": (named("push.apple.com.", txt("count=many\r\n\x1b[2J")),
                          dict(count_txt="warn")),
    "F15-count-huge": (named("push.apple.com.", txt("count=4294967299")), dict(count_txt="warn")),
    "F15-count-in-two-strings": (named("push.apple.com.", txt("cou", "nt=7")), {}),
    "count-refused": (named("push.apple.com.", lambda asked, _: asked.reply(rcode=wire.REFUSED)),
                      dict(count_txt=("fail", "refused"))),
    "bag-gone": (named("init.push.apple.com.", lambda asked, _: asked.reply(rcode=wire.NXDOMAIN)),
                 dict(bag=("fail", "nxdomain"))),
    "bag-https-dropped": (named("init.push.apple.com.", only(HTTPS, lambda asked: None)),
                          dict(bag=("fail", "silent"))),
    "target-nxdomain": (named(TARGET, lambda asked, _: asked.reply(rcode=wire.NXDOMAIN)),
                        dict(target=("fail", "nxdomain"))),
    "target-without-soa": (named(TARGET, lambda asked, _: asked.reply()),
                           dict(target=("fail", "soa-lost"))),
    "F16-mask-sinkhole": (named("mask.icloud.com.", lambda asked, _: asked.reply(
        ["mask.icloud.com. 60 A 0.0.0.0"])), dict(private_relay=("fail", "sinkhole"))),
    "F16-mask-silent": (named("mask.icloud.com.", lambda asked, _: None),
                        dict(private_relay=("fail", "silent"))),
    "F16-mask-half": (named("mask.icloud.com.", lambda asked, _: asked.reply(rcode=wire.NXDOMAIN)),
                      dict(private_relay="warn")),
    "F16-mask-both": (lambda asked, name, _: asked.reply(rcode=wire.NXDOMAIN)
                      if name.startswith("mask") else NotImplemented, dict(private_relay="info")),
    "F16-mask-hint": (lambda asked, name, _: asked.reply([wire.raw(
        name, 60, HTTPS, struct.pack("!H", 1) + b"\0" + struct.pack("!HH4B", 4, 4, 10, 0, 0, 1))])
                      if name.startswith("mask") else NotImplemented, dict(private_relay="info")),
    "F17-ddr": (named("_dns.resolver.arpa.", lambda asked, _: asked.reply([wire.raw(
        "_dns.resolver.arpa.", 60, SVCB, struct.pack("!H", 1) + wire.name("dns.example."))])),
                dict(ddr="warn")),
    "ddr-silent": (named("_dns.resolver.arpa.", lambda asked, _: None), dict(ddr=("fail", "silent"))),
    "enrolment": (named("gdmf.apple.com.", lambda asked, _: asked.reply(
        ["gdmf.apple.com. 60 A 0.0.0.0"])), dict(enrolment=("fail", "sinkhole"))),
    "activation": (named("albert.apple.com.", lambda asked, _: asked.reply(rcode=wire.REFUSED)),
                   dict(activation=("fail", "refused"))),
    "liveness": (lambda asked, name, _: None if name == "apple.com." and not asked.tcp
                 else NotImplemented, dict(liveness=("fail", "silent"))),
    "tcp": (lambda asked, name, _: [close()] if asked.tcp else NotImplemented,
            dict(alias_tcp=("fail", "silent"), tcp=("fail", "silent"))),
    "edns-dropped": (lambda asked, name, _: None if asked.msg.opt else NotImplemented,
                     dict(edns="warn")),
    "case": (lambda asked, name, _: send(wire.reply(
        asked.wire[:12] + wire.lower(asked.wire[12:]), *r1()))
             if asked.name != wire.lower(asked.name) else NotImplemented, dict(case="warn")),
}


@each(sorted(OTHERS))
def test_other_faults(t, title):
    but, wanted = OTHERS[title]
    said, _ = doctor(t, at(apple.truthful(t.upstream(), but)))
    expect(checks(said), **wanted)
    assert all(" " <= char <= "~" for check in checks(said).values() for char in check["seen"]), said


def test_F13_truncated_and_no_tcp(t):
    up = apple.truthful(t.upstream(tcp=False), lambda asked, name, qtype: asked.reply(tc=True)
                        if name == COURIER else NotImplemented)
    found = checks(doctor(t, at(up), ends=FAILED)[0])
    assert found["alias-a"]["shape"] == "silent" and "truncated" in found["alias-a"]["seen"], found
    assert found["tcp"]["result"] == "fail", found


def test_truncated_is_asked_over_tcp(t):
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: asked.reply(tc=True)
                        if not asked.tcp else NotImplemented)
    doctor(t, at(up), ends=HEALTHY)


# --- servers that are none -----------------------------------------------------------------

def test_F14_garbage_is_no_answer(t):
    """Wrong ID, another question, no DNS at all: what was waited for comes in the end, or does not."""
    junk = [b"", b"x", b"\0" * 12, b"\xff" * 600]

    def but(asked, name, qtype):
        truth = apple.truth(asked)
        wrong = bytes([truth[0] ^ 1]) + truth[1:]
        other = wire.reply(wire.query("other.example.", "A", ident=asked.id), [])
        late = [] if name == COURIER else [send(truth, 0.05)]
        return [send(one) for one in junk + [wrong, other]] + late
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: NotImplemented if asked.tcp
                        else but(asked, name, qtype))
    found = checks(doctor(t, at(up), ends=FAILED)[0])
    assert found["alias-a"]["shape"] == "silent", found
    assert "no reply to it" in found["alias-a"]["seen"], found
    for name in ("target", "variants-a", "bag", "enrolment", "alias-tcp"):
        assert found[name]["result"] == "ok", found


def test_nothing_but_garbage(t):
    up = t.upstream()
    up.rule(None, None, lambda asked: [send(os.urandom(n)) for n in (0, 1, 11, 12, 40, 500)],
            times=None)
    said, took = doctor(t, at(up), ends=FAILED)
    assert [check["name"] for check in said["servers"][0]["checks"]] == ["answers"], said
    assert "no reply to it" in said["servers"][0]["checks"][0]["seen"], said
    assert took < 15 * SLOWER + 3 * t.loop.lag, took


def test_what_names_say_does_no_harm_to_terminals(t):
    """Escapes, quotes and line ends in names and texts are shown as what they are."""
    evil = wire.name([b"\x1b[2J\n", b'"\\', b"\x9b", b"example"])

    def but(asked, name, qtype):
        if name == COURIER:
            return asked.reply([wire.raw(COURIER, 60, "CNAME", evil)], [akadns_soa()])
        if name == "init.push.apple.com." or qtype == TXT:
            return asked.reply([wire.raw(asked.name, 60, TXT, b"\x0b\x1b]0;count\x07")],
                               [wire.raw(evil, 60, "SOA", evil + evil + bytes(20))])
        return NotImplemented
    up = apple.truthful(t.upstream(), but)
    doctor(t, at(up), "--reference", at(up)[1:], ends=FAILED)
    done = subprocess.run([PROGRAM, "doctor", at(up)], capture_output=True, check=False,
                          timeout=20 * SLOWER, env=environment())
    assert done.returncode == FAILED and done.stdout.count(b"example") >= 1, done
    assert all(32 <= byte < 127 or byte == 10 for byte in done.stdout), done.stdout


BULKY = {
    "dribbling-tcp": lambda asked: [dribble(apple.truth(asked), 0.5)],
    "long": lambda asked: asked.reply([wire.raw(asked.name, 60, TXT, bytes(60000))]),
    "looping": lambda asked: send(asked.reply()[:6] + b"\0\1\0\0\0\0" + asked.wire[12:]
                                  + b"\xc0" + bytes([len(asked.wire)]) + bytes(10)),
    "all-bytes-alike": lambda asked: send(asked.wire[:2] + b"\xc0" * 510),
}


@limit(60)
@each(sorted(BULKY))
def test_replies_that_are_a_burden(t, title):
    """Over TCP; over UDP it is told to come there."""
    up = apple.truthful(t.upstream(), lambda asked, name, _: NotImplemented if name != COURIER
                        else BULKY[title](asked) if asked.tcp else asked.reply(tc=True))
    said, took = doctor(t, at(up), ends=FAILED)
    assert checks(said)["alias-a"]["result"] == "fail", said
    assert took < 15 * SLOWER + 3 * t.loop.lag, took


def test_closed_port_is_told_at_once(t):
    said, took = doctor(t, "@%s@5300" % t.address(), ends=FAILED)
    assert "nothing listens" in checks(said)["answers"]["seen"], said
    assert took < 2.5 * SLOWER + 3 * t.loop.lag, took


@limit(60)
def test_all_silent_servers_are_given_up_together(t):
    """Sixteen dead servers and a dead reference, with --reach, in no more than fifteen seconds."""
    ups = [t.upstream() for _ in range(17)]
    for up in ups:
        up.deaf = True
    said, took = doctor(t, *[at(up) for up in ups[:16]], "--reference", at(ups[16])[1:], "--reach",
                        ends=FAILED)
    assert len(said["servers"]) == 17, said
    assert all(checks(said, n)["answers"]["shape"] == "silent" for n in range(17)), said
    assert checks(said)["reference"]["result"] == "warn", said
    assert took < 15 * SLOWER + 3 * t.loop.lag, took


@limit(60)
def test_the_slowest_run_ends_in_time(t):
    """A server that answers one question and no other, and a reach where nobody answers: every stage
    takes all it may."""
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: NotImplemented
                                        if name == "time.apple.com." else None)
    hole = t.upstream()
    hole.deaf = True
    said, took = doctor(t, at(up), "--reach", "--reach-at", hole.address, "--reach-port", "123=5300",
                        ends=FAILED)
    assert 12 <= took < 15 * SLOWER + 3 * t.loop.lag, took
    found = checks(said)
    assert found["answers"]["result"] == "ok" and found["bag"]["result"] == "fail", found


def test_a_dead_server_beside_a_good_one(t):
    good = apple.truthful(t.upstream())
    said, took = doctor(t, "@%s@5300" % t.address(), at(good), ends=FAILED)
    assert [one["healthy"] for one in said["servers"]] == [False, True], said
    assert took < 5 * SLOWER, took


# --- reference -----------------------------------------------------------------------------

def test_both_fail_alike(t):
    act = squashing(lambda asked: asked.reply(rcode=wire.SERVFAIL))
    one, two = apple.truthful(t.upstream(), act), apple.truthful(t.upstream(), act)
    said, _ = doctor(t, at(one), "--reference", at(two)[1:], ends=FAILED)
    assert "alike" in checks(said)["alias-a"]["where"], said
    assert checks(said)["reference"]["result"] == "ok", said


def test_it_is_the_reference(t):
    bad = apple.truthful(t.upstream(), squashing(lambda asked: asked.reply(rcode=wire.SERVFAIL)))
    said, _ = doctor(t, at(apple.truthful(t.upstream())), "--reference", at(bad)[1:], ends=HEALTHY)
    expect(checks(said), reference="warn")


def test_ttls_order_and_region_do_not_matter(t):
    def but(asked, name, qtype):
        if qtype == A and re.match(r"\d+-courier", name):
            return asked.reply(["%s 11 CNAME us-south-courier-4.push-apple.com.akadns.net." % name,
                                "us-south-courier-4.push-apple.com.akadns.net. 3 A 17.57.144.9"])
        return NotImplemented
    one, two = apple.truthful(t.upstream(), but), apple.truthful(t.upstream())
    said, _ = doctor(t, at(one), "--reference", at(two)[1:], ends=HEALTHY)
    expect(checks(said), reference="ok")


# --- arguments -----------------------------------------------------------------------------

@each([["127.0.0.1"], ["@127.0.0.256"], ["@"], ["--count", "0"], ["--count", "21"], ["--count", "x"],
       ["--nonsense"], ["--reference"], ["--reference", "x"], ["--reach-port", "5223"],
       ["--reach-port", "5223=70000"], ["--reach-at", "here"], ["--resolv-conf", "/nonexistent"],
       ["@127.0.0.1"] * 17], lambda args: "+".join(args)[:40])
def test_bad_arguments(t, args):
    done = subprocess.run([PROGRAM, "doctor", *args], capture_output=True, text=True, timeout=10,
                          env=environment(), check=False)
    assert done.returncode == UNTESTED and done.stderr and not done.stdout, done


def test_servers_of_resolv_conf(t):
    path = os.path.join(t.directory, "resolv.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("# none\n")
    said, _ = doctor(t, "--resolv-conf", path, ends=UNTESTED)
    assert said is None
    with open(path, "w", encoding="ascii") as out:
        out.write("nameserver %s\nnameserver %s\n" % (t.address(), t.address()))
    said, _ = doctor(t, "--resolv-conf", path, ends=FAILED)
    assert [one["server"][-3:] for one in said["servers"]] == ["@53", "@53"], said


def test_nothing_can_be_sent(t):
    """To a broadcast address no question leaves this machine."""
    said, _ = doctor(t, "@255.255.255.255", ends=UNTESTED)
    found = checks(said)["answers"]
    assert "could not be sent" in found["seen"] and "no way there" in found["means"], found


def test_too_few_descriptors_are_no_verdict(t):
    up = apple.truthful(t.upstream())
    done = subprocess.run(["prlimit", "--nofile=24:24", PROGRAM, "doctor", at(up)], check=False,
                          capture_output=True, text=True, timeout=20 * SLOWER, env=environment())
    assert done.returncode == UNTESTED and "open files" in done.stderr, done
    assert done.stderr.count("could not test") == 1, done
    done = subprocess.run(["prlimit", "--nofile=24:512", PROGRAM, "doctor", at(up)], check=False,
                          capture_output=True, text=True, timeout=20 * SLOWER, env=environment())
    assert done.returncode == HEALTHY, done


def test_short_memory_is_no_verdict(t):
    """Every so manieth allocation fails: it tells the truth, or that it could not test."""
    library = os.environ.get("STARVER", "")
    if SANITIZED or os.environ.get("COVERAGE") or not os.path.exists(library):
        raise Skip("allocations of sanitizers and of gcov must not fail")
    up, ends = apple.truthful(t.upstream()), []
    for nth in (3, 11, 29, 61, 101, 401, 1601):
        path = os.path.join(t.directory, "orders")
        with open(path, "wb") as orders:
            orders.write(struct.pack("II", nth, 0) + bytes(4096))
        done = subprocess.run([PROGRAM, "doctor", at(up)], check=False, capture_output=True,
                              timeout=20, env=environment({"LD_PRELOAD": library, "STARVE": path}))
        ends.append(done.returncode)
    assert set(ends) == {HEALTHY, UNTESTED}, ends


def test_output_that_cannot_be_written_is_no_verdict(t):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "doctor", at(apple.truthful(t.upstream()))], check=False,
                              stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=20)
    assert done.returncode == UNTESTED, done


def test_slow_server_is_a_warning(t):
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: send(apple.truth(asked), 1.2)
                        if name == "init.push.apple.com." else NotImplemented)
    said, _ = doctor(t, at(up), ends=HEALTHY)
    expect(checks(said), answers="warn")
    assert "init.push.apple.com" in checks(said)["answers"]["seen"], said


def test_progress_is_for_terminals(t):
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: None if name == TARGET
                        else NotImplemented)
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, "doctor", at(up)], stdout=subprocess.PIPE, stderr=theirs,
                               stdin=subprocess.DEVNULL, env=environment())
    os.close(theirs)
    said = process.stdout.read()
    process.wait(20 * SLOWER)
    shown = b""
    try:
        while True:     # a terminal moves what it is told when it likes; behind the last of it is an error
            shown += os.read(ours, 65536)
    except OSError:
        pass
    os.close(ours)
    assert process.returncode == FAILED and b"asking" not in said, said
    assert re.search(rb"asking: \d+ of \d+ questions done", shown), shown
    assert shown.endswith(b"\r\x1b[K"), shown


# --- real servers --------------------------------------------------------------------------

def test_courierdns_is_healthy(t):
    """Its own upstreams' shape is what it shows, cold and warm."""
    dev = t.device(apple.truthful(t.upstream()))
    for _ in range(2):
        said, _ = doctor(t, "@%s@%d" % (dev.address, dev.port), ends=HEALTHY)
        expect(checks(said))


def test_courierdns_before_a_squasher_is_not_blamed_alone(t):
    bad = apple.truthful(t.upstream(), squashing(lambda asked: asked.reply(rcode=wire.NXDOMAIN)))
    dev = t.device(bad)
    said, _ = doctor(t, "@%s@%d" % (dev.address, dev.port), "--reference", at(bad)[1:], ends=FAILED)
    assert "alike" in checks(said)["alias-a"]["where"], said


REAL = {"dnsmasq": servers.dnsmasq, "unbound": servers.unbound_forwarding, "named": servers.named,
        "knot-resolver": servers.kresd, "smartdns": servers.smartdns}


@limit(60)
@each(sorted(REAL))
def test_real_servers(t, kind):
    """Whatever they make of it is told, with the truth as the reference; cold, then from their caches."""
    up = apple.truthful(t.upstream())
    server = REAL[kind](t, "apple.com.", up)
    for _ in range(2):
        said, took = doctor(t, "@%s@%d" % (server.address, server.port), "--reference", at(up)[1:])
        found = checks(said)
        shape = said_by(server)
        assert found["alias-a"]["shape"] == shape, found
        assert found["reference"]["result"] in (("ok", "warn") if shape is None else ("fail",)), found
        answered, asked = map(int, re.findall(r"\d+", found["answers"]["seen"])[:2])
        assert asked - answered == (2 if kind == "smartdns" else 0), found    # which has no TCP
        # (one may be slow: named asks its forwarder again after 1.2 s, where that was late or missed it)
        assert found["answers"]["result"] in ("ok", "warn") and took < 15 * SLOWER, (took, found)
        if kind == "smartdns":  # the one that squashes as it is installed
            assert shape == "no-cname" and server.address in found["alias-a"]["where"], found


def said_by(server):
    """The shape of what it answers, read independently."""
    reply = server.ask(COURIER, "A")
    if reply.rcode == wire.NXDOMAIN:
        return "nxdomain"
    if reply.rcode != wire.NOERROR:
        return "refused" if reply.rcode in (wire.REFUSED, wire.NOTIMP) else "servfail"
    if "CNAME" not in reply.types():
        return "no-cname"
    return None if "SOA" in reply.types() else "soa-lost"
