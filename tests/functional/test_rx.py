"""RX: when there is more of something than there is room for, or less of it than is needed."""

import mmap
import os
import signal
import socket
import struct
import time

from harness import client, shapes, wire
from harness.device import SANITIZED, SLOWER
from harness.mark import Skip, each, heavy, limit
from harness.mill import Load, Server
from harness.netns import Network

FEWER = 5 if SANITIZED else 1
DEADLINE = 4.5


# --- water torture -------------------------------------------------------------------------

HOT = "hot"     # the tag of the names that are in the cache


def warm(t, dev):
    """Fifty names are known from here on."""
    said = Load(t, dev, tag=HOT, repeat=50, count=50, window=10, host=90).result()
    assert said["right"] == 50, said


def torture(t, dev, seconds, **victims):
    """A flood of random names from a hundred addresses, 100 a second that are known, and 100 a second
    that are not. Returns what became of the three."""
    loads = [Load(t, dev, tag="v", rate=1500 // FEWER, seconds=seconds, host=100, sources=100,
                  **victims),
             Load(t, dev, tag=HOT, repeat=50, rate=100, seconds=seconds, host=80),
             Load(t, dev, tag="new", rate=100, seconds=seconds, host=70, sources=4)]
    return [load.result() for load in loads]


def known_are_served(t, hot):
    """All of them, 99 of 100 within 10 ms, the lateness of the load client and of us aside."""
    assert hot["right"] == hot["asked"] > 0, hot
    t.within(hot["p99"], 0, 0.010 * SLOWER + hot["late_max"], "99 of 100 known names took")


@heavy
def test_RX_01_random_names_of_a_dead_zone(t):
    """1,500 a second for eight seconds: others are served as ever, and of the dead zone no more are
    upstream at a time than its share, a quarter of limits.inflight."""
    up = Server(t, deaf_zone="victim.example")
    dev = t.device(up, conf="limits = { inflight = 2048; };")
    warm(t, dev)
    before, began = dev.rss(), dev.statistics()
    seconds = 8
    victims, hot, new = torture(t, dev, seconds, zone="victim.example")
    known_are_served(t, hot)
    assert new["right"] >= 0.99 * new["asked"] > 0, new
    assert victims["servfail"] >= 0.999 * victims["asked"] > 0, victims
    assert victims["max"] <= DEADLINE + 0.5 * SLOWER + victims["late_max"], victims
    assert SANITIZED or dev.rss() - before < 12 << 20, "%d KB more" % (dev.rss() - before >> 10)
    counts = up.close()
    share, timeout, sends = 2048 // 4, 2.0, 3
    assert counts["deaf_zone"] <= share * sends * (seconds / timeout + 2), counts
    assert dev.statistics()["limit_zone"] > began["limit_zone"]
    assert dev.statistics()["inflight"] == 0


@heavy
def test_RX_02_random_names_and_every_server_dead(t):
    """What is known is served, the rest is told so in time; two seconds after the server is back all
    is well."""
    up = Server(t)
    dev = t.device(up, conf="limits = { inflight = 2048; };")
    warm(t, dev)
    before = dev.rss()
    up.deaf(True)
    victims, hot, new = torture(t, dev, 6, zones=200)
    known_are_served(t, hot)
    for others in (victims, new):
        assert others["servfail"] >= 0.999 * others["asked"] > 0, others
        assert others["max"] <= DEADLINE + 0.5 * SLOWER + others["late_max"], others
    assert SANITIZED or dev.rss() - before < 12 << 20, "%d KB more" % (dev.rss() - before >> 10)
    up.deaf(False)
    back = time.monotonic()
    number = 0
    while True:
        number += 1
        if dev.ask("back%d.example." % number).rcode == wire.NOERROR:
            break
        t.within(time.monotonic() - back, 0, 2.0, "back, and not well after")
        time.sleep(0.05)
    said = Load(t, dev, tag="after", rate=200, seconds=1, host=60).result()
    assert said["right"] == said["asked"], said


# --- many rules ----------------------------------------------------------------------------

