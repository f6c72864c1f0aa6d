"""The scripted upstream itself, where tests lean on it without looking: probes."""

import contextlib
import os
import subprocess
import time

from harness import client, wire
from harness.mark import each
from harness.shapes import a1
from harness.upstream import PATIENCE, send
from test_cli import file

PROBE = wire.query(".", "NS", ident=7, edns=1232)


def asked(up, query=PROBE):
    with client.Udp(up.address, up.port) as udp:
        udp.send(query)
        data = udp.recv(0.2)
        return data and wire.Message(data)


def test_probe_is_answered_and_not_counted(t):
    up = t.upstream()
    up.answers(t.fresh(), "A", times=0)
    reply = asked(up)
    assert reply.id == 7 and reply.types() == ["NS"], reply
    assert len(up.probed) == 1
    up.saw(0)


@each(["told", "deaf", "silent rules only"])
def test_dead_server_answers_no_probe(t, how):
    up = t.upstream(probes="silent" if how == "told" else "answer")
    if how == "silent rules only":
        up.silent()
    up.deaf = how == "deaf"
    assert asked(up) is None
    assert len(up.unheard if up.deaf else up.probed) == 1
    up.saw(0)


@each(["count", "a rule for it"])
def test_probe_may_be_a_packet_like_others(t, how):
    up = t.upstream(probes="count" if how == "count" else "answer")
    up.answers("." if how != "count" else None, "NS", [". 60 NS a.example."])
    assert asked(up).answer[0].ttl == 60
    up.saw(1)


def test_what_is_nearly_a_probe_is_not_foreseen(t):
    up = t.upstream()
    up.answers("other.example.", "A", [a1("other.example.")], times=0)
    for query in (wire.query(".", "NS", edns=1232, do=True), wire.query(".", "SOA", edns=1232),
                  wire.query(".", "NS", edns=1232, flags=0), wire.query("com.", "NS", edns=1232)):
        assert asked(up, query) is None
    assert len(up.unforeseen) == 4 and not up.probed
    up.unforeseen.clear()


def test_a_run_that_takes_the_long_way_says_so(t):
    """With $COURIERDNS_LONG_WAY set nothing is answered by the fast path, in programs built for tests."""
    for asked in (None, "1"):
        up = t.upstream()
        dev = t.device(up, prefix=["env", "-u", "COURIERDNS_LONG_WAY"] if asked is None else (),
                       env=asked and {"COURIERDNS_LONG_WAY": asked})
        assert ("repeats take the long way" in dev.stderr()) == (asked is not None), dev.stderr()


@each(["unread meanwhile", "at once", "another port", "answered long ago"])
def test_a_copy_that_only_our_own_lateness_caused_is_none(t, how):
    """A machine that keeps the upstream from running has the program ask again, rightly."""
    up = t.upstream()
    up.silent()
    query = client.with_id(wire.query(t.fresh(), "A"))
    with client.Udp(up.address, up.port) as udp, client.Udp(up.address, up.port) as other:
        stalled = how != "answered long ago"
        with up.loop.lock if stalled else contextlib.nullcontext():     # it does not get to read
            began = time.monotonic()
            udp.send(query)
            if not stalled:
                t.until(lambda: up.seen == 1)
            time.sleep(0.0 if how == "at once" else 0.2)
            (other if how == "another port" else udp).send(query)
            took = time.monotonic() - began
            time.sleep(0.2 if stalled else 0.0)
        t.until(lambda: up.seen + len(up.late_copies) == 2, 2.0, "two have come")
    if how != "at once" or took < PATIENCE:
        up.saw(1 if how == "unread meanwhile" else 2)


@each([0.1, 0.3], lambda after: "due" if after > 0.2 else "not yet due")
def test_so_is_a_copy_that_came_while_an_answer_was_due(t, after):
    """A fifth of a second it was to take, and we were later still."""
    up = t.upstream()
    up.rule(None, None, lambda asked: send(asked.reply(), 0.2), times=None)
    query = client.with_id(wire.query(t.fresh(), "A"))
    with client.Udp(up.address, up.port) as udp:
        began = time.monotonic()
        udp.send(query)
        t.until(lambda: up.seen == 1)
        with up.loop.lock:
            time.sleep(max(0.0, began + after - time.monotonic()))
            udp.send(query)
            is_due = time.monotonic() - began > 0.2
            time.sleep(max(0.0, began + 0.4 - time.monotonic()))
        t.until(lambda: up.seen + len(up.late_copies) == 2, 2.0, "two have come")
    if is_due == (after > 0.2):
        up.saw(1 if is_due else 2)


# --- make fuzz ------------------------------------------------------------------------------

FUZZER = """#!/bin/sh
# As libFuzzer would: finds an input beside those it is given, of which all are worth keeping.
case $* in
*-set_cover_merge=1*)
	for last in "$@"; do
		case $last in -*) ;; *) few=${few:-$last} new=$last ;; esac
	done
	cp "$new"/* "$few" ;;
*)
	for word in "$@"; do
		case $word in -*) ;; *) [ -n "${into:-}" ] || into=$word; echo "$word" >>given ;; esac
	done
	printf found >"$into/f0und"
	echo 'stat::number_of_executed_units: 7' >&2 ;;
esac
"""


@each([False, True], lambda keeps: "kept" if keeps else "beside")
def test_fuzzing_changes_the_corpus_of_the_tree_only_where_that_is_said(t, keeps):
    for folder in ("tests/fuzz/corpus/it", "build"):
        os.makedirs(os.path.join(t.directory, folder))
    file(t, "first", "tests/fuzz/corpus/it/first")
    os.chmod(file(t, FUZZER, "build/fuzz_it"), 0o755)
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz", "run.sh")

    def fuzz(**more):
        done = subprocess.run(["sh", script, "1", "it"], cwd=t.directory, check=False, capture_output=True, text=True,
                              env={**os.environ, "FUZZ_BUILD": "build", **more})
        assert done.returncode == 0 and "no finding" in done.stdout, done
        return done.stdout

    def there(folder):
        path = os.path.join(t.directory, folder)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []
    said = fuzz(**({"KEEP": "1"} if keeps else {}))
    assert there("tests/fuzz/corpus/it") == (["f0und", "first"] if keeps else ["first"]), said
    if not keeps:
        assert there("build/fuzz/new/it") == ["f0und"] and "KEEP=1" in said, said
        fuzz()
        with open(os.path.join(t.directory, "given"), encoding="utf-8") as given:
            assert "build/fuzz/new/it" in given.read().split(), "what was found is not gone on from"
        fuzz(KEEP="1")
        assert there("tests/fuzz/corpus/it") == ["f0und", "first"]
