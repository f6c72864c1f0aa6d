"""The pages over HTTP: what they say and to whom, and what nobody can do to the daemon by them. Peers
that are well behaved are curl; those that are not are sockets of our own."""

import contextlib
import json
import os
import re
import resource
import select
import socket
import stat
import subprocess
import time

from harness import client, prometheus, wire
from harness.device import PORT, SANITIZED, SLOWER, USER, WORKERS
from harness.mark import Skip, each, heavy, limit
from harness.shapes import a1
from test_cli import BAD_CONF, GOOD, OK, ends, file, run
from test_control import ask, listens, schema
from test_rx import SPREAD, Orders, answered

WITH_WEB = os.environ.get("WEB", "yes") != "no"
WEB_PORT = 8053
CONNECTIONS_MAX = 16
PATIENCE = 5.0
PATHS = ("/", "/healthz", "/readyz", "/metrics", "/api/status", "/api/devices", "/api/upstreams")


def pages(dev, listen=None, port=WEB_PORT, enabled=True, more=""):
    """The setting, in place of one that the configuration has."""
    with open(dev.path, encoding="utf-8") as text:
        conf = re.sub(r"^web = .*\n", "", text.read(), flags=re.M)
    return conf + 'web = { listen = "%s"; port = %d; enabled = %s; %s };\n' % (
        listen or dev.address, port, "true" if enabled else "false", more)


def serving(t, text=None, more="", **how):
    """(daemon with pages, upstream that knows any A record)."""
    if not WITH_WEB:
        raise Skip("built without pages (make WEB=yes)")
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(up, start=False, **how)
    dev.write(pages(dev, more=more) + (text or ""))
    return dev.start(), up


def url(dev, path="/"):
    return "http://%s:%d%s" % (dev.address, WEB_PORT, path)


class Got:
    """What curl got: code 0 where nothing came, and headers by their names in lower case."""

    def __init__(self, done):
        head, _, self.text = done.stdout.replace("\r\n", "\n").partition("\n\n")
        lines = head.split("\n")
        self.code = int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else 0
        self.headers = {name.lower(): value for name, _, value in
                        (line.partition(": ") for line in lines[1:])}
        self.failed = done.returncode


def curl(*args):
    return Got(subprocess.run(["curl", "-q", "-s", "-i", "--noproxy", "*", "-m",
                               str(int(10 * SLOWER)), *args], capture_output=True, text=True,
                              timeout=60 * SLOWER, check=False))


def get(dev, path="/", *args):
    return curl(*args, url(dev, path))


def fetched(dev, path):
    got = get(dev, path)
    assert got.code == 200, (path, got.code, got.text)
    return got.text


def connect(dev, timeout=10.0):
    sock = socket.create_connection((dev.address, WEB_PORT), timeout * SLOWER)
    return sock


# --- what they say --------------------------------------------------------------------------

def test_pages_say_what_the_commands_say(t):
    dev, up = serving(t)
    dev.ask("a.example")
    assert fetched(dev, "/healthz") == "ok\n"
    assert fetched(dev, "/readyz") == "ready\n"
    got = get(dev, "/metrics")
    assert got.headers["content-type"].startswith("text/plain; version=0.0.4"), got.headers
    page, same = prometheus.Page(got.text), prometheus.Page(ask(t, dev, "metrics"))
    assert set(page) == set(same)
    assert page.total("cache_entries") == same.total("cache_entries") == 1
    for command in ("status", "devices", "upstreams"):
        got = get(dev, "/api/" + command)
        assert got.headers["content-type"] == "application/json", got.headers
        said = schema(command, json.loads(got.text))
        told = json.loads(ask(t, dev, command, "--json"))
        assert said.keys() == told.keys(), (command, said.keys() ^ told.keys())
    assert json.loads(fetched(dev, "/api/status"))["pid"] == dev.pid
    server, = json.loads(fetched(dev, "/api/upstreams"))["groups"][0]["servers"]
    assert server["address"] == "%s@%d" % (up.address, up.port), server
    for path in PATHS[1:]:
        assert path + "\n" in fetched(dev, "/"), path


def test_one_device_has_a_page(t):
    dev, _ = serving(t)
    dev.ask("albert.apple.com")
    known, = json.loads(fetched(dev, "/api/devices"))["devices"]
    said = schema("devices", json.loads(fetched(dev, "/api/devices/" + known["address"])))
    assert [device["address"] for device in said["devices"]] == [known["address"]]
    assert get(dev, "/api/devices/192.0.2.77").code == 404
    assert get(dev, "/api/devices/").code == 404


