"""Reload: the configuration is read again while clients are served, and put in use whole or not
at all."""

import json
import os
import random
import re
import resource
import select
import socket
import threading
import time

from harness import client, mill, wire
from harness.device import PORT, SANITIZED, SLOWER, STATUS, USER
from harness.mark import Skip, each, limit
from harness.netns import Network
from harness.servers import free_port
from harness.shapes import a1
from harness.upstream import send
from test_cli import OK, ends, run
from test_control import REFUSED, ask, ask_json, schema, serving

# `make reloads` has more of them.
RELOADS = int(os.environ.get("RELOADS") or 40)
RELOAD_QPS = int(os.environ.get("RELOAD_QPS") or (300 if SANITIZED else 1000))


def reload(t, dev, *args, code=OK):
    """What the command says: of its JSON, or (stdout, stderr)."""
    ended = ends(run(t, "reload", "-s", dev.control, *args), code)
    if "--json" in args:
        return schema("reload", json.loads(ended.stdout))
    return ended.stdout, ended.stderr


def broken(text):
    """The same with two mistakes."""
    return text + 'speling = 3;\nworkers = "many";\n'


# --- the command ----------------------------------------------------------------------------

def test_reload_is_a_command_that_says_what_came_of_it(t):
    dev, up = serving(t)
    before = ask_json(t, dev, "status")
    assert before["reload"] == {"ok": 0, "error": 0, "last_s_ago": None, "has_failed": False,
                                "complaints": []}, before["reload"]
    assert "reloads" not in ask(t, dev, "status")
    dev.write(t.config([up], address=dev.address, groups={"corp": [up]}))
    out, err = reload(t, dev)
    assert dev.path in out and "in use" in out and err == "", (out, err)
    after = ask_json(t, dev, "status")
    assert [group["name"] for group in after["groups"]] == ["default", "corp"], after["groups"]
    assert after["reload"]["ok"] == 1 and after["reload"]["error"] == 0, after["reload"]
    said = reload(t, dev, "--json")
    assert said["is_done"] and said["complaints"] == [] and said["file"] == dev.path, said
    assert said["plan"] > after["configuration"]["plan"], (said, after["configuration"])


def test_reload_of_a_bad_file_changes_nothing_and_says_why_everywhere(t):
    """On the terminal, in the log, in the status; until one is good again."""
    dev, up = serving(t)
    good = t.config([up], address=dev.address)
    plan = ask_json(t, dev, "status")["configuration"]["plan"]
    text = broken(good)
    line = text[:text.index("speling")].count("\n") + 1
    dev.write(text)
    out, err = reload(t, dev, code=REFUSED)
    assert out == "" and "stays in use" in err, (out, err)
    for word in ("%s:%d: " % (dev.path, line), "speling", "%s:%d: " % (dev.path, line + 1)):
        assert word in err, (word, err)
        assert word in dev.stderr(), (word, dev.stderr())
        assert word in ask(t, dev, "status"), (word, ask(t, dev, "status"))
    said = reload(t, dev, "--json", code=REFUSED)
    assert not said["is_done"] and said["plan"] == plan, said
    assert len(said["complaints"]) == 2 and "speling" in said["complaints"][0], said
    status = ask_json(t, dev, "status")
    assert status["reload"]["error"] == 2 and status["reload"]["ok"] == 0, status["reload"]
    assert status["reload"]["complaints"] == said["complaints"], status["reload"]
    assert status["configuration"]["plan"] == plan
    assert dev.ask("still.example").rcode == wire.NOERROR
    dev.write(good)
    reload(t, dev)
    status = ask_json(t, dev, "status")["reload"]
    assert not status["has_failed"] and status["complaints"] == [], status
    assert "speling" not in ask(t, dev, "status")


def test_reload_tells_a_bounded_part_of_many_complaints(t):
    dev, up = serving(t)
    dev.write(t.config([up], address=dev.address) +
          "".join("wrong%d = %d;\n" % (i, i) for i in range(100)))
    said = reload(t, dev, "--json", code=REFUSED)["complaints"]
    assert len(said) == 20 and said[-1] == "and 81 more", said


