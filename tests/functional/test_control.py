"""The control socket: what the running daemon is asked and tells, and who may hang there."""

import json
import os
import signal
import socket
import stat
import subprocess
import time

from harness import wire
from harness.device import PROGRAM, SLOWER, environment
from harness.mark import alone, each, heavy
from harness.shapes import COURIER, a1, r1
from harness.upstream import send
from test_cli import BAD_CONF, GOOD, OK, USAGE, ends, file, run

REFUSED, NO_DAEMON = 1, 3
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMANDS = ("status", "devices")


def schema(command, said):
    import jsonschema
    with open(os.path.join(ROOT, "contrib", command + ".schema.json"), encoding="utf-8") as text:
        jsonschema.Draft202012Validator(json.load(text)).validate(said)
    return said


def ask(t, dev, *args):
    """What the daemon says to a command, as text."""
    return ends(run(t, *args, "-s", dev.control), OK).stdout


def ask_json(t, dev, *args):
    return schema(args[0], json.loads(ask(t, dev, *args, "--json")))


def serving(t, **how):
    """(daemon, upstream that knows any A record)."""
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    return t.device(up, **how), up


def connect(dev):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(dev.control)
    sock.settimeout(10 * SLOWER)
    return sock


def listens(path):
    """Not only is there: it has its name a moment before it listens."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(path) == 0


def raw(dev, *words):
    return b"".join(word.encode() + b"\0" for word in words) + b"\0"


def told(sock):
    data = b""
    while True:
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


# --- what it says ---------------------------------------------------------------------------

def test_status_says_what_is_there(t):
    dev, up = serving(t)
    dev.ask("a.example")
    dev.ask("a.example")
    said = ask_json(t, dev, "status")
    assert said["pid"] == dev.pid and said["configuration"]["file"] == dev.path, said
    assert said["version"] == run(t, "version").stdout.strip()
    assert said["cache"]["entries"] == 1 and said["cache"]["hits"] == 1, said["cache"]
    assert said["counters"]["cache_misses"] == 1, said["counters"]
    server, = said["groups"][0]["servers"]
    assert server["address"] == "%s@%d" % (up.address, up.port) and server["state"] == "up"
    assert server["asked"] == server["answered"] == 1 and server["latency_us"] > 0, server
    assert said["listen"] == [
        {"address": "%s@%d" % (dev.address, dev.port), "udp": True, "tcp": True}]
    text = ask(t, dev, "status")
    for word in (said["version"], str(dev.pid), dev.path, server["address"], "up"):
        assert word in text, (word, text)
    assert len(text.splitlines()) <= 24, text
    assert max(map(len, text.splitlines())) <= 100 + len(dev.path), text


def test_status_has_each_counter_that_the_signal_logs(t):
    dev, _ = serving(t)
    dev.ask("a.example")
    counters = ask_json(t, dev, "status")["counters"]
    logged = dev.statistics()
    assert set(counters) <= set(logged), set(counters) - set(logged)
    assert counters["queries_tcp"] == logged["queries_tcp"]
    assert "limit_control" in counters


def test_status_tells_a_server_that_is_down(t):
    dead, up = t.upstream(), t.upstream()
    dead.close()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(dead, up, order="listed")

    def is_set_aside():
        dev.ask("n%d.example" % time.monotonic_ns())
        servers = ask_json(t, dev, "status")["groups"][0]["servers"]
        return servers[0]["state"] != "up" and servers[1]["state"] == "up"
    t.until(is_set_aside, 8.0, "the dead server counts as up")


def test_status_after_a_reload_has_the_new_configuration(t):
    dev, up = serving(t)
    first = ask_json(t, dev, "status")
    dev.reload(t.config([up], address=dev.address, groups={"corp": [up]}))
    t.until(lambda: len(ask_json(t, dev, "status")["groups"]) == 2)
    said = ask_json(t, dev, "status")
    assert [group["name"] for group in said["groups"]] == ["default", "corp"], said["groups"]
    assert said["configuration"]["plan"] != first["configuration"]["plan"]


# --- explain --------------------------------------------------------------------------------

def test_explain_tells_what_the_daemon_knows(t):
    up = t.upstream()
    up.answers(COURIER, "A", *r1())
    dev = t.device(up, conf='couriers = ( { name = "apple"; pre_resolve = "off"; } );')
    said = ask_json(t, dev, "explain", COURIER)
    assert said["is_online"] and said["file"] == dev.path, said
    assert said["cache"] == [] and said["last_exchange"] is None, said
    dev.ask(COURIER)
    said = ask_json(t, dev, "explain", "courier.PUSH.apple.com", "A")
    entry, = said["cache"]
    assert entry["verdict"] == "dangling" and entry["rcode"] == "NOERROR" and entry["is_used"]
    assert 40 <= entry["remaining_s"] <= 49 and entry["stale_left_s"] >= 86400, entry
    last = said["last_exchange"]
    assert last["server"] == "%s@%d" % (up.address, up.port), last
    assert last["outcome"] == "replied" and last["verdict"] == "dangling", last
    assert said["family"] == {"name": "apple", "role": "alias", "n": None,
                              "squashers": []}, said["family"]
    text = ask(t, dev, "explain", COURIER)
    for word in ("dangling", "NOERROR", "%s@%d" % (up.address, up.port), "apple: alias",
                 "the running daemon was asked"):
        assert word in text, (word, text)
    assert ask_json(t, dev, "explain", COURIER, "TXT")["cache"] == []
    role = ask_json(t, dev, "explain", "17-courier.push.apple.com")["family"]
    assert role == {"name": "apple", "role": "variant", "n": 17, "squashers": []}, role


def test_explain_tells_of_rules_and_views(t):
    dev, _ = serving(t, zones="""
        { name = "gone.example"; action = "nxdomain"; },
        { name = "view.example"; clients = [ "10.9.0.0/16" ]; action = "refuse"; } """)
    said = ask_json(t, dev, "explain", "www.gone.example")
    assert said["action"] == "nxdomain" and said["forward"] is None and said["cache"] is None
    assert said["rule"]["name"] == "gone.example" and said["rule"]["line"] > 0, said["rule"]
    assert ask_json(t, dev, "explain", "view.example")["action"] == "forward"
    for option in (["--client", "10.9.1.1"], ["--client=10.9.1.1"]):
        assert ask_json(t, dev, "explain", "view.example", *option)["action"] == "refuse"
    assert ask_json(t, dev, "explain", "localhost")["rule"]["kind"] == "special"


def test_explain_says_whether_the_client_may_ask_and_by_which_line(t):
    dev, _ = serving(t, conf="""access = (
        { net = "127.0.0.0/8"; action = "allow"; },
        { net = "10.0.0.0/8"; action = "allow"; },
        { net = "10.9.0.0/16"; action = "refuse"; },
        { net = "10.9.9.0/24"; action = "drop"; } );""")
    first = next(at for at, line in enumerate(open(dev.path), 1) if "127.0.0.0/8" in line)
    for client, action, net, line in (("10.1.1.1", "allow", "10.0.0.0/8", first + 1),
                                      ("10.9.1.1", "refuse", "10.9.0.0/16", first + 2),
                                      ("10.9.9.1", "drop", "10.9.9.0/24", first + 3),
                                      ("192.0.2.1", "refuse", None, None)):
        file_name = dev.path if net else None
        said = ask_json(t, dev, "explain", "a.example", "--client", client)["access"]
        assert said == {"action": action, "net": net, "file": file_name, "line": line}, said
        text = ask(t, dev, "explain", "a.example", "--client", client)
        told = text[text.index("access:"):].splitlines()[0]
        assert action in told and (net is None or "%s:%d" % (dev.path, line) in told), told
    offline = ends(run(t, "explain", "a.example", "-c", dev.path, "--offline", "--client", "10.9.9.1"), OK).stdout
    assert "access:     drop" in offline, offline
    plain, _ = serving(t)
    said = ask_json(t, plain, "explain", "a.example")["access"]
    assert said["action"] == "allow" and said["file"] is None and said["net"] == "127.0.0.0/8", said


def test_explain_tells_of_failures_and_of_silence(t):
    up = t.upstream()
    up.rule("bad.example.", "A", lambda asked: asked.reply(rcode=wire.REFUSED), times=None)
    dev = t.device(up, timeout=0.5)
    dev.ask("bad.example.")
    said = ask_json(t, dev, "explain", "bad.example")
    failure, = said["cache"]
    assert failure["kind"] == "failure" and failure["rcode"] == "REFUSED", failure
    assert said["last_exchange"]["rcode"] == "REFUSED", said["last_exchange"]
    assert said["last_exchange"]["verdict"] == "failed", said["last_exchange"]


def test_explain_says_when_an_entry_is_not_used_any_more(t):
    dev, up = serving(t)
    dev.ask("a.example")
    other = t.upstream()
    dev.reload(t.config([other], address=dev.address))
    t.until(lambda: not ask_json(t, dev, "explain", "a.example")["cache"][0]["is_used"])
    assert "not used" in ask(t, dev, "explain", "a.example")


def test_explain_without_a_daemon_is_from_the_file(t):
    path = file(t, GOOD + 'control = { socket = "%s/none.sock"; };\n' % t.directory)
    done = ends(run(t, "explain", "www.corp.example", "-c", path), OK)
    assert "no daemon answers" in done.stdout and "corp.example" in done.stdout, done.stdout
    said = schema("explain", json.loads(
        ends(run(t, "explain", "www.corp.example", "-c", path, "--json"), OK).stdout))
    assert not said["is_online"] and said["cache"] is None and said["file"] == path, said


def test_explain_offline_does_not_ask(t):
    dev, _ = serving(t)
    dev.ask("a.example")
    said = schema("explain", json.loads(ends(run(
        t, "explain", "a.example", "-c", dev.path, "--offline", "--json"), OK).stdout))
    assert not said["is_online"] and said["cache"] is None, said
    said = schema("explain", json.loads(ends(run(
        t, "explain", "a.example", "-c", dev.path, "--json"), OK).stdout))
    assert said["is_online"] and len(said["cache"]) == 1, said


@each([["a..b"], ["a.example", "BOGUS"]])
def test_explain_of_a_bad_file_complains_of_that_first(t, words):
    done = ends(run(t, "explain", *words, "-c", file(t, "cash = { };\n"), "--offline"), BAD_CONF)
    assert "cash" in done.stderr and "is not a" not in done.stderr, done.stderr


def test_explain_of_a_bad_client_complains_of_that_first(t):
    done = ends(run(t, "explain", "a..b", "-c", file(t, "cash = { };\n"), "--offline", "--client", "zz"), USAGE)
    assert done.stderr == 'courierdns explain: "zz" is not an address\n', done.stderr


def test_explain_says_when_the_daemon_reads_another_file(t):
    dev, _ = serving(t)
    other = file(t, 'control = { socket = "%s"; };\n' % dev.control)
    text = ends(run(t, "explain", "a.example", "-c", other), OK).stdout
    assert dev.path in text and "does not read %s" % other in text, text
    assert "does not read" not in ends(run(t, "explain", "a.example", "-c", dev.path), OK).stdout


def test_explain_refuses_what_it_cannot_read_online_too(t):
    dev, _ = serving(t)
    for args in (["a..example"], ["a.example", "NOTYPE"], ["a.example", "--client", "x"],
                 ["a.example", "AXFR", "b"], [], ["a.example", "OPT"]):
        done = ends(run(t, "explain", *args, "-s", dev.control), USAGE)
        assert done.stderr.strip() and not done.stdout, done
        assert done.stderr.count("explain:") <= 1, "told twice who says it: %s" % done.stderr


# --- how it ends ----------------------------------------------------------------------------

@each(COMMANDS)
def test_no_daemon_is_3(t, command):
    dead = os.path.join(t.directory, "dead.sock")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(dead)
    for path in (os.path.join(t.directory, "none.sock"), dead):
        done = ends(run(t, command, "-s", path), NO_DAEMON)
        assert path in done.stderr and not done.stdout, done
    conf = file(t, 'control = { socket = ""; };\n')
    ends(run(t, command, "-c", conf), NO_DAEMON)


@each(COMMANDS)
def test_wrong_words_are_64_with_a_daemon_and_without(t, command):
    dev, _ = serving(t)
    for path in (dev.control, os.path.join(t.directory, "none.sock")):
        for args in (["--no-such"], ["a", "b", "c"], ["-x"], ["-s"], ["--json=1"], [""]):
            done = ends(run(t, command, "-s", path, *args), USAGE)
            assert done.stderr.strip() and not done.stdout, done


def test_a_bad_file_is_78(t):
    done = ends(run(t, "status", "-c", file(t, "cash = { };\n")), BAD_CONF)
    assert "test.conf:1" in done.stderr, done


def test_the_file_says_where_the_daemon_is(t):
    dev, _ = serving(t)
    said = schema("status", json.loads(ends(run(t, "status", "-c", dev.path, "--json"), OK).stdout))
    assert said["pid"] == dev.pid


def answered_by_another(t, answer, *args):
    """What a command says and how it ends that is answered by somebody else."""
    path = os.path.join(t.directory, "other.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen(1)
        with subprocess.Popen([PROGRAM, "status", "-s", path, *args], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as client:
            peer, _ = other.accept()
            peer.recv(100)
            peer.sendall(answer)
            peer.close()
            out, err = client.communicate(timeout=10 * SLOWER)
    os.unlink(path)
    return out, err, client.returncode


def test_no_reply_moves_the_terminal(t):
    """Neither as text, nor as a complaint, nor as JSON."""
    bad, safe = b"a\x1b[2J\tb\x07\x7f\x9b\r\x00\n", b"a\\x1b[2J\tb\\x07\\x7f\\x9b\\x0d\\x00\n"
    assert answered_by_another(t, b"0\n" + bad) == (safe, b"", OK)
    assert answered_by_another(t, b"1\n" + bad) == (b"", b"courierdns status: " + safe, REFUSED)
    said = '{ "name": "\u00fc" }\n'.encode()
    assert answered_by_another(t, b"0\n" + said, "--json") == (said, b"", OK)
    assert answered_by_another(t, b"0\n{\x1b[2J}\n", "--json") == (b"{\\x1b[2J}\n", b"", OK)


@each([b"", b"hello", b"7\nx", b"0"])
def test_what_is_no_daemon_is_refused(t, answer):
    out, err, code = answered_by_another(t, answer)
    assert code == REFUSED and not out and b"other.sock" in err, (out, err)


# --- the socket -----------------------------------------------------------------------------

def test_owner_and_group_may_open_it(t):
    dev, _ = serving(t, prefix=["sh", "-c", "umask 0; exec \"$@\"", "sh"])
    mode = os.stat(dev.control).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660, oct(mode)


def test_it_is_gone_at_the_end(t):
    dev, _ = serving(t)
    assert os.path.exists(dev.control)
    assert dev.stop() is None
    assert not os.path.exists(dev.control)


def test_its_directory_is_made(t):
    path = os.path.join(t.directory, "made", "control.sock")
    dev, _ = serving(t, conf='control = { socket = "%s"; };' % path)
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) & 0o7022 == 0
    ends(run(t, "status", "-s", path), OK)
    assert dev.stop() is None


def test_what_a_killed_daemon_left_behind_is_replaced(t):
    dev, _ = serving(t)
    dev.process.kill()
    dev.process.wait()
    assert os.path.exists(dev.control)
    dev.start()
    assert ask_json(t, dev, "status")["pid"] == dev.pid
    assert "control socket" not in dev.stderr(), dev.stderr()


def test_of_two_daemons_the_first_keeps_it(t):
    first, up = serving(t)
    second = t.device(up, conf='control = { socket = "%s"; };' % first.control)
    assert "control socket %s" % first.control in second.stderr(), second.stderr()
    assert "pid %d" % first.pid in second.stderr(), second.stderr()
    second.ask("a.example")
    assert ask_json(t, first, "status")["pid"] == first.pid
    assert second.stop() is None
    assert ask_json(t, first, "status")["pid"] == first.pid


@each(["file", "directory", "below-a-file", "no-directory"])
def test_where_there_can_be_none_it_runs_on(t, kind):
    path = os.path.join(t.directory, "place")
    if kind == "directory":
        os.mkdir(path)
    elif kind == "no-directory":
        path = os.path.join(path, "a", "control.sock")
    else:
        file(t, "important", "place")
        path = os.path.join(path, "control.sock") if kind == "below-a-file" else path
    dev, _ = serving(t, conf='control = { socket = "%s"; };' % path)
    assert "control socket %s" % path in dev.stderr(), dev.stderr()
    assert dev.ask("a.example").a() == ["192.0.2.1"]
    assert dev.stop() is None
    if kind == "file":
        with open(path, encoding="ascii") as text:
            assert text.read() == "important"


def test_a_reload_moves_it_closes_it_and_opens_it(t):
    dev, up = serving(t)
    config = t.config([up], address=dev.address)
    moved = os.path.join(t.directory, "moved.sock")
    dev.reload(config + 'control = { socket = "%s"; };\n' % moved)
    t.until(lambda: listens(moved) and not os.path.exists(dev.control))
    ends(run(t, "status", "-s", moved), OK)
    ends(run(t, "status", "-s", dev.control), NO_DAEMON)
    dev.reload(config + 'control = { socket = ""; };\n')
    t.until(lambda: not os.path.exists(moved))
    dev.reload(config)
    t.until(lambda: listens(dev.control))
    ends(run(t, "status", "-s", dev.control), OK)


def test_a_reload_that_changes_nothing_leaves_it(t):
    dev, up = serving(t)
    before = os.stat(dev.control).st_ino
    with connect(dev) as sock:
        plan = ask_json(t, dev, "status")["configuration"]["plan"]
        dev.reload(t.config([up], address=dev.address))
        t.until(lambda: ask_json(t, dev, "status")["configuration"]["plan"] != plan)
        sock.sendall(raw(dev, "status"))
        assert told(sock).startswith(b"0\n")
    assert os.stat(dev.control).st_ino == before


def test_a_reload_brings_it_back(t):
    dev, up = serving(t)
    os.unlink(dev.control)
    ends(run(t, "status", "-s", dev.control), NO_DAEMON)
    dev.reload(t.config([up], address=dev.address))
    t.until(lambda: listens(dev.control))
    assert ask_json(t, dev, "status")["pid"] == dev.pid


def test_a_daemon_that_is_silent_is_not_waited_for_without_end(t):
    path = os.path.join(t.directory, "silent.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen(1)
        began = time.monotonic()
        done = ends(run(t, "status", "-s", path), REFUSED)
        t.within(time.monotonic() - began, 4.5, 6.0)
    assert "silent" in done.stderr and path in done.stderr, done.stderr


# --- who hangs there ------------------------------------------------------------------------

def test_clients_that_hang_are_in_nobodys_way(t):
    dev, _ = serving(t)
    fds = dev.fds()
    hanging = [connect(dev) for _ in range(30)]
    for at, sock in enumerate(hanging):
        try:
            sock.sendall(b"" if at % 2 else b"status")
        except (BrokenPipeError, ConnectionResetError):
            pass    # it has made room already
    for _ in range(5):
        t.prompt(dev.ask(t.fresh()))
    assert ask_json(t, dev, "status")["counters"]["limit_control"] >= 22
    assert dev.fds() <= fds + 12, dev.fds()
    t.until(lambda: dev.fds() <= fds, 6.0, "silent clients are still held")
    for sock in hanging:
        assert told(sock) == b""
        sock.close()


def test_a_client_that_goes_away_hurts_nobody(t):
    dev, _ = serving(t)
    for words in ([], ["status"], ["status", "--json"], ["explain", "a.example"], ["stats"],
                  ["upstreams", "--json"], ["flush", "--all"], ["flush", "--zone", "."],
                  ["log-level"], ["metrics"]):
        for _ in range(20):
            sock = connect(dev)
            if words:
                sock.sendall(raw(dev, *words))
            sock.close()
    assert dev.ask("a.example").a() == ["192.0.2.1"]
    ask_json(t, dev, "status")


@each([b"\0", b"\0\0", b"status\0\0status\0\0", b"x" * 5000, b"a\0" * 100, b"\xff\xfe\0\0",
       b"status\0--json\0\0\0"], lambda data: "%d" % len(data))
def test_what_is_no_request_is_refused(t, data):
    dev, _ = serving(t)
    with connect(dev) as sock:
        sock.sendall(data)
        said = told(sock)
        assert said[:2] == b"1\n" and len(said) > 4, said
    ask_json(t, dev, "status")


def test_the_end_does_not_wait_for_a_client_that_hangs(t):
    dev, _ = serving(t)
    with connect(dev) as sock:
        sock.sendall(b"stat")
        began = time.monotonic()
        dev.signal(signal.SIGTERM)
        assert dev.process.wait(3.0 * SLOWER) == 0
        t.within(time.monotonic() - began, 0, 1.0)
        dev.stopped = True
        assert told(sock) == b""


# --- devices --------------------------------------------------------------------------------

# the way of a device that is set up, as far as its couriers
WAY = [("captive", "captive.apple.com"), ("activation", "albert.apple.com"),
       ("bag", "init.push.apple.com"), ("courier", COURIER.rstrip(".")),
       ("variant", "17-courier.push.apple.com")]


def walk(dev, source, way=None, **how):
    for _, name in WAY if way is None else way:
        dev.ask(name, source=source, **how)


def hardware(number):
    """EDNS option 65001: six bytes."""
    return (65001, b"\x02\0\0\0" + number.to_bytes(2, "big"))


def lab(t, **how):
    """(daemon, upstream that knows any A record and the alias)."""
    up = t.upstream()
    up.rule(COURIER, "A", lambda asked: asked.reply(*r1()), times=None)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    return t.device(up, **how), up


@alone
def test_devices_tell_how_far_each_one_is(t):
    dev, _ = lab(t)
    said = ask_json(t, dev, "devices")
    assert said["known"] == 0 and said["devices"] == [] and said["limit"] == 1024, said
    one, two = t.address(), t.address()
    walk(dev, one)
    walk(dev, two, WAY[:3])
    said = ask_json(t, dev, "devices")
    assert said["known"] == 2 and [device["address"] for device in said["devices"]] == [two, one]
    late, early = said["devices"][1], said["devices"][0]
    assert [stage["stage"] for stage in late["stages"]] == [stage for stage, _ in WAY], late
    assert late["stage"] == "variant" and late["variants"] == late["variants_answered"] == 1, late
    assert early["stage"] == "bag" and early["verdict"] == "progressing", early
    courier = late["stages"][3]
    assert courier["told"] == "dangling" and courier["rcode"] == "NOERROR", courier
    assert courier["name"].rstrip(".") == WAY[3][1] and courier["type"] == "A", courier
    assert late["stages"][4]["address"] == "192.0.2.1" and late["stages"][4]["good"] == 1, late
    text = ask(t, dev, "devices")
    for word in (one, two, "bag", "variant", "progressing", "2 known"):
        assert word in text, (word, text)
    assert ask_json(t, dev, "status")["devices"]["known"] == 2
    assert "2 known" in ask(t, dev, "status")


def test_a_device_by_its_address_or_its_hardware(t):
    dev, _ = lab(t)
    walk(dev, t.address(), options=[hardware(1)])
    walk(dev, t.address(), WAY[:1])
    mac = "02:00:00:00:00:01"
    for called in (mac, mac.upper()):
        device, = ask_json(t, dev, "devices", called)["devices"]
        assert device["hardware"] == mac and device["stage"] == "variant", device
        text = ask(t, dev, "devices", called)
        for word in (mac, "courier", "dangling", "17-courier.push.apple.com", "192.0.2.1"):
            assert word in text, (word, text)
        assert "captive.apple.com" in text and len(text.splitlines()) <= 24, text
    assert mac in ask(t, dev, "devices")


@each(["192.0.2.77", "02:00:00:00:00:09", "nonsense"])
def test_a_device_that_is_not_known_is_1(t, called):
    dev, _ = lab(t)
    walk(dev, None, WAY[:2])
    for more in ([], ["--json"]):
        done = ends(run(t, "devices", called, "-s", dev.control, *more), REFUSED)
        assert called in done.stderr and not done.stdout, done


def test_devices_can_be_off(t):
    dev, _ = lab(t, conf="limits = { devices = 0; };")
    walk(dev, None)
    said = ask_json(t, dev, "devices")
    assert said["known"] == said["limit"] == 0 and said["devices"] == [], said
    assert "limits.devices is 0" in ask(t, dev, "devices")


@alone
@heavy
def test_a_thousand_devices_block_nobody(t):
    """Their JSON is large; while it is made and slowly read, questions are answered. More than that
    many are not told at once."""
    dev, _ = lab(t, conf="limits = { devices = 1050; };")
    with dev.udp() as udp:
        for _, name in WAY:
            udp.ask(wire.query(name, ident=1), 3.0)
        for number in range(1100):
            for at, (_, name) in enumerate(WAY):
                udp.send(wire.query(name, ident=at, options=[hardware(number)]))
            for _ in WAY:
                assert udp.recv(3.0) is not None
    with connect(dev) as slow, connect(dev) as gone, dev.udp() as udp:
        gone.sendall(raw(dev, "devices", "--json"))
        slow.sendall(raw(dev, "devices", "--json"))
        assert slow.recv(1) == b"0"
        gone.close()
        for at in range(20):
            t.prompt(udp.ask(wire.query(WAY[at % 2][1], ident=at), 3.0))
        said = schema("devices", json.loads(told(slow)))
    assert said["known"] == 1050 and len(said["devices"]) == 1024, said["known"]
    assert {device["stage"] for device in said["devices"]} == {"variant"}
    assert len({device["hardware"] for device in said["devices"]}) == 1024
    assert ask_json(t, dev, "status")["counters"]["limit_devices"] >= 50
    assert "and 26 more" in ask(t, dev, "devices")
    assert ask_json(t, dev, "devices", "02:00:00:00:00:%02x" % 60)["devices"]    # not among them
    forwarder = said["devices"][0]["address"]
    assert len(ask_json(t, dev, "devices", forwarder)["devices"]) == 1024


def test_the_readme_shows_how_it_looks(t):
    """Headings and the beginnings of lines, whatever stands in them."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as text:
        readme = text.read()
    shown = {}
    for block in readme.split("```\n"):
        for part in block.split("$ courierdns ")[1:]:
            command, _, rest = part.partition("\n")
            shown[command.split()[0] + (" ADDRESS" if command.startswith("devices ") else "")] = rest
    dev, _ = lab(t)
    walk(dev, t.address(), options=[hardware(1)])
    mac = "02:00:00:00:00:01"

    def headings(text):
        return [line.split() for line in text.splitlines() if "AGO" in line or "ADDRESS" in line]
    assert headings(shown["devices"]) == headings(ask(t, dev, "devices"))
    assert headings(shown["devices ADDRESS"]) == headings(ask(t, dev, "devices", mac))

    def beginnings(text):
        return [line[:11].split()[0] for line in text.splitlines() if line[:1] not in ("", " ")]
    assert beginnings(shown["explain"]) == beginnings(ask(t, dev, "explain", COURIER))
    assert beginnings(shown["status"]) == beginnings(ask(t, dev, "status"))