def test_readyz_tells_whether_a_default_server_is_up(t):
    dev, up = serving(t)
    dev.ask("a.example")
    assert get(dev, "/readyz").code == 200
    up.close()

    def is_down():
        with contextlib.suppress(client.NoAnswer):
            dev.ask("n%d.example" % time.monotonic_ns(), timeout=2.5)
        return get(dev, "/readyz").code == 503
    t.until(is_down, 10.0, "it counts as ready with its only server dead")
    assert get(dev, "/healthz").code == 200
    assert "default" in get(dev, "/readyz").text
    assert '_up{group="default"' in fetched(dev, "/metrics")


def test_a_head_is_like_the_page_without_it(t):
    dev, _ = serving(t)
    for path in PATHS:
        got, head = get(dev, path), get(dev, path, "-I")
        assert head.code == got.code == 200 and head.text == "", (path, head.text)
        assert head.headers.keys() == got.headers.keys(), path
        assert int(got.headers["content-length"]) == len(got.text), path


def test_browsers_are_told_to_be_careful(t):
    dev, _ = serving(t)
    for path, code in (("/", 200), ("/api/status", 200), ("/nothing", 404)):
        got = get(dev, path)
        assert got.code == code, got.code
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in got.headers["content-security-policy"]
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["connection"] == "close"
        for name in ("access-control-allow-origin", "server", "set-cookie"):
            assert name not in got.headers, got.headers


# --- to whom --------------------------------------------------------------------------------

def test_nothing_is_served_unless_it_is_wanted(t):
    up = t.upstream()
    dev = t.device(up)
    for address in (dev.address, "127.0.0.1"):
        with socket.socket() as sock:
            assert sock.connect_ex((address, WEB_PORT)) != 0, address


def test_a_name_that_is_not_ours_gets_421(t):
    """A page from elsewhere whose name was made to lead here cannot read what we say."""
    dev, _ = serving(t, more='hosts = [ "dns.corp.example", "other.example" ];')
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]", dev.address, "10.1.1.1:80",
                 "dns.corp.example", "DNS.corp.example:8053", "other.example."):
        assert get(dev, "/healthz", "-H", "Host: " + host).code == 200, host
    for host in ("evil.example", "corp.example", "x.dns.corp.example", "localhost.evil.example",
                 "127.0.0.1.evil.example", "dns.corp.example@evil.example", "[::1]x", "127.1"):
        for path in PATHS:
            got = get(dev, path, "-H", "Host: " + host)
            assert got.code == 421 and len(got.text) < 40, (host, path, got.code)
    # through a proxy the whole address is named
    whole = "http://%s/healthz"
    assert get(dev, "/", "--request-target", whole % "dns.corp.example").code == 200
    assert get(dev, "/", "--request-target", whole % "evil.example").code == 421


def test_reading_is_all_that_can_be_done(t):
    dev, _ = serving(t)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
        got = get(dev, "/api/status", "-X", method)
        assert got.code == 405 and got.headers["allow"] == "GET, HEAD", (method, got.code)
    assert get(dev, "/metrics", "-d", "x=1").code == 405
    assert get(dev, "/healthz", "-X", "GET", "-d", "body").code == 413
    assert get(dev, "/healthz", "-H", "X: " + 9000 * "a").code == 431
    assert get(dev, "/" + 2000 * "a").code == 414
    assert get(dev, "/a%00b").code == 400
    assert get(dev, "/../../etc/passwd", "--path-as-is").code == 404


# --- where, and from when to when -----------------------------------------------------------

def test_a_reload_opens_moves_and_closes_them(t):
    dev, _ = serving(t)
    fds = dev.fds()
    dev.reload(pages(dev, enabled=False))
    t.until(lambda: get(dev).failed == 7, what="they are still there")
    path = os.path.join(dev.directory, "web.sock")
    dev.reload(pages(dev, listen=path))
    t.until(lambda: listens(path), what="they are not at their path")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    local = ("--unix-socket", path, "http://localhost/healthz")
    assert curl(*local).text == "ok\n"
    os.unlink(path)
    dev.reload()
    t.until(lambda: listens(path), what="the path is not made anew")
    assert curl(*local).text == "ok\n"
    dev.reload(pages(dev))
    t.until(lambda: get(dev, "/healthz").code == 200, what="they are not at the address again")
    t.until(lambda: not os.path.exists(path), what="the path is left")
    t.until(lambda: dev.fds() <= fds, what="descriptors stay")