# --- listen ---------------------------------------------------------------------------------

def listen(*entries):
    """Of ADDRESS or (ADDRESS, protocols)."""
    inside = []
    for entry in entries:
        address, protocols = entry if isinstance(entry, tuple) else (entry, '"udp", "tcp"')
        inside.append('{ address = "%s"; port = %d; protocols = [ %s ]; }' % (
            address, PORT, protocols))
    return "listen = ( %s );\n" % ", ".join(inside)


def listening(t, dev):
    return sorted(entry["address"] for entry in ask_json(t, dev, "status")["listen"])


def answers(dev, address, tcp=False):
    make = client.Tcp if tcp else client.Udp
    with make(address, PORT) as sock:
        return sock.ask(wire.query("n%d.example" % time.monotonic_ns(), "A"), 5.0).rcode == 0


def test_reload_opens_and_closes_listeners(t):
    dev, up = serving(t)
    other = t.address()
    dev.write(t.config([up], listen=listen(dev.address, other)))
    reload(t, dev)
    for address in dev.address, other:
        assert answers(dev, address) and answers(dev, address, tcp=True), address
    assert listening(t, dev) == sorted("%s@%d" % (a, PORT) for a in (dev.address, other))
    dev.write(t.config([up], listen=listen((dev.address, '"udp"'), (other, '"tcp"'))))
    reload(t, dev)
    assert answers(dev, dev.address) and answers(dev, other, tcp=True)
    for address, kind in (other, socket.SOCK_DGRAM), (dev.address, socket.SOCK_STREAM):
        # whoever wants it may have it
        t.until(lambda address=address, kind=kind: can_bind(address, kind), 6.0,
                "%s is not free" % address)
    dev.has_tcp = False
    fds = dev.fds()
    for i in range(20):
        dev.write(t.config([up], listen=listen((dev.address, '"udp"'), *([other] * (i % 2)))))
        reload(t, dev)
    dev.write(t.config([up], listen=listen((dev.address, '"udp"'), (other, '"tcp"'))))
    reload(t, dev)
    t.until(lambda: dev.fds() <= fds, 6.0, "%d descriptors, had %d" % (dev.fds(), fds))


def can_bind(address, kind):
    with socket.socket(socket.AF_INET, kind) as sock:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, PORT))
            return True
        except OSError:
            return False


def test_reload_keeps_the_connections_of_a_listener_that_stays(t):
    dev, up = serving(t)
    with dev.tcp() as sock:
        assert sock.ask(wire.query("a.example", "A"), 5.0).rcode == 0
        dev.write(t.config([up], listen=listen(dev.address, t.address())))
        reload(t, dev)
        assert sock.ask(wire.query("b.example", "A"), 5.0).rcode == 0


def test_reload_lets_connections_of_a_listener_that_goes_end_what_is_in_flight(t):
    up, other = t.upstream(), t.address()
    slow = up.rule("slow.example", "A", lambda asked: send(asked.reply([a1("slow.example")]), 0.5),
                   times=(1, 3))
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(up, listen=listen("%s.1" % t.net, other))
    with client.Tcp(other, PORT) as busy, client.Tcp(other, PORT) as idle, \
            client.Udp(other, PORT) as udp:
        assert idle.ask(wire.query("a.example", "A"), 5.0).rcode == 0
        busy.send(wire.query("slow.example", "A", ident=7))
        udp.send(wire.query("slow.example", "A", ident=8))
        t.until(lambda: slow.asked)
        dev.write(t.config([up], listen=listen(dev.address)))
        reload(t, dev)
        assert wire.Message(busy.recv(5.0)).rcode == 0
        assert wire.Message(udp.recv(5.0)).rcode == 0
        for sock in idle, busy:
            assert sock.closed_within(5.0) is not None, "a connection to an address that is gone stays"
    assert answers(dev, dev.address)