# --- families -------------------------------------------------------------------------------

def test_status_tells_of_families_and_who_squashes(t):
    liar, honest = t.upstream(), t.upstream()
    liar.rule(COURIER, None, lambda asked: asked.reply(rcode=wire.NXDOMAIN), times=None)
    honest.rule(COURIER, None, lambda asked: asked.reply(*r1()), times=None)
    dev = t.device(liar, honest, order="listed")
    family, = ask_json(t, dev, "status")["families"]
    assert family["name"] == "apple" and not family["squashers"] and family["used_s_ago"] is None
    dev.ask(COURIER)
    family, = ask_json(t, dev, "status")["families"]
    squasher, = family["squashers"]
    assert ask_json(t, dev, "explain", COURIER)["family"]["squashers"] == [squasher]
    assert ask_json(t, dev, "explain", "1-courier.push.apple.com")["family"]["squashers"] == []
    assert "squashes it" in ask(t, dev, "explain", COURIER)
    assert squasher["server"] == "%s@%d" % (liar.address, liar.port), squasher
    assert squasher["is_squashing"] and squasher["shape"] == "nxdomain", squasher
    assert squasher["by_shape"] == {"nxdomain": 1} and family["is_in_use"], family
    text = ask(t, dev, "status")
    for word in ("family apple: in use", "squashes it", "nxdomain", "0 to 50"):
        assert word in text, (word, text)
