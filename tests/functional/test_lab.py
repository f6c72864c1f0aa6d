"""The lab's own cast (tests/lab): its devices ask as Apple's do, its upstream says what Apple's says.
What is measured with them is worth as much as they are true to life."""

import json
import os
import re
import subprocess

from harness import apple, doctor, wire
from harness.device import PORT, SLOWER
from harness.mark import each
from harness.shapes import COURIER, TARGET
from harness.upstream import send

PROGRAMS = os.environ.get("LAB", "")
A, NS, TXT, SVCB, HTTPS = 1, 2, 16, 64, 65
STAGES = """captive.apple.com time.apple.com albert.apple.com humb.apple.com gs.apple.com
static.ips.apple.com init.push.apple.com courier.push.apple.com N-courier.push.apple.com
iprofiles.apple.com mdmenrollment.apple.com deviceenrollment.apple.com gdmf.apple.com certs.apple.com
ocsp.apple.com ocsp2.apple.com crl.apple.com valid.apple.com ocsp.digicert.com
crl3.digicert.com""".split()


def run(t, *ups, **how):
    """One device, unless it says otherwise: what came of it, and of its courier questions."""
    how = {"devices": 1, "count_share": 0, "two_share": 100, "patience": 20, "spread_ms": 0, **how}
    command = [os.path.join(PROGRAMS, "devices"), "--from", t.address()]
    for up in ups:
        command += ["--server", "%s@%d" % (up.address, up.port)]
    for name, value in how.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True,
                          timeout=60 * SLOWER)
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(asked):
    """The name asked for, the number as N."""
    return re.sub(r"^\d+-", "N-", wire.text(asked.name).rstrip("."))


def once(asked):
    """Without what was sent again: on a busy machine our upstream may be late with its answers."""
    return list({(one.source, one.id): one for one in reversed(asked)}.values())[::-1]


def of(up, name, qtype):
    return [one for one in up.log if named(one) == name and one.msg.qtype == qtype]


def times(asked):
    return [one.came - asked[0].came for one in asked]


def silence_about(*names):
    def but(asked, _name, _qtype):
        return None if named(asked) in names else NotImplemented
    return but


# --- the devices ---------------------------------------------------------------------------

def test_a_device_asks_the_names_in_order_as_apples_do(t):
    up = apple.truthful(t.upstream())
    came, questions = run(t, up)
    assert came["activated"] == 1 and came["stalled"] == {}, came
    assert len(came["courier"]) == 1 and questions["silent"] == 0, (came, questions)
    order = [named(one) for one in once(up.log) if one.msg.qtype == A]
    order.remove(TARGET.rstrip("."))    # where the alias leads
    assert order == STAGES, order
    assert len(of(up, "_dns.resolver.arpa", SVCB)) == 1
    assert not of(up, "push.apple.com", TXT)
    for one in up.log:
        assert one.msg.counts == (1, 0, 0, 0) and one.msg.flags == wire.RD and not one.tcp, str(one)
        assert one.name == wire.lower(one.name), str(one)
    assert len({one.source for one in up.log}) > 0.9 * len(once(up.log)), "ports are used again"


def test_https_is_asked_a_millisecond_before_a_and_where_it_leads(t):
    up = apple.truthful(t.upstream())
    run(t, up, devices=20)
    late = []
    for name in STAGES:
        https = once(of(up, name, HTTPS))
        if name == "time.apple.com":
            assert not https
            continue
        assert len(https) == 20, (name, len(https))
        firsts = sorted(one.came for one in https)
        late += [a - first for a, first in zip(sorted(one.came for one in once(of(up, name, A))),
                                               firsts)]
    assert 0.0002 < sorted(late)[len(late) // 2] < 0.003 + t.late, sorted(late)
    for name in (TARGET.rstrip("."), apple.REGION.rstrip(".")):
        assert len(once(of(up, name, HTTPS))) == 20, name


def test_numbers_are_those_of_the_bag_or_of_the_txt_record(t):
    """0 to 50 where the bag came, 1 to count where it did not."""
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: send(asked.reply(
        ['push.apple.com. 300 TXT "count=3"'])) if name == "push.apple.com." else NotImplemented)
    for share, least, most in ((0, 0, 50), (100, 1, 3)):
        del up.log[:]
        run(t, up, devices=100, count_share=share)
        numbers = [int(wire.text(one.name).split("-")[0]) for one in once(of(up, STAGES[8], A))]
        assert len(numbers) == 100 and least <= min(numbers) and max(numbers) <= most, sorted(numbers)
        assert len(set(numbers)) > 0.6 * (most - least), sorted(numbers)    # each is as likely
        assert len(once(of(up, "push.apple.com", TXT))) == share


def test_it_asks_again_after_1_s_and_another_server_after_3_s(t):
    """The silent one is not asked again soon."""
    silent, good = t.upstream(), apple.truthful(t.upstream())
    silent.silent()
    came, _ = run(t, silent, good)
    assert came["activated"] == 1 and came["set_aside"] == 1, came
    assert {named(one) for one in silent.log} == {"captive.apple.com", "_dns.resolver.arpa"}
    asked = of(silent, "captive.apple.com", A)
    t.within(times(asked)[1], 0.95, 1.05)
    assert len(asked) == 2 and len({(one.id, one.source) for one in asked}) == 1, asked
    t.within(of(good, "captive.apple.com", A)[0].came - asked[0].came, 2.9, 3.1)