def test_reload_goes_from_a_wildcard_to_addresses_and_back(t):
    """Both are bound for a moment; what was asked before is answered by the one that goes."""
    up = t.upstream()
    up.rule(None, "A", lambda asked: send(asked.reply([a1(wire.text(asked.name))]), 0.3),
            times=None)
    port = free_port("0.0.0.0")
    all_of_it = 'listen = ( { address = "0.0.0.0"; port = %d; } );\n' % port
    one = 'listen = ( { address = "%s.1"; port = %d; } );\n' % (t.net, port)
    dev = t.device(up, listen=all_of_it, port=port)
    for text in [one, all_of_it] * 3:
        query = wire.query(t.fresh(), "A")
        with dev.udp() as sock, dev.tcp() as stream:
            sock.send(query)
            stream.send(query)
            dev.write(t.config([up], listen=text))
            reload(t, dev)
            assert wire.Message(sock.recv(5.0)).rcode == wire.NOERROR
            assert wire.Message(stream.recv(5.0)).rcode == wire.NOERROR
            assert sock.ask(wire.query(t.fresh(), "A"), 5.0).rcode == wire.NOERROR
            with dev.tcp() as another:
                assert another.ask(wire.query(t.fresh(), "A"), 5.0).rcode == wire.NOERROR


