"""RX: when there is more of something than there is room for, or less of it than is needed."""

import mmap
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

from harness import client, shapes, wire
from harness.device import SANITIZED, SLOWER
from harness.mark import Skip, alone, each, heavy, limit
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

@alone
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
    # what leaks grows in each turn; a machine that stalls makes more wait at once than ever before,
    # once or twice
    steps = sorted(after - before for before, after in zip(rss[1:], rss[2:]))
    grown = steps[(len(steps) - 1) // 2] / (number / 100000)
    assert SANITIZED or grown < 256 << 10, "%d KB in 100,000 questions: %s" % (grown / 1024, rss)
    assert SANITIZED or rss[7] - rss[3] < 4 << 20, rss
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

    @property
    def calls(self):
        """Allocations while some were to fail."""
        return struct.unpack("=I", self.map[8:12])[0]


SPREAD = [1, 2, 3, 4, 5, 7, 10, 14, 20, 29, 41, 60, 90, 130, 200, 300, 450, 700, 1000, 1500, 2000]


def stir(t, dev, turn, number=40):
    """Questions of many kinds at once, over UDP and TCP; what comes back is looked at, what does not is
    not missed. No reload: libconfig's parser ends the program it runs in where memory fails it."""
    kinds = [{}, {"edns": 1232}, {"do": True}, {"options": [(65002, b"x")]}, {"options": [(
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
    fds, failed, calls = dev.fds(), 0, 0
    for turn, nth in enumerate(SPREAD):
        orders.every(nth)
        stir(t, dev, turn)
        orders.every(0)
        if turn % 5 == 0:
            dev.reload()
        assert dev.process.poll() is None, "ended while each %dth allocation failed" % nth
        t.until(lambda: answered(dev, t.fresh()), 3.0, "after %d it is not well again" % nth)
        if nth < 10 or orders.calls - calls >= nth:
            assert orders.failed > failed, "nothing failed at %d" % nth
        failed, calls = orders.failed, orders.calls
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


@alone
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
        logger.settimeout(5.0 * SLOWER)     # who does not log there is silent
        while b"is ready" not in logger.recv(65536):
            pass
    elif kind == "gone":
        logger.close()
        os.unlink(path)
    keeps_answering(t, dev, up)
    logger.close()


# --- instructions --------------------------------------------------------------------------

class Counted:
    """A daemon under callgrind, whose instructions are counted: the same on any machine, however busy."""

    def __init__(self, t, *upstreams, **how):
        self.out = os.path.join(t.directory, "callgrind")
        tool = shutil.which("valgrind")
        assert tool and shutil.which("callgrind_control"), "valgrind is missing"
        # who is another's cannot be told to dump
        self.dev = t.device(*upstreams, conf='user = "";', prefix=[tool, "--tool=callgrind", "--quiet",
                                                "--callgrind-out-file=" + self.out], **how)
        self.dumps = 0

    def tell(self, option):
        done = subprocess.run(["callgrind_control", option, str(self.dev.pid)], capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == 0, done

    def cost(self, act):
        """Instructions since the last one."""
        act()
        self.dumps += 1
        self.tell("--dump")
        with open("%s.%d" % (self.out, self.dumps), encoding="ascii") as file:
            return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1))


RR_A = struct.pack("!HHIH", 1, 1, 300, 4) + b"\xc0\0\2\1"


def raw_reply(asked, records, count, additional=0):
    return asked.wire[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, additional) + \
        asked.wire[12:asked.msg.question_end] + records


def chain_of_pointers(asked):
    """Each owner is a label and a pointer to the one before: the last is 120 labels long, and read anew
    each time."""
    at, out = asked.msg.question_end, bytearray()
    last = 12
    for number in range(1400):
        here = at + len(out)
        out += b"\1a" + struct.pack("!H", 0xC000 | last) + struct.pack("!HHIH", 1, 1, 300, 4) + b"\6" * 4
        last = here if number % 110 < 109 and here < 0x3f00 else 12
    return raw_reply(asked, bytes(out), 1400)


def pointers_to_pointers(asked):
    """A hundred and more hops to a name, for each of many records."""
    at, hops = asked.msg.question_end, bytearray()
    first = at + 12     # inside the RDATA of the first record
    for number in range(120):
        hops += struct.pack("!H", 0xC00C if number == 0 else 0xC000 | (first + 2 * number - 2))
    records = b"\xc0\x0c" + struct.pack("!HHIH", 65280, 1, 300, len(hops)) + bytes(hops)
    end = struct.pack("!H", 0xC000 | (first + 2 * 119))
    records += (end + RR_A) * 800
    return raw_reply(asked, records, 801)


def circle_of_aliases(asked):
    names = ["h%d.example." % at for at in range(200)]
    return asked.reply(["%s 300 CNAME %s" % (wire.text(asked.name), names[0])] + [
        "%s 300 CNAME %s" % (name, names[(at + 1) % 200]) for at, name in enumerate(names)][::-1],
        compress=False)


HOSTILE = {     # replies, each of them refused or passed on
    "UF_18-pointer-to-itself": lambda asked: raw_reply(
        asked, struct.pack("!H", 0xC000 | asked.msg.question_end) + RR_A, 1),
    "UF_19-pointers-to-pointers": pointers_to_pointers,
    "UF_20-rdata-past-the-end": lambda asked: raw_reply(
        asked, b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4000) + b"\6" * 3000, 1),
    "UF_22-65535-for-one": lambda asked: raw_reply(asked, b"\xc0\x0c" + RR_A, 65535),
    "UF_22-nothing-but-roots": lambda asked: raw_reply(asked, (b"\0" + struct.pack(
        "!HHIH", 1, 1, 300, 0)) * 3000, 3000),
    "UF_25-chain-of-pointers": chain_of_pointers,
    "UF_25-name-over-255": lambda asked: raw_reply(asked, (b"\1a" * 1500 + b"\0" + RR_A), 1),
    "UF_26-label-types": lambda asked: raw_reply(asked, b"\x41" * 3000, 900),
    "UF_27-circle-of-aliases": circle_of_aliases,
    "UF_27-many-types": lambda asked: raw_reply(asked, b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 300, 2) + b"\xc0\x0c"
        for kind in range(1, 259) if kind != 41) * 4, 257 * 4),
    "ED_11-thousand-options": lambda asked: raw_reply(asked, wire.opt(
        1232, [(65002, b"")] * 1000), 0, 1),
    "ED_11-options-that-overrun": lambda asked: raw_reply(asked, wire.opt(
        1232, struct.pack("!HH", 65001, 4000) + b"\0" * 3900), 0, 1),
}


def plain_of(size):
    """As many bytes, or a few more, of A records."""
    def reply(asked):
        one = b"\xc0\x0c" + RR_A
        count = max(1, -(-(size - asked.msg.question_end) // len(one)))
        return raw_reply(asked, one * count, count)
    return reply


@alone
@heavy
@limit(120)
def test_RX_14_hostile_packets_cost_as_much_as_others(t):
    """A question whose answer is made to be laborious takes ten times the instructions of one whose answer
    is plain and as long, at most; and so does a question that is itself made so."""
    if SANITIZED:
        raise Skip("valgrind and the sanitizers exclude each other; counted without them")
    up, now = t.upstream(), {}
    up.rule(None, "A", lambda asked: now["reply"](asked), times=None)
    counted = Counted(t, up, timeout=1.5)
    dev, numbers = counted.dev, iter(range(1000))

    def ask(reply, **how):
        now["reply"] = reply
        dev.ask("n%d.cost.example." % next(numbers), timeout=20.0, **how)
    sizes = {}

    def measured(asked, make):
        data = make(asked)
        sizes["last"] = len(data)
        return data
    ask(plain_of(100))      # what happens once
    counted.cost(lambda: ask(plain_of(100), tcp=True))
    found = []
    for kind in sorted(HOSTILE):
        cost = counted.cost(lambda: ask(lambda asked: measured(asked, HOSTILE[kind])))
        plain = counted.cost(lambda: ask(plain_of(sizes["last"])))
        found.append((cost / plain, kind, sizes["last"], cost, plain))
    now["reply"] = plain_of(100)
    options = 900
    for kind, laborious in (("ED_11-query-of-options", [(65002, b"")] * options),
                            ("ED_12-query-of-subnets", [(wire.ECS, b"")] * options),
                            ("ED_12-query-of-cookies", [(wire.COOKIE, b"\0" * 8)] * (options // 3))):
        size = sum(4 + len(data) for _, data in laborious)
        cost = counted.cost(lambda: ask(plain_of(100), options=laborious))
        plain = counted.cost(lambda: ask(plain_of(size)))
        found.append((cost / plain, kind, size, cost, plain))
    found.sort(reverse=True)
    assert all(ratio <= 10 for ratio, *_ in found), "\n".join(
        "%.1f times: %s, %d bytes, %d for %d instructions" % one for one in found)
    assert all(plain > 1000 for *_, plain in found), "nothing was counted: %s" % found