def test_a_reload_changes_the_names(t):
    dev, _ = serving(t)
    own = ("-H", "Host: dns.example")
    assert get(dev, "/healthz", *own).code == 421
    dev.reload(pages(dev, more='hosts = [ "dns.example" ];'))
    t.until(lambda: get(dev, "/healthz", *own).code == 200)


def test_a_port_that_is_taken_stops_nothing(t):
    """Questions are answered, the log says who has it, and it is tried again."""
    if not WITH_WEB:
        raise Skip("built without pages (make WEB=yes)")
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(up, start=False)
    with socket.create_server((dev.address, WEB_PORT)):
        dev.write(pages(dev))
        dev.start()
        assert dev.ask("a.example").answer
        said, = re.findall(r"warning: web: .*\n", dev.stderr())
        assert "taken by" in said and ("another program" if USER else str(os.getpid())) in said, said
        dev.reload()
        dev.ask("b.example")
        assert len(re.findall(r"warning: web: ", dev.stderr())) == 1, "it is told again"
    dev.reload()
    t.until(lambda: get(dev, "/healthz").code == 200, what="they do not come when they could")


def test_the_end_closes_them(t):
    dev, _ = serving(t)
    hanging = connect(dev)
    ended = time.monotonic()
    dev.stop()
    assert time.monotonic() - ended < 3.0 * SLOWER
    with contextlib.suppress(ConnectionResetError):
        assert hanging.recv(1) == b""


def test_a_build_without_them_says_so(t):
    conf = file(t, GOOD + "web = { enabled = true; };\n")
    done = run(t, "check", "-c", conf)
    if WITH_WEB:
        ends(done, OK)
        return
    assert "built without" in ends(done, BAD_CONF).stderr
    ends(run(t, "check", "-c", file(t, GOOD + "web = { enabled = false; };\n")), OK)


# --- what nobody can do by them -------------------------------------------------------------

class Hostile:
    """Many connections at once, each of which says its own kind of nonsense, again and again."""

    HEAD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
    KINDS = {
        "silent": lambda at: b"",
        "slow": lambda at: Hostile.HEAD if at == 0 else b"X-%d: a\r\n" % at,
        "huge": lambda at: Hostile.HEAD + b"X: " + 60000 * b"a" if at == 0 else 60000 * b"a",
        "endless line": lambda at: 4096 * b"GET ",
        "chunks": lambda at: Hostile.HEAD + b"Transfer-Encoding: chunked\r\n\r\n" if at == 0
        else 1000 * b"0",
        "wrong host": lambda at: b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "no http": lambda at: os.urandom(200) + b"\r\n\r\n",
        "many": lambda at: 20 * (Hostile.HEAD + b"\r\n"),
        "devices": lambda at: b"GET /api/devices HTTP/1.1\r\nHost: localhost\r\n\r\n",
    }

    def __init__(self, dev, number, kinds):
        self.to, self.number, self.kinds = (dev.address, WEB_PORT), number, list(kinds)
        self.socks, self.made = {}, 0

    def open(self):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(self.to)
        self.socks[sock] = [self.kinds[self.made % len(self.kinds)], 0]
        self.made += 1

    def turn(self):
        """Every one says something more, and whoever was let go comes back."""
        for sock, state in list(self.socks.items()):
            try:
                data = self.KINDS[state[0]](state[1])
                state[1] += 1
                if data:
                    sock.send(data)
                if sock.recv(65536) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                continue
            except OSError:
                sock.close()
                del self.socks[sock]
        for _ in range(min(100, self.number - len(self.socks))):
            self.open()

    def close(self):
        for sock in self.socks:
            sock.close()


@contextlib.contextmanager
def besieged(dev, number, kinds):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    crowd = Hostile(dev, number, kinds)
    try:
        yield crowd
    finally:
        crowd.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@heavy
@limit(90)
def test_a_thousand_that_are_hostile_are_in_nobodys_way(t):
    """Every question is answered in its time, and the daemon holds no more of them than it says."""
    dev, _ = serving(t)
    dev.ask("known.example")
    fds, rss, lost, asked, most = dev.fds(), dev.rss(), 0, 0, 0
    with besieged(dev, 1000, Hostile.KINDS) as crowd, dev.udp() as udp:
        end = time.monotonic() + 12.0
        while time.monotonic() < end:
            crowd.turn()
            for at in range(20):
                name = "known.example" if at % 2 else "n%d.example" % asked
                asked += 1
                try:
                    udp.ask(client.with_id(wire.query(name)), 2.0 * SLOWER)
                except client.NoAnswer:
                    lost += 1
            most = max(most, dev.fds())
        assert crowd.made > 1200, "nobody was let go: %d" % crowd.made
    assert lost == 0, "%d of %d questions were not answered" % (lost, asked)
    assert most <= fds + CONNECTIONS_MAX + 8, (fds, most)
    assert SANITIZED or dev.rss() - rss < 8 << 20, (rss, dev.rss())
    t.until(lambda: get(dev, "/healthz").code == 200, 12.0, "they do not come back")
    t.until(lambda: dev.fds() <= fds + 2, 12.0, "descriptors stay")
    assert json.loads(fetched(dev, "/api/status"))["counters"]["limit_web"] > 500