def test_reload_is_refused_where_a_port_is_taken(t):
    """Whole: what else it says is not used; and who has the port is named."""
    dev, up = serving(t)
    plan = ask_json(t, dev, "status")["configuration"]["plan"]
    for kind, name in (socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp"):
        free, taken = t.address(), t.address()
        with socket.socket(socket.AF_INET, kind) as holder:
            holder.bind((taken, PORT))
            if kind == socket.SOCK_STREAM:
                holder.listen(1)
            text = t.config([up], listen=listen(free, taken, dev.address),
                            zones='{ name = "gone.example"; action = "nxdomain"; }')
            dev.write(text)
            _, err = reload(t, dev, code=REFUSED)
        line = text[:text.index(taken)].count("\n") + 1
        assert "%s:%d: %s@%d %s: taken by" % (dev.path, line, taken, PORT, name) in err, err
        # whose it is the system tells root alone, where it is another's
        named = "another program" if USER else "(pid %d)" % os.getpid()
        assert named in err, err
        assert listening(t, dev) == ["%s@%d" % (dev.address, PORT)]
        assert can_bind(free, socket.SOCK_DGRAM) and can_bind(free, socket.SOCK_STREAM)
        assert dev.ask("www.gone.example").rcode == wire.NOERROR
        assert ask_json(t, dev, "status")["configuration"]["plan"] == plan
    reload(t, dev)
    assert dev.ask("www.gone.example").rcode == wire.NXDOMAIN


# --- limits and workers ---------------------------------------------------------------------

def test_reload_changes_how_many_may_wait(t):
    """More than there was room for, and fewer again."""
    up = t.upstream()
    up.silent()
    dev = t.device(up, conf="limits = { inflight = 20; inflight_per_client = 1000; };\n"
                   "workers = 1;", timeout=4.0)
    dev.upstreams = []

    def waiting_of(number):
        with dev.udp() as sock:
            for _ in range(number):
                sock.send(client.with_id(wire.query(t.fresh("z%d.example." % random.randrange(
                    1 << 30)), "A")))
            dev.send(STATUS)    # all before have been looked at
            said = ask_json(t, dev, "status")["questions"]
            return said["waiting"], said["max_waiting"]
    assert waiting_of(60) == (20, 20)
    for limit, waits in (300, 300), (50, 300), (1500, 1500):
        dev.write(t.config([up], address=dev.address, timeout=4.0, conf="workers = 1; limits = { "
                           "inflight = %d; inflight_per_client = 9999; };" % limit))
        reload(t, dev)
        assert "limits.inflight is %d now" % limit in dev.stderr(), dev.stderr()
        waiting, most = waiting_of(max(limit, waits) + 100 - (250 if limit == 50 else 0))
        assert most == limit and waiting <= waits, (limit, waiting, most)
        if limit > 100:     # on a slow machine the first of them have been given up by then
            assert waiting > limit * 9 // 10, (limit, waiting)


@each((1, 4))
def test_reload_changes_how_many_workers_there_are(t, first):
    """While clients are served; those that are not wanted any more let go of the port."""
    dev, up = serving(t, conf="workers = %d;" % first)
    counted = 0
    with crowd_of(t, dev) as crowd:
        for number in 4, 1, 3, 2, 1, 4:
            dev.write(t.config([up], address=dev.address, conf="workers = %d;" % number))
            reload(t, dev)
            said = ask_json(t, dev, "status")
            assert said["workers"] == number, said["workers"]
            assert said["questions"]["max_waiting"] >= 4096, said["questions"]
            assert said["counters"]["queries_udp"] >= counted, "what was counted is forgotten"
            counted = said["counters"]["queries_udp"]
            t.until(lambda number=number: bound(dev.address) == number, 6.0,
                    "%d sockets" % bound(dev.address))
            sofar = crowd.asked
            t.until(lambda sofar=sofar: crowd.asked > sofar + 50, 10.0)
    assert crowd.lost == 0 and crowd.wrong == 0, (crowd.asked, crowd.lost, crowd.wrong)


def test_reload_to_more_workers_than_there_is_memory_for_changes_nothing(t):
    if SANITIZED:
        raise Skip("it takes all addresses there are")
    dev, up = serving(t, conf='workers = 1;\nuser = "";')   # of root: to its limits only root may add
    dev.write(t.config([up, t.upstream()], address=dev.address, conf='workers = 64;\nuser = "";'))

    def threads():
        return len(os.listdir("/proc/%d/task" % dev.pid))

    before = threads()
    for room in 24 << 20, 48 << 20, 96 << 20:
        with open("/proc/%d/statm" % dev.pid, encoding="ascii") as file:
            has = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.prlimit(dev.pid, resource.RLIMIT_AS, (has + room, resource.RLIM_INFINITY))
        said = reload(t, dev, "--json", code=REFUSED)
        assert "workers = 64" in said["complaints"][0], said
        resource.prlimit(dev.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        t.until(lambda: threads() == before, 5, "threads have stayed")  # one that ends may be seen
        assert ask_json(t, dev, "status")["workers"] == 1
    servers = [server for group in ask_json(t, dev, "status")["groups"]
               for server in group["servers"]]
    assert len(servers) == 1, servers
    assert answers(dev, dev.address)
    dev.write(t.config([up], address=dev.address, conf="workers = 2;"))
    reload(t, dev)
    assert ask_json(t, dev, "status")["workers"] == 2


def bound(address):
    """UDP sockets at an address."""
    at = "%s:%04X " % (socket.inet_aton(address)[::-1].hex().upper(), PORT)
    with open("/proc/net/udp", encoding="ascii") as table:
        return sum(line.split()[1] + " " == at and line.split()[2].endswith(":0000")
                   for line in table.readlines()[1:])


class Pour:
    """So many questions a second from 50 sockets, without waiting for any answer: half of what is
    known, half of what is not; mill.Server is asked. In a process of its own, that nothing here
    holds up."""

    SOCKETS = 50

    def __init__(self, t, dev, per_second):
        self.at, self.rate = (dev.address, dev.port), per_second
        self.asked = self.lost = self.wrong = self.failed = 0

    def __enter__(self):
        self.ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.ours.close()
                theirs.sendall(json.dumps(self.pour(theirs)).encode())
            finally:
                os._exit(0)
        theirs.close()
        return self

    def __exit__(self, *_):
        self.ours.sendall(b"x")
        said = b""
        while more := self.ours.recv(4096):
            said += more
        self.ours.close()
        os.waitpid(self.pid, 0)
        self.asked, self.lost, self.wrong, self.failed = json.loads(said)

    def pour(self, control):
        """(asked, lost, wrong, SERVFAIL)."""
        poll, socks, waiting = select.epoll(), {}, {}
        control.setblocking(False)
        for _ in range(self.SOCKETS):
            sock = client.Udp(*self.at).sock
            sock.setblocking(False)
            poll.register(sock.fileno(), select.EPOLLIN)
            socks[sock.fileno()] = sock
        fds, asked, wrong, failed = list(socks), 0, 0, 0
        began, ends = time.monotonic(), None
        while True:
            now = time.monotonic()
            if ends is None:
                try:
                    control.recv(1)
                    ends = now + 6.0 * SLOWER
                except BlockingIOError:
                    pass
            while ends is None and asked < (now - began) * self.rate:
                fd = fds[asked % len(fds)]
                name = "p%d.pour.example" % (asked if asked % 2 else asked % 64)
                query = wire.query(name, "A", ident=asked // len(fds) % 65536)
                waiting[fd, query[:2]] = query[12:], self.digest(wire.name(name))
                socks[fd].send(query)
                asked += 1
            if ends is not None and (not waiting or now > ends):
                return asked, len(waiting), wrong, failed
            for fd, _ in poll.poll(0.002):
                while True:
                    try:
                        data = socks[fd].recv(4096)
                    except BlockingIOError:
                        break
                    question, digest = waiting.pop((fd, data[:2]), (b"?", b""))
                    rcode = data[3] & 15
                    failed += rcode == 2
                    wrong += (rcode not in (0, 2) or data[12:12 + len(question)] != question or
                              (rcode == 0 and data[-4:] != digest))

    @staticmethod
    def digest(name):
        """The address that belongs to it, as tests/faults/packet.c has it."""
        value, all_bits = 0xcbf29ce484222325 ^ 1, (1 << 64) - 1
        for byte in name.lower():
            value = (value ^ byte) * 0x100000001b3 & all_bits
        value = (value ^ value >> 33) * 0xff51afd7ed558ccd & all_bits
        return (value >> 32).to_bytes(4, "big")


class crowd_of:
    """Clients, each on a port of its own, who ask on and on: half of it what is known, half what is
    not. Nobody asks twice: what is not answered in time is lost."""

    def __init__(self, t, dev, clients=8):
        self.dev, self.t = dev, t
        self.asked = self.lost = self.wrong = 0
        self.is_over, self.lock = False, threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]

    def run(self, at):
        number = 0
        while not self.is_over:
            number += 1
            name = "n%d.c%d.crowd.example" % (number if number % 2 else 0, at)
            with self.dev.udp() as sock:
                query = client.with_id(wire.query(name, "A"))
                sock.send(query)
                data = sock.recv(5.0 * SLOWER)
            with self.lock:
                self.asked += 1
                self.lost += data is None
                self.wrong += data is not None and (data[:2] != query[:2] or
                                                    wire.Message(data).rcode != wire.NOERROR)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()


def test_reload_changes_the_size_of_the_cache_and_keeps_what_is_in_it(t):
    dev, up = serving(t, conf='cache = { size = "1M"; };')
    names = ["n%d.kept.example" % i for i in range(200)]
    for name in names:
        assert dev.ask(name).rcode == wire.NOERROR
    asked = up.seen
    for size, number in ("64M", 64 << 20), ("256K", 256 << 10), ("16M", 16 << 20):
        dev.write(t.config([up], address=dev.address, conf='cache = { size = "%s"; };' % size))
        reload(t, dev)
        for name in names:
            assert dev.ask(name).a() == ["192.0.2.1"], name
        said = ask_json(t, dev, "status")["cache"]
        assert said["max_bytes"] == number and said["bytes"] <= number, (size, said)
        assert said["entries"] >= len(names), said
    assert up.seen == asked, "the cache has lost something"
    dev.write(t.config([up], address=dev.address, conf='cache = { size = "0"; };'))
    reload(t, dev)
    dev.ask(names[0])
    assert up.seen == asked + 1
    dev.write(t.config([up], address=dev.address, conf='cache = { size = "16M"; };'))
    reload(t, dev)
    dev.ask(names[0])
    dev.ask(names[0])
    assert up.seen == asked + 2


# --- for a long time ------------------------------------------------------------------------

# All questions are one client's.
MANY = "limits = { inflight = 4096; inflight_per_client = 4096; };"


def of_the_catalogue(t, number, seconds, workers):
    """`number` reloads, every fourth of a broken file, the others changing all there is to change,
    under RELOAD_QPS questions a second from many clients."""
    other, third = t.address(), t.address()
    up = mill.Server(t)
    dev = t.device(up, conf="workers = %d; %s" % (workers, MANY))
    stable = [t.config([up], listen=listen(dev.address, *more), zones=zone, conf=conf) for
              more, zone, conf in (
        ((), "", 'workers = %d; %s' % (workers, MANY)),
        ((other,), '{ name = "gone.example"; action = "nxdomain"; }',
         'workers = %d; cache = { size = "8M"; }; %s' % (workers, MANY)),
        ((third,), "", 'workers = %d; %s' % (workers, MANY.replace("4096", "5000", 1))),
        ((other, third), '{ name = "gone.example"; action = "refuse"; }',
         'workers = %d; cache = { size = "32M"; }; %s' % (workers, MANY)))]
    bad = broken(t.config([up], address=dev.address))
    load = Pour(t, dev, RELOAD_QPS)
    figures = []
    with load:
        for at in range(number):
            began = time.monotonic()
            is_bad = at % 4 == 3
            dev.write(bad if is_bad else stable[at // 4 % len(stable)])
            said = reload(t, dev, "--json", code=REFUSED if is_bad else OK)
            assert said["is_done"] != is_bad, said
            if at % 20 == 0:
                figures.append((dev.rss(), dev.fds()))
            time.sleep(max(0.0, began + seconds - time.monotonic()))
    dev.write(stable[0])
    reload(t, dev)
    status = ask_json(t, dev, "status")["reload"]
    assert status["ok"] == number - number // 4 + 1 and status["error"] == number // 4, status
    return dev, load, figures


@limit(240)
@each((1, 4))
def test_OP_01_reloads_under_load_lose_nothing(t, workers):
    dev, load, figures = of_the_catalogue(t, RELOADS, 0.1, workers)
    print("%d workers, %d reloads: %d asked, %d lost, %d wrong, %d SERVFAIL; memory %d to %d kB, "
          "descriptors %d to %d" % (workers, RELOADS, load.asked, load.lost, load.wrong,
                                    load.failed, figures[0][0] // 1024, figures[-1][0] // 1024,
                                    figures[0][1], figures[-1][1]))
    assert load.asked >= RELOADS * 0.1 * RELOAD_QPS / 2, load.asked
    assert load.lost == load.wrong == load.failed == 0, (load.asked, load.lost, load.wrong,
                                                         load.failed)
    half = figures[len(figures) // 2:]
    if not SANITIZED:
        assert half[-1][0] <= half[0][0] + (2 << 20), "memory grows: %s" % figures
    t.until(lambda: dev.fds() <= figures[0][1], 6.0, "descriptors grow: %s" % figures)


# --- what a reload changes, and what it does not ---------------------------------------------

def test_OP_03_a_rule_that_changes_is_followed_at_once(t):
    """In flight by the old one to its end; what is cached by it is out of reach; the rest stays."""
    first, second, other = (t.upstream() for _ in range(3))
    held = first.rule("held.corp.example", "A",
                      lambda asked: send(asked.reply([a1("held.corp.example")]), 0.8),
                      times=(1, 4))
    first.rule("old.corp.example", "A", lambda asked: asked.reply([a1("old.corp.example")]))
    kept = other.rule("www.other.example", "A",
                      lambda asked: asked.reply([a1("www.other.example")]))
    news = second.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name), "192.0.2.9")]),
                       times=2)
    zone = '{ name = "corp.example"; upstream = "corp"; }'
    dev = t.device(other, zones=zone, groups={"corp": [first]})
    assert dev.ask("old.corp.example").a() == ["192.0.2.1"]
    assert dev.ask("www.other.example").a() == ["192.0.2.1"]
    with dev.udp() as sock:
        query = client.with_id(wire.query("held.corp.example", "A"))
        sock.send(query)
        t.until(lambda: held.asked)
        dev.write(t.config([other], address=dev.address, zones=zone, groups={"corp": [second]}))
        reload(t, dev)
        assert dev.ask("old.corp.example").a() == ["192.0.2.9"]
        assert dev.ask("new.corp.example").a() == ["192.0.2.9"]
        reply = wire.Message(sock.recv(5.0))
        assert reply.id == wire.Message(query).id and reply.a() == ["192.0.2.1"], reply
    assert dev.ask("www.other.example").a() == ["192.0.2.1"]
    assert len(kept.asked) == 1 and len(news.asked) == 2
    dev.upstreams = []