@heavy
def test_RX_08_many_rules_whose_servers_all_fail(t):
    """10,000 rules, 250 groups, each asked for: what is kept of them has a bound, and healthy names know
    nothing of it."""
    up = t.upstream()
    up.rule(None, "A", shapes.digest_reply, times=None)
    groups = {"dead%d" % at: [Nobody("%s.%d" % (t.net, at + 1))] for at in range(250)}
    rules = 10000 // FEWER
    zones = ",\n".join('{ name = "zone%d.example"; upstream = "dead%d"; }' % (at, at % 250)
                       for at in range(rules))
    dev = t.device(up, groups=groups, zones=zones, address=t.address(), conf="cache = { size = \"1M\"; };")
    dev.ask(t.fresh())
    rounds = []
    for turn in range(3):
        with dev.udp() as udp:
            for start in range(0, rules, 100):
                for at in range(start, start + 100):
                    udp.send(wire.query("t%d.zone%d.example." % (turn, at), ident=at))
                for _ in range(100):
                    data = udp.recv(DEADLINE + 1)
                    assert data is not None, "no answer"
                    assert wire.Message(data).rcode == wire.SERVFAIL
        rounds.append(dev.rss())
    assert SANITIZED or rounds[2] - rounds[0] < 1 << 20, "RSS %s" % rounds
    reply = dev.ask(t.fresh())
    assert reply.answer and reply.took < 0.1 + t.late, reply


class Nobody:
    """An address where nothing listens."""
    port = 5399

    def __init__(self, address):
        self.address = address


# --- for ever ------------------------------------------------------------------------------

@heavy
@limit(120)
def test_RX_09_nothing_leaks(t):
    """200,000 questions, one in three of which something befalls: after the first 100,000 memory stays
    where it is, and so do the descriptors."""
    up = Server(t, drop=1, double=5, wrong_id=4, wrong_name=4, truncate=6, servfail=6, cut=4)
    dev = t.device(up, conf='cache = { size = "1M"; };', timeout=1.0)
    number, seen = 25000 // FEWER, []
    for turn in range(8):
        said = Load(t, dev, tag="m%d" % turn, window=1200, count=number, host=100, sources=50).result()
        assert said["wrong"] == 0 and said["silent"] == 0, said
        assert said["right"] > 0.8 * said["asked"] > 0, said
        seen.append((dev.rss(), dev.fds()))
    assert dev.statistics()["inflight"] == 0
    rss, fds = [one[0] for one in seen], [one[1] for one in seen]
    grown = (rss[7] - rss[3]) / (4 * number / 100000)
    assert SANITIZED or grown < 256 << 10, "%d KB in 100,000 questions: %s" % (grown / 1024, rss)
    assert max(fds[4:]) <= max(fds[:4]) + 4, fds


# --- memory --------------------------------------------------------------------------------

class Orders:
    """How many allocations fail; see starve.c."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def every(self, nth):
        self.map[0:4] = struct.pack("=I", nth)

    @property
    def failed(self):
        return struct.unpack("=I", self.map[4:8])[0]


SPREAD = [1, 2, 3, 4, 5, 7, 10, 14, 20, 29, 41, 60, 90, 130, 200, 300, 450, 700, 1000, 1500, 2000]


def stir(t, dev, turn, number=40):
    """Questions of many kinds at once, over UDP and TCP; what comes back is looked at, what does not is
    not missed. No reload: libconfig's parser ends the program it runs in where memory fails it."""
    kinds = [{}, {"edns": 1232}, {"do": True}, {"options": [(65001, b"x")]}, {"options": [(
        wire.ECS, b"\0\1\x18\0\xc0\0\2")]}, {"flags": wire.RD | wire.AD}]
    names = ["known.example.", "n%d-%d.example.", "n%d-%d.fails.example.", "n%d-%d.cut.example.",
             "localhost.", "n%d-%d.deaf.example.", "n%d-%d.answer.example."]
    queries = {}
    for at in range(number):
        name = names[at % len(names)]
        queries[at] = wire.query(name % (turn, at) if "%" in name else name, ident=at,
                                 **kinds[at % len(kinds)])
    socks = [dev.udp() for _ in range(2)]
    for at, query in queries.items():
        socks[at % 2].send(query)
    streams = []
    for at in range(4):
        try:
            streams.append(dev.tcp(timeout=0.5))
            streams[-1].send(*list(queries.values())[at * 5:at * 5 + 8])
        except OSError:
            pass    # the daemon had no memory for it
    dev.signal(signal.SIGUSR1)
    end = time.monotonic() + 0.25
    while time.monotonic() < end:
        for sock in socks + streams:
            try:
                data = sock.recv(0.01)
            except OSError:
                continue
            if data:
                said = wire.Message(data)
                assert said.rcode in (wire.NOERROR, wire.NXDOMAIN, wire.SERVFAIL), said
    for sock in socks + streams:
        sock.close()


def by_second_label(asked):
    kind = (wire.text(asked.name).split(".") + [""])[1]
    if kind == "fails":
        return asked.reply(rcode=wire.SERVFAIL)
    if kind == "cut" and not asked.tcp:
        return asked.reply(tc=True)
    return None if kind == "deaf" else shapes.digest_reply(asked)