@each(sorted(Hostile.KINDS))
def test_a_scrape_gets_through_a_crowd(t, kind):
    """Whoever says nothing whole makes room for who does."""
    dev, _ = serving(t)
    with besieged(dev, 3 * CONNECTIONS_MAX, [kind]) as crowd:
        came = 0
        for _ in range(10):
            crowd.turn()
            came += get(dev, "/metrics").code in (200, 503)
        assert came >= 8, "%d of 10 scrapes" % came
        assert dev.ask("a.example").answer


def test_who_dribbles_is_let_go_in_time(t):
    dev, _ = serving(t)
    sock, began = connect(dev), time.monotonic()
    sock.sendall(b"GET /metrics HTTP/1.1\r\n")
    with contextlib.suppress(OSError):
        while time.monotonic() - began < 20.0:
            sock.sendall(b"X: a\r\n")
            if select.select([sock], [], [], 0.25)[0] and not sock.recv(1):
                break
    took = time.monotonic() - began
    assert PATIENCE - 0.5 <= took <= PATIENCE + 2.0 * SLOWER, took


def test_an_answer_overtakes_nothing(t):
    """What is refused early is told so, though much more was sent than was read."""
    dev, _ = serving(t)
    for start, code in ((b"GET /" + 30000 * b"a", b"414"),
                        (b"GET / HTTP/1.1\r\nX: " + 30000 * b"a", b"431"),
                        (b"GET / HTTP/1.1\r\n" + 3000 * b"X: a\r\n", b"431")):
        with connect(dev) as sock:
            sock.sendall(start)
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while more := sock.recv(65536):
                    said += more
            assert said.startswith(b"HTTP/1.1 " + code + b" "), (code, said[:80])


def test_the_limit_of_open_files_is_survived(t):
    """Nothing spins, nothing is said that is not ours, questions are answered."""
    dev, _ = serving(t, rlimit_files=96 if WORKERS == 1 else 160)
    with besieged(dev, 200, ["silent", "slow"]) as crowd:
        streams = []
        for _ in range(10):
            crowd.turn()
            with contextlib.suppress(OSError):
                streams += [socket.create_connection((dev.address, PORT), 1.0) for _ in range(8)]
            assert dev.ask("n%d.example" % time.monotonic_ns()).answer
        before, began = dev.cpu(), time.monotonic()
        time.sleep(1.0)
        share = (dev.cpu() - before) / (time.monotonic() - began)
        assert share < 0.3, "%.0f %% of a processor while nobody does anything" % (100 * share)
        for sock in streams:
            sock.close()
    t.until(lambda: get(dev, "/healthz").code == 200, 12.0, "they do not come back")


@limit(90)
def test_allocations_fail_under_pages_too(t):
    """Of libevent's too, whose words are not ours: a page is missing then, and the daemon is not."""
    library = os.environ.get("STARVER", "")
    if SANITIZED:
        raise Skip("the sanitizers bring their own malloc; unit tests starve under them")
    path = os.path.join(t.directory, "starve")
    orders = Orders(path)
    dev, _ = serving(t, env={"LD_PRELOAD": library, "STARVE": path})
    assert dev.ask("known.example.").answer
    fds, before = dev.fds(), 0
    for nth in SPREAD:
        orders.every(nth)
        with besieged(dev, 24, Hostile.KINDS) as crowd:
            for _ in range(5):
                crowd.turn()
                curl("-m", "0.1", url(dev, "/api/status"))
        orders.every(0)
        assert dev.process.poll() is None, "ended while each %dth allocation failed" % nth
        assert nth > 100 or orders.failed > before, "nothing failed at %d" % nth
        before = orders.failed
        t.until(lambda: answered(dev, t.fresh()), 3.0, "after %d it is not well again" % nth)
        t.until(lambda: get(dev, "/metrics").code == 200, 8.0, "after %d there are no pages" % nth)
    t.until(lambda: dev.fds() <= fds + 2, 12.0, "descriptors stay")