def served(t, network, address, make, seconds):
    """Whoever asks from there has an answer within that time; at first there may be none, as where a
    packet comes before the system is done with the address."""
    ends = time.monotonic() + seconds
    while True:
        try:
            with make(address, 5300, make=network.socket) as sock:
                return sock.ask(wire.query(t.fresh(), "A"), 0.3).rcode == wire.NOERROR
        except (OSError, client.NoAnswer):
            if time.monotonic() > ends:
                return False
            time.sleep(0.05)


@each(["10.9.8.7", "fd00::1"])
def test_OP_07_an_address_to_listen_on_may_come_later(t, address):
    network = Network(t)
    up = t.upstream(address="127.0.0.1", network=network)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    text = 'listen = ( { address = "127.0.0.2"; port = 5300; }, { address = "%s"; port = 5300; } );' \
           '\nupstreams = { default = { servers = [ "127.0.0.1@5300" ]; }; };\n' % address
    dev = t.device(text=text, address="127.0.0.2", network=network)
    assert "%s@5300: no interface here has this address yet" % address in dev.stderr(), dev.stderr()
    network.run("ip", "address", "add", address + ("/128" if ":" in address else "/32"), "dev", "lo",
                *(["nodad"] if ":" in address else []))
    for make in client.Udp, client.Tcp:
        assert served(t, network, address, make, 2.0 * SLOWER), "%s is silent" % address
    assert reload(t, dev)
    assert dev.stderr().count("no interface here has this address yet") == 1, dev.stderr()


