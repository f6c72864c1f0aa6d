"""What the running daemon is told over its control socket: upstreams, stats, flush, log-level."""

import re

from harness import wire
from harness.mark import each
from test_cli import OK, USAGE, ends, run
from test_control import NO_DAEMON, ask, ask_json, serving

# a good word for each command that wants one
COMMANDS = [["upstreams"], ["log-level", "info"]]


@each(COMMANDS, " ".join)
def test_without_a_daemon_it_ends_with_3(t, words):
    path = t.directory + "/none.sock"
    done = ends(run(t, *words, "-s", path), NO_DAEMON)
    assert path in done.stderr and not done.stdout, done


@each(COMMANDS, " ".join)
def test_what_it_does_not_take_is_64_with_a_daemon_and_without(t, words):
    dev, _ = serving(t)
    for path in (dev.control, t.directory + "/none.sock"):
        for more in (["--no-such"], ["a", "b", "c"], ["-x"], ["--json=1"], [""]):
            done = ends(run(t, *words, *more, "-s", path), USAGE)
            assert done.stderr.strip() and not done.stdout, done


# --- upstreams ------------------------------------------------------------------------------

def test_upstreams_tells_what_became_of_questions(t):
    good, bad = t.upstream(), t.upstream()
    bad.rule(None, None, lambda asked: asked.reply(rcode=wire.REFUSED), times=None)
    good.rule(None, "A", lambda asked: asked.reply([], rcode=wire.NXDOMAIN), times=None)
    dev = t.device(bad, good, order="listed", groups={"spare": [good]})
    dev.upstreams = []
    for _ in range(3):
        dev.ask(t.fresh())
    default, spare = ask_json(t, dev, "upstreams")["groups"]
    assert (default["name"], spare["name"]) == ("default", "spare"), default
    first, second = default["servers"]
    assert first["address"] == "%s@%d" % (bad.address, bad.port), first
    assert first["failures"]["refused"] == first["failed"] == 3, first
    assert first["asked"] == 3 and first["asked_tcp"] == 0 and first["state"] == "up", first
    assert second["answered"] == 3 and not any(second["failures"].values()), second
    assert spare["servers"][0]["asked"] == 0 and spare["servers"][0]["heard_s_ago"] is None, spare
    text = ask(t, dev, "upstreams")
    assert "group default: listed first" in text and "3 refused" in text, text
    assert ask_json(t, dev, "status")["groups"][0]["servers"][0].keys() < first.keys()


def test_upstreams_tells_how_a_server_is_reached(t):
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([]), times=None)
    dev = t.device(text=t.config([up]).replace(
        'servers = [ "%s@%d" ]' % (up.address, up.port),
        'servers = ( { address = "%s@%d"; source = "%s.9"; interface = "lo"; } )' % (
            up.address, up.port, t.net)))
    server, = ask_json(t, dev, "upstreams")["groups"][0]["servers"]
    assert server["source"] == t.net + ".9" and server["interface"] == "lo", server
    text = ask(t, dev, "upstreams")
    assert "asked from %s.9" % t.net in text and "by lo" in text, text


# --- log-level ------------------------------------------------------------------------------

def test_log_level_holds_until_the_next_reload(t):
    dev, _ = serving(t)
    assert ask(t, dev, "log-level") == "info\n"
    assert ask_json(t, dev, "log-level", "debug") == {"level": "debug", "before": "info"}
    assert "log level debug in place of info" in dev.stderr(), dev.stderr()
    assert re.match(r"warning, before it was debug", ask(t, dev, "log-level", "warning"))
    quiet = dev.stderr()
    dev.ask(t.fresh())
    assert dev.stderr() == quiet
    dev.reload()
    t.until(lambda: ask(t, dev, "log-level") == "info\n")


def test_log_level_outlives_a_rotation(t):
    dev, _ = serving(t)
    ask(t, dev, "log-level", "debug")
    dev.signal(12)    # SIGUSR2
    dev.statistics()    # which comes after it
    assert ask(t, dev, "log-level") == "debug\n"


@each(["error", "warning", "notice", "info", "debug"])
def test_log_level_takes_each_level(t, level):
    dev, _ = serving(t)
    assert ask_json(t, dev, "log-level", level)["level"] == level
    assert ask(t, dev, "log-level") == level + "\n"


def test_log_level_names_the_nearest(t):
    dev, _ = serving(t)
    for path in (dev.control, t.directory + "/none.sock"):
        done = ends(run(t, "log-level", "warn", "-s", path), USAGE)
        assert '"warn"' in done.stderr and "debug" in done.stderr, done.stderr
    assert 'did you mean "info"' in ends(run(t, "log-level", "inof", "-s", dev.control), USAGE).stderr
    assert ask(t, dev, "log-level") == "info\n"