@limit(90)
def test_RX_10_allocations_fail(t):
    """Every first, second, ... 2,000th of a running daemon: it may drop questions and answer SERVFAIL,
    but it lives, and when there is memory again it is as before."""
    library = os.environ.get("STARVER", "")
    if SANITIZED:
        raise Skip("the sanitizers bring their own malloc; unit tests and scenarios starve under them")
    up = t.upstream()
    up.rule(None, None, by_second_label, times=None)
    orders = Orders(os.path.join(t.directory, "starve"))
    dev = t.device(up, env={"LD_PRELOAD": library, "STARVE": os.path.join(t.directory, "starve")},
                   zones='{ name = "answer.example"; action = "answer"; records = [ "@ 60 IN A '
                         '192.0.2.9" ]; }', timeout=1.0)
    assert dev.ask("known.example.").answer
    fds, failed = dev.fds(), 0
    for turn, nth in enumerate(SPREAD):
        orders.every(nth)
        stir(t, dev, turn)
        orders.every(0)
        if turn % 5 == 0:
            dev.reload()
        assert dev.process.poll() is None, "ended while each %dth allocation failed" % nth
        t.until(lambda: answered(dev, t.fresh()), 3.0, "after %d it is not well again" % nth)
        if nth < 200:
            assert orders.failed > failed, "nothing failed at %d" % nth
        failed = orders.failed
    t.until(lambda: dev.statistics()["inflight"] == 0, 6.0, "something stays in flight")
    t.until(lambda: dev.fds() <= fds + 2, 12.0, "descriptors stay")


def answered(dev, qname):
    try:
        return bool(dev.ask(qname, timeout=1.0).answer)
    except (client.NoAnswer, OSError):
        return False


# --- the log -------------------------------------------------------------------------------

def keeps_answering(t, dev, up):
    """Known names and unknown ones, and failures, each of which would be told in the log."""
    up.rule(None, "TXT", lambda asked: asked.reply(rcode=wire.SERVFAIL), times=None)
    up.rule(None, "A", shapes.digest_reply, times=None)
    for _ in range(30):
        dev.signal(signal.SIGUSR1)      # some sixty lines each
        reply = dev.ask(t.fresh(), timeout=2.0)
        assert reply.answer and reply.took < 0.3 + t.late, reply
        assert dev.ask(t.fresh(), "TXT", timeout=2.0).rcode == wire.SERVFAIL


@each(["full-pipe", "closed-pipe", "full-disk", "closed"])
def test_RX_11_nobody_takes_the_log(t, kind):
    """A reader that has stopped or gone, a disk that is full, nothing at all: lines are lost, answers
    are not."""
    up, fifo, reader = t.upstream(), os.path.join(t.directory, "fifo"), None
    os.mkfifo(fifo)
    script = {"full-disk": 'exec "$@" 2>/dev/full', "closed": 'exec "$@" 2>&-'}.get(
        kind, 'exec "$@" 2>"$0"')
    if kind.endswith("pipe"):
        reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    dev = t.device(up, prefix=["sh", "-c", script, fifo], conf='log = { level = "debug"; };')
    if kind == "full-pipe":
        try:
            while True:
                os.write(reader, b"x" * 4096)
        except BlockingIOError:
            pass
    elif kind == "closed-pipe":
        os.close(reader)
    keeps_answering(t, dev, up)
    if kind == "full-pipe":     # and once it is read again, whole lines come
        while True:
            try:
                os.read(reader, 65536)
            except BlockingIOError:
                break
        dev.signal(signal.SIGUSR1)
        t.until(lambda: b"queries_udp" in read_some(reader), 3.0, "no line any more")
        os.close(reader)


def read_some(reader):
    try:
        return os.read(reader, 65536)
    except BlockingIOError:
        return b""


@each(["stopped", "gone", "never-there"])
def test_RX_11_the_system_log_does_not_answer(t, kind):
    """A logger that has stopped reading, one that ended, none at all."""
    net = Network(t)
    path = os.path.join(t.directory, "log")
    logger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if kind != "never-there":
        logger.bind(path)
        logger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    enter = ["unshare", "-m", "sh", "-c",
             'mount -t tmpfs none /dev && ln -s "$0" /dev/log && exec "$@"', path]
    up = t.upstream(network=net)
    dev = t.device(up, network=net, prefix=enter, start=False,
                   conf='log = { level = "debug"; to = "syslog"; };')
    dev.start()
    if kind == "stopped":
        assert b"is ready" in b"".join(logger.recv(65536) for _ in range(3)), "it does not log there"
    elif kind == "gone":
        logger.close()
        os.unlink(path)
    keeps_answering(t, dev, up)
    logger.close()