def test_OP_09_an_interface_that_was_removed_serves_again_when_it_is_back(t):
    home = Network(t)
    away = Network(t, beside=home)
    up = t.upstream(address="127.0.0.1", network=home)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    addresses = ["10.9.8.1", "fd00::1"]

    def plug():
        home.cable(away, [addresses[0] + "/24", addresses[1] + "/64"],
                   ["10.9.8.2/24", "fd00::2/64"])
    plug()
    text = 'listen = ( { address = "127.0.0.2"; port = 5300; }, %s );\n' \
           'upstreams = { default = { servers = [ "127.0.0.1@5300" ]; }; };\n' % ", ".join(
               '{ address = "%s"; port = 5300; }' % address for address in addresses)
    dev = t.device(text=text, address="127.0.0.2", network=home)

    for _ in range(3):
        for address in addresses:
            for make in client.Udp, client.Tcp:
                assert served(t, away, address, make, 3.0 * SLOWER), "%s is silent" % address
        home.run("ip", "link", "del", "veth0")
        plug()


def test_OP_17_without_an_upstream_it_serves_what_is_its_own(t):
    """No server anywhere: local answers, SERVFAIL for the rest, at once; and a reload brings some."""
    missing = os.path.join(t.directory, "nowhere.conf")
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    zones = '{ name = "own.example"; action = "answer"; records = [ "@ 300 IN A 10.1.2.3" ]; }'
    text = t.config([up], zones=zones)
    alone = re.sub(r"servers = \[[^\]]*\];", 'resolv_conf = "%s";' % missing, text)
    dev = t.device(text=alone)
    assert "can ask nobody until then" in dev.stderr(), dev.stderr()
    assert dev.ask("own.example").a() == ["10.1.2.3"]
    reply = dev.ask("www.example.org")
    assert reply.rcode == wire.SERVFAIL and reply.took < 1.0 * SLOWER, reply
    assert dev.ask("localhost").a() == ["127.0.0.1"]
    dev.write(text)
    reload(t, dev)
    assert dev.ask("www2.example.org").a() == ["192.0.2.1"]