def test_where_no_server_is_left_one_is_probed(t):
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: None
                        if not of(up, "apple.com", NS) else NotImplemented)
    came, _ = run(t, up, patience=9)
    assert came["activated"] == 1, came
    assert len(once(of(up, "apple.com", NS))) == 1
    t.within(of(up, "apple.com", NS)[0].came - of(up, "captive.apple.com", HTTPS)[0].came, 2.9, 3.1)
    tries = times(of(up, "captive.apple.com", A))
    t.within(tries[1], 0.95, 1.05)
    t.within(tries[2], 2.9, 3.1)    # as soon as the probe is answered


@each([wire.SERVFAIL, wire.REFUSED, wire.NOTIMP])
def test_who_says_no_is_not_waited_for(t, rcode):
    no, good = t.upstream(), apple.truthful(t.upstream())
    no.rule(None, None, lambda asked: send(asked.reply(rcode=rcode)), times=None)
    came, _ = run(t, no, good)
    assert came["activated"] == 1, came
    assert (came["set_aside"], bool(of(no, "gdmf.apple.com", A))) == (
        (1, False) if rcode == wire.REFUSED else (0, True)), came


def test_a_truncated_answer_is_asked_for_by_tcp(t):
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: NotImplemented
                        if asked.tcp or name != COURIER else send(asked.reply(tc=True)))
    came, _ = run(t, up)
    assert came["activated"] == 1, came
    assert {one.tcp for one in of(up, COURIER.rstrip("."), A)} == {False, True}


def test_after_a_suspicious_reply_all_goes_by_tcp(t):
    def but(asked, name, qtype):
        wrong = asked.reply()
        return NotImplemented if asked.tcp or name != "albert.apple.com." else send(
            bytes([wrong[0] ^ 1]) + wrong[1:])
    up = apple.truthful(t.upstream(), but)
    came, _ = run(t, up)
    assert came["activated"] == 1, came
    assert all(one.tcp for one in of(up, "gdmf.apple.com", A) + of(up, STAGES[8], A))


SQUASHED = {
    "nxdomain": dict(rcode=3), "empty": {}, "sinkhole": dict(answer=["%s 60 A 0.0.0.0" % COURIER]),
    "flattened": dict(answer=["%s 60 A 17.57.146.132" % COURIER]),
}


@each(sorted(SQUASHED))
def test_without_the_alias_it_goes_no_further(t, shape):
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: send(asked.reply(**SQUASHED[shape]))
                        if name == COURIER else NotImplemented)
    came, _ = run(t, up)
    assert came["activated"] == 0 and came["stalled"] == {"courier (courier.push.apple.com)": 1}, came
    assert len(once(of(up, COURIER.rstrip("."), A))) == 1 and not of(up, STAGES[8], A)


def test_an_alias_that_fails_is_tried_again(t):
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: send(asked.reply(rcode=2))
                        if name == COURIER and len(of(up, name.rstrip("."), A)) < 3 else NotImplemented)
    came, _ = run(t, up)
    tries = times(once(of(up, COURIER.rstrip("."), A)))
    assert came["activated"] == 1 and len(tries) == 3, (came, tries)
    t.within(tries[1], 0.95, 1.1)
    t.within(tries[2] - tries[1], 1.95, 2.1)


def test_of_numbered_names_that_fail_another_one_is_tried(t):
    bad = {"0.0.0.0", "10.1.2.3"}
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: send(asked.reply(
        ["%s 60 A %s" % (name, bad.pop())])) if bad and qtype == A and named(asked) == STAGES[8]
        else NotImplemented)
    came, _ = run(t, up)
    assert came["activated"] == 1 and len(once(of(up, STAGES[8], A))) == 3, came


def test_who_is_told_nothing_gives_up(t):
    up = t.upstream()
    up.silent()
    came, questions = run(t, up, patience=4)
    assert (came["activated"], came["courier"]) == (0, []), came
    assert came["stalled"] == {"captive (captive.apple.com)": 1} and questions["asked"] == 0, came


# --- the upstream --------------------------------------------------------------------------

class Apple:
    def __init__(self, t, **how):
        self.address, self.port = t.address(), PORT
        command = [os.path.join(PROGRAMS, "apple"), "--listen", "%s@%d" % (self.address, PORT)]
        for name, value in how.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        t.closing.append(self.end)
        assert self.process.stdout.readline() == b"ready\n"

    def end(self):
        """What it counted, the first time."""
        if self.process.poll() is None:
            self.process.terminate()
        said = self.process.communicate()[0] if not self.process.stdout.closed else b""
        return json.loads(said) if said else None


def test_the_doctor_finds_the_upstream_healthy(t):
    doctor.doctor(t, doctor.at(Apple(t)), ends=doctor.HEALTHY)


@each(["nxdomain", "no-cname", "soa-lost", "servfail", "refused", "sinkhole"])
def test_the_doctor_names_what_the_upstream_does_to_the_alias(t, shape):
    said, _ = doctor.doctor(t, doctor.at(Apple(t, squash=shape)), ends=doctor.FAILED)
    found = doctor.checks(said)
    assert (found["alias-a"]["result"], found["alias-a"]["shape"]) == ("fail", shape), found
    assert found["variants-a"]["result"] == found["target"]["result"] == "ok", found


def test_the_upstream_loses_as_much_as_it_says_each_way(t):
    up = Apple(t, loss=20)
    run(t, up, devices=50, patience=4)
    counts = up.end()
    assert 0.31 < counts["lost"] / counts["udp"] < 0.41, counts      # 1 - 0.8 * 0.8


def test_the_upstream_is_as_far_away_as_it_says(t):
    came, questions = run(t, Apple(t, delay_ms=150), devices=5)
    assert came["activated"] == 5, came
    t.within(questions["p50"], 0.149, 0.16)
