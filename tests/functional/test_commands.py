"""What the running daemon is told over its control socket: upstreams, stats, flush, log-level."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile

from harness import wire
from harness.device import PROGRAM, SLOWER, environment
from harness.mark import Skip, each, heavy
from harness.shapes import COURIER, a1, r1
from test_cli import OK, USAGE, ends, run
from test_control import (NO_DAEMON, REFUSED, ask, ask_json, connect, raw, serving, told,
                          walk)

# a good word for each command that wants one
COMMANDS = [["stats"], ["upstreams"], ["log-level", "info"], ["flush", "a.example"], ["flush", "--all"]]


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


# --- stats ----------------------------------------------------------------------------------

def by_labels(values):
    return {(one["name"], tuple(sorted(one["labels"].items()))): one["value"] for one in values}


def test_stats_are_the_metrics(t):
    """The same names, labels and numbers; but for what moves by itself."""
    dev, up = serving(t)
    for _ in range(3):
        dev.ask("a.example")
    dev.ask("b.example", tcp=True)
    said = ask_json(t, dev, "stats")
    told_ = {}
    for line in ask(t, dev, "metrics").splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        told_[name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))] = float(value)
    stats = {}
    for metric in said["metrics"]:
        assert all(one["name"].startswith(metric["name"]) for one in metric["values"]), metric
        stats.update(by_labels(metric["values"]))
    assert stats.keys() == told_.keys()
    for key, value in stats.items():
        if "seconds" not in key[0] and "process" not in key[0]:
            assert told_[key] == value, (key, value, told_[key])
    assert stats["courierdns_cache_hits_total", (("kind", "fresh"),)] == 2
    udp = ("family", "ipv4"), ("proto", "udp"), ("type", "A")
    assert stats["courierdns_queries_total", udp] == 3, stats
    histograms = [one for one in said["metrics"] if one["type"] == "histogram"]
    assert {"courierdns_request_duration_seconds", "courierdns_upstream_duration_seconds"} <= {
        one["name"] for one in histograms}, histograms


def test_stats_for_people_leave_out_what_is_0(t):
    dev, up = serving(t)
    for _ in range(3):
        dev.ask("a.example")
    text = ask(t, dev, "stats")
    assert re.search(r"^queries: .*\n(?: .*\n)* +3  udp ipv4 A$", text, re.M), text
    assert re.search(r"^cache_hits: .*\n +2  fresh$", text, re.M), text
    assert re.search(r"^upstream_duration_seconds: .*\n +1  default %s@%d  \d+\.\d ms on average$" % (
        re.escape(up.address), up.port), text, re.M), text
    assert "stale" not in text and not re.search(r"^ +0(?![.\d])", text, re.M), text


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


# --- flush ----------------------------------------------------------------------------------

def entries(t, dev):
    return ask_json(t, dev, "status")["cache"]["entries"]


def test_flush_forgets_a_name_of_all_types_and_views(t):
    up = t.upstream()
    any_a = up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    up.rule(None, "AAAA", lambda asked: asked.reply(rcode=wire.REFUSED), times=None)
    dev = t.device(up, groups={"other": [up]}, zones="""
        { name = "a.example"; clients = [ "%s.200" ]; upstream = "other"; } """ % t.net)
    for how in ({}, {"source": t.net + ".200"}, {"options": []}, {"flags": 0x0110}):
        dev.ask("a.example", **how)
    dev.ask("a.example", "AAAA")
    for other in ("b.example", "x.a.example", "example"):
        dev.ask(other)
    before = entries(t, dev)
    said = ask_json(t, dev, "flush", "A.Example.")
    assert said["what"] == "name" and said["name"] == "a.example", said
    assert said["flushed"] == before - 3 >= 4, (said, before)
    asked = len(any_a.asked)
    for other in ("b.example", "x.a.example", "example"):
        dev.ask(other)
    assert len(any_a.asked) == asked
    dev.ask("a.example")
    assert len(any_a.asked) == asked + 1
    assert ask(t, dev, "flush", "c.example") == "0 entries forgotten of c.example\n"
    assert ask(t, dev, "flush", "b.example") == "1 entry forgotten of b.example\n"


def test_flush_forgets_a_zone_and_then_all(t):
    dev, _ = serving(t)
    for name in ("a.example", "b.a.example", "aa.example", "other.net"):
        dev.ask(name)
    assert ask_json(t, dev, "flush", "--zone", "a.example") == {
        "what": "zone", "name": "a.example", "flushed": 2}
    assert entries(t, dev) == 2
    assert ask(t, dev, "flush", "--all") == "2 entries forgotten\n"
    assert entries(t, dev) == 0
    assert ask_json(t, dev, "flush", "--all") == {"what": "all", "name": None, "flushed": 0}
    assert "flush of everything: 2" in dev.stderr() and "a.example and below: 2" in dev.stderr()


@each([[], ["a.example", "--all"], ["--zone=a.example", "--all"], ["a..example"], ["--zone", "x" * 64],
       ["a.example", "--zone", "a.example"], ["--zone"]], " ".join)
def test_flush_of_what_is_not_one_of_the_three_is_64(t, words):
    dev, _ = serving(t)
    dev.ask("a.example")
    for path in (dev.control, t.directory + "/none.sock"):
        done = ends(run(t, "flush", *words, "-s", path), USAGE)
        assert "flush" in done.stderr and not done.stdout, done
    with connect(dev) as sock:
        sock.sendall(raw(dev, "flush", *words))
        assert told(sock).startswith(b"2\nflush: ")
    assert entries(t, dev) == 1


def test_flush_has_families_asked_for_anew(t):
    """What was kept warm is not believed to be so any more."""
    up = t.upstream()
    up.rule(COURIER, "A", lambda asked: asked.reply(*r1()), times=None)
    any_a = up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(up, conf='''couriers = ( { name = "apple"; count_txt = ""; count = 3; types = [ "A" ];
        variants = [ "{n}-courier.push.apple.com" ]; } );''')
    walk(dev, None)

    def family():
        return ask_json(t, dev, "status")["families"][0]
    t.until(lambda: family()["warm"] == family()["total"] == 5, 10.0, "it does not get warm")
    asked = len(any_a.asked)
    assert ask_json(t, dev, "flush", "--all")["flushed"] >= 5
    t.until(lambda: family()["warm"] == 5 and entries(t, dev) >= 5, 10.0, "it stays cold")
    assert len(any_a.asked) >= asked + 4


@heavy
def test_peers_that_flush_without_end_are_in_nobodys_way(t):
    dev, _ = serving(t, conf='cache = { size = "8M"; };')
    with dev.udp() as udp:
        for at in range(8000):
            udp.send(wire.query("n%d.flood.example" % at, ident=at & 0xffff))
            if at % 50 == 49:
                for _ in range(50):
                    assert udp.recv(3.0) is not None
    peers = []
    for at in range(40):
        if at % 4 == 0:
            dev.ask(t.fresh())
        sock = connect(dev)
        peers.append(sock)
        try:
            sock.sendall(raw(dev, "flush", "--zone", "nothing.example"))
        except (BrokenPipeError, ConnectionResetError):
            pass
        if at % 3 == 0:
            sock.close()
        t.prompt(dev.ask("n7999.flood.example"))
    answers = [told(sock) for sock in peers if sock.fileno() >= 0]
    assert answers.count(b"0\n0 entries forgotten of nothing.example and below\n") >= 8, answers
    for sock in peers:
        sock.close()
    assert ask_json(t, dev, "flush", "--zone", "flood.example")["flushed"] == 8000


# --- who may ------------------------------------------------------------------------------

@each([("nobody", True), ("daemon", False)], lambda case: case[0])
def test_root_and_the_group_may_tell_it_something_and_nobody_else(t, case):
    """It runs as games; who asks is in its group, or is not."""
    if os.geteuid() != 0:
        raise Skip("only root may be another")
    name, is_in_group = case
    service, who = pwd.getpwnam("games"), pwd.getpwnam(name)
    group = service.pw_gid if is_in_group else who.pw_gid
    place = tempfile.mkdtemp(prefix="courierdns-")    # where all may go
    t.closing.append(lambda: shutil.rmtree(place, ignore_errors=True))
    os.chmod(place, 0o755)
    os.mkdir(place + "/run")
    os.chown(place + "/run", service.pw_uid, service.pw_gid)
    shutil.copy(PROGRAM, place + "/courierdns")
    path = place + "/run/control.sock"
    dev, _ = serving(t, conf='user = "games";\ncontrol = { socket = "%s"; };' % path)
    ends(run(t, "status", "-s", path), OK)
    for words in (["flush", "--all"], ["reload"], ["log-level", "debug"], ["status"]):
        done = subprocess.run(
            ["setpriv", "--reuid=%d" % who.pw_uid, "--regid=%d" % group, "--clear-groups",
             place + "/courierdns", *words, "-s", path], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=10 * SLOWER, cwd="/", env=environment(), check=False)
        if is_in_group and words != ["reload"]:    # whose file the account cannot read here
            ends(done, OK)
        elif not is_in_group:
            assert "Permission denied" in ends(done, REFUSED).stderr, done
    assert dev.ask("a.example").a() == ["192.0.2.1"]