CHANGES = int(os.environ.get("CHANGES") or 25)


@limit(120)
def test_OP_19_a_file_of_servers_is_followed_however_it_is_written(t):
    """Replaced, written over, emptied, half written, removed; what it named last is asked until it
    names others."""
    ups = [t.upstream(port=53, address=t.address()) for _ in range(2)]
    for number, up in enumerate(ups):
        up.rule(None, "A", lambda asked, number=number: asked.reply(
            [a1(wire.text(asked.name), "192.0.2.%d" % (number + 1))]), times=None)
    path = os.path.join(t.directory, "resolv.conf")

    def put(text, in_place):
        where = path if in_place else path + ".new"
        with open(where, "w", encoding="ascii") as file:
            file.write(text)
        if not in_place:
            os.rename(where, path)

    def asked_of(number):
        return dev.ask(t.fresh()).a() == ["192.0.2.%d" % (number + 1)]
    put("nameserver %s\n" % ups[0].address, True)
    dev = t.device(text=re.sub(r"servers = \[[^\]]*\];", 'resolv_conf = "%s";' % path,
                               t.config(ups)))
    now, draw = 0, random.Random(19)
    for _ in range(CHANGES):
        how = draw.choice(["over", "in place", "empty", "half", "gone", "noise"])
        if how == "empty":
            put("", draw.random() < 0.5)
        elif how == "half":
            put("nameserver %s" % ups[1 - now].address[:5], draw.random() < 0.5)
        elif how == "gone":
            if os.path.exists(path):
                os.unlink(path)
        elif how == "noise":
            put("nameserver\nnameserver none\nname", draw.random() < 0.5)
        else:
            now = 1 - now
            put("nameserver %s\n" % ups[now].address, how == "in place")
            t.until(lambda: asked_of(now), 1.0 * SLOWER + 1.0, "the servers did not follow")
            continue
        assert asked_of(now), "after %s another server is asked" % how
    time.sleep(0.3)
    assert asked_of(now)


