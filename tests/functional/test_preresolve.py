"""Families of couriers kept warm: with real sockets and real time, what the scenarios show for hours."""

import re
import time

from harness import apple, wire
from harness.device import SANITIZED
from harness.mark import heavy
from harness.shapes import COURIER, TARGET

WARM = 'couriers = ( { name = "apple"; pre_resolve = "%s"; } );'
TOTAL = 1 + 3 + 51 * 2 * 3      # the count, the alias, the variants; not the target


def numbers(dev):
    """What is logged of the family, by name."""
    counters = dev.statistics()
    found = re.findall(r'courierdns_(\w+)\{family="apple"\} (\d+)', dev.stderr())
    assert found, dev.stderr()
    return {**counters, **{name: int(number) for name, number in found}}


def warm(t, dev, want=TOTAL, seconds=40):
    end = time.monotonic() + seconds * (4 if SANITIZED else 1)
    while True:
        got = numbers(dev)
        if got["preresolve_warm"] >= want:
            return got
        assert time.monotonic() < end, got
        time.sleep(1.0)


def names():
    for n in range(51):
        yield "%d-%s" % (n, COURIER)
        yield "%d.%s" % (n, TARGET)


@heavy
def test_every_variant_is_a_hit(t):
    """From the first question on; two at a time, so that the machine is not late, and again by TCP,
    with EDNS, in other letter case."""
    up = apple.truthful(t.upstream())
    dev = t.device(up, conf=WARM % "demand")
    time.sleep(0.5)
    assert not up.log
    assert len(dev.ask("17-" + COURIER).a()) == 3
    before = warm(t, dev)
    assert before["family_in_use"] == 1 and before["family_count"] == 50
    for at, name in enumerate(names()):
        for qtype in ("A", "AAAA", "HTTPS"):
            reply = dev.ask(name.upper() if at % 3 == 0 else name, qtype, tcp=at % 7 == 0,
                            **({"edns": 1232} if at % 2 else {}))
            assert reply.rcode == wire.NOERROR and len(reply.a()) == 3 * (qtype == "A"), reply
            assert (reply.types()[-1] == "SOA") == (qtype != "A"), reply
    after = numbers(dev)
    assert after["cache_misses"] == before["cache_misses"] == 1, after
    assert after["preresolve_warm"] == TOTAL, after
    times = sorted(one.came for one in up.log)
    # a packet may be late and the next one not
    assert not any(times[at + 22] - times[at] < 1.0 - t.late for at in range(len(times) - 22))
    assert not any(one.msg.qname.lower() == wire.name(TARGET) for one in up.log)


def test_questions_ahead_of_time_are_those_of_a_device(t):
    up = apple.truthful(t.upstream())
    dev = t.device(up, conf='couriers = ( { name = "apple"; pre_resolve = "always"; '
                            'types = [ "A" ]; count_txt = ""; count = 1; } );')
    t.until(lambda: len(up.log) >= 6, 5.0)
    got = {(wire.text(wire.lower(one.name)), one.msg.qtype, one.flags) for one in up.log}
    assert got == {(name, 1, wire.RD) for name in (
        COURIER, TARGET, "0-" + COURIER, "1-" + COURIER, "0." + TARGET, "1." + TARGET)}, got
    t.until(lambda: numbers(dev)["preresolve_warm"] == 6)
    assert numbers(dev)["cache_misses"] == 0


def test_reloads_lose_nothing(t):
    up = apple.truthful(t.upstream())
    text = 'couriers = ( { name = "apple"; pre_resolve = "always"; types = [ "A" ]; count_txt = ""; count = 9; } );'
    dev = t.device(up, conf=text)
    warm(t, dev, 22)
    before = len(up.log)
    for _ in range(5):
        dev.reload()
        time.sleep(0.2)
    got = numbers(dev)
    assert got["preresolve_warm"] == got["preresolve_total"] == 22, got
    assert len(up.log) - before < 8, len(up.log) - before      # those that were due
    dev.reload(t.config([up]))
    t.until(lambda: numbers(dev)["preresolve_total"] == 0)


def test_it_ends_at_once_though_upstream_is_silent(t):
    """What nobody waits for is not waited for."""
    up = t.upstream()
    up.deaf = True
    dev = t.device(up, conf=WARM % "always")
    t.until(lambda: len(up.unheard) >= 4)
    started = time.monotonic()
    assert dev.stop() is None
    t.within(time.monotonic() - started, 0, 0.5, "it took to end")


def test_a_dead_upstream_is_asked_ever_more_rarely(t):
    up = apple.truthful(t.upstream())
    up.deaf = True
    dev = t.device(up, conf=WARM % "always")
    time.sleep(12.0)
    got = numbers(dev)
    assert 4 <= got["preresolve_questions"] <= 9, got
    up.deaf = False
    warm(t, dev, 40, 25)