def test_reload_opens_what_shares_a_port_though_root_is_gone(t):
    """More workers, and an address out of a wildcard: the system lets in sockets of the same account
    alone, and those of the start are that account's, too."""
    if os.geteuid() != 0:
        raise Skip("root is wanted")
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    port = free_port("0.0.0.0")
    texts = ['listen = ( { address = "%s"; port = %d; } );\nuser = "nobody";\nworkers = %d;\n' % (
        address, port, workers) for address, workers in (
            ("0.0.0.0", 1), ("0.0.0.0", 4), ("%s.1" % t.net, 4), ("0.0.0.0", 1),
            ("%s.1" % t.net, 1))]
    dev = t.device(up, listen=texts[0], port=port, start=False)
    os.chmod(dev.directory, 0o777)
    for above in t.directory, os.path.dirname(t.directory):
        os.chmod(above, 0o755)
    dev.start()
    with open("/proc/%d/status" % dev.pid, encoding="ascii") as status:
        assert not re.search(r"^Uid:.*\b0\b", status.read(), re.M), "it is root still"
    for text in texts[1:]:
        dev.write(t.config([up], listen=text))
        reload(t, dev)
        for tcp in False, True:
            assert dev.ask(t.fresh(), tcp=tcp).rcode == wire.NOERROR
