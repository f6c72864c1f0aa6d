"""Several workers: questions spread over them, what one of them learns all know, and what is asked of
or done to the program is asked of and done to all of them, however busy they are."""

import os
import re
import signal
import socket
import threading
import time

from harness import shapes, wire
from harness.crowd import ask as ask_crowd
from harness.device import SANITIZED, SLOWER
from harness.mark import each, limit
from harness.shapes import COURIER, a1, r1, soa
from harness.upstream import send
from test_cli import OS_ERROR, ends, file, run
from test_control import WAY, ask, ask_json
from test_limits import lines
from test_sp import distinct, first_sends, no_trend

N = 4
# So many sockets, and each worker has one of them but for once in 10^7.
SOCKS = 64
FEWER = 5 if SANITIZED else 1


def crew(t, *ups, workers=N, conf="", **how):
    return t.device(*ups, conf="workers = %d;\n%s" % (workers, conf), **how)


def knowing(t, **how):
    """(daemon, upstream that knows any A record)."""
    up = t.upstream()
    up.rule(None, "A", shapes.digest_reply, times=None)
    return crew(t, up, **how), up


def turns(dev):
    """How often each worker's thread has been given the processor; the first one's is the program's,
    and has its number."""
    tasks, out = "/proc/%d/task" % dev.pid, {}

    def read(task, what):
        with open(os.path.join(tasks, task, what), encoding="ascii") as file:
            return file.read()

    for task in os.listdir(tasks):
        if int(task) == dev.pid or read(task, "comm").startswith("worker "):
            out[int(task)] = int(read(task, "schedstat").split()[2])
    return out


def from_many(dev, qname, qtype="A", source=None, number=SOCKS, **how):
    """Asks once from each of so many sockets, all at once; the replies in their order."""
    socks = [dev.udp(source) for _ in range(number)]
    for ident, sock in enumerate(socks):
        sock.send(wire.query(qname, qtype, ident=ident, **how))
    said = [sock.recv(5.0 * SLOWER) for sock in socks]
    for sock in socks:
        sock.close()
    return [data and wire.Message(data) for data in said]


class Load:
    """Names that are known and others, asked all the time until it is stopped; every reply has to be
    the right one."""

    def __init__(self, dev, title):
        self.dev, self.title, self.running, self.wrong, self.asked = dev, title, True, [], 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            names = ["n%d.%s.example." % (self.asked + at if at % 4 == 0 else at, self.title)
                     for at in range(64)]
            try:
                told = ask_crowd(self.dev, names, at_once=32, sources=16)
            except OSError:
                return      # it is gone
            self.asked += len(names)
            self.wrong += [str(told)] if len(told.of("right")) < len(names) else []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.running = False
        self.thread.join()
        if kind is None:
            assert not self.wrong and self.asked, self.wrong[:1]


# --- several are several -------------------------------------------------------------------

@each(["udp", "tcp"])
def test_questions_spread_over_all_workers(t, kind):
    dev, _ = knowing(t)
    t.until(lambda: len(turns(dev)) == N)       # each names itself, once it has the processor
    before, qname = turns(dev), t.fresh()
    for _ in range(SOCKS):
        assert dev.ask(qname, tcp=kind == "tcp").rcode == 0
    after = turns(dev)
    idle = [task for task in before if after[task] == before[task]]
    assert not idle, (before, after)
    assert dev.statistics()["queries_" + kind] >= SOCKS
    status = ask_json(t, dev, "status")
    assert status["workers"] == N and status["counters"]["queries_" + kind] >= SOCKS, status


def test_one_worker_is_one_thread(t):
    dev = t.device(t.upstream(), conf="workers = 1;")
    assert len(turns(dev)) == 1
    assert ask_json(t, dev, "status")["workers"] == 1


def test_none_are_as_many_as_processors(t):
    dev = t.device(t.upstream(), conf="workers = 0;")
    t.until(lambda: len(turns(dev)) == min(64, len(os.sched_getaffinity(0))))


def test_what_one_has_learned_all_know(t):
    up, qname = t.upstream(), t.fresh()
    rule = up.answers(qname, "A", [a1(qname)])
    dev = crew(t, up)
    first = dev.ask(qname)
    t.miss(first, rule)
    for reply in from_many(dev, qname):
        assert reply is not None and reply.a() == first.a(), reply
    up.saw(1)


def test_who_asks_too_fast_is_slowed_down_by_all_together(t):
    """Ten at once, however they spread."""
    dev, _ = knowing(t, conf="limits = { rate_per_client = 1; rate_burst = 10; };")
    qname, source = t.fresh(), t.address()
    dev.ask(qname)
    before, began = dev.statistics()["queries_udp"], time.monotonic()
    socks = [dev.udp(source) for _ in range(SOCKS)]
    for ident, sock in enumerate(socks):
        sock.send(wire.query(qname, ident=ident))
    t.until(lambda: dev.statistics()["queries_udp"] >= before + SOCKS, what="not all were looked at")
    said = [sock.recv(0.01) for sock in socks]
    answered = sum(data is not None and not wire.Message(data).flags & wire.TC for data in said)
    sent = int(time.monotonic() - began) + 1
    for sock in socks:
        sock.close()
    assert 10 <= answered <= 10 + sent, answered
    assert len(lines(dev, "warning: limits.rate_per_client: ")) == 1
    assert dev.statistics()["limit_rate_per_client"] == SOCKS - answered


def test_devices_are_seen_whichever_worker_they_ask(t):
    up = t.upstream()
    up.rule(COURIER, "A", lambda asked: asked.reply(*r1()), times=None)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name), "17.57.146.132")]),
            times=None)
    up.rule(None, None, lambda asked: asked.reply([], [soa("apple.com.")]), times=None)
    dev, source = crew(t, up), t.address()
    for _, name in WAY:
        for _ in range(8):
            dev.ask(name, source=source)
    device, = ask_json(t, dev, "devices")["devices"]
    assert [stage["asked"] for stage in device["stages"]] == [8] * len(WAY), device
    assert source in ask(t, dev, "devices", source)


@limit(60)
def test_a_family_is_kept_warm_whichever_worker_is_asked(t):
    up = t.upstream()
    up.rule("alias.lab.example.", "A", lambda asked: asked.reply(
        ["alias.lab.example. 300 CNAME target.lab.example."], [soa("lab.example.")]), times=None)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    up.rule("count.lab.example.", "TXT", lambda asked: asked.reply(
        ['count.lab.example. 300 TXT "count=7"']), times=None)
    dev = crew(t, up, conf="""couriers = ( { name = "lab"; alias = "alias.lab.example";
        target = "target.lab.example"; variants = [ "{n}-alias.lab.example" ]; types = [ "A" ];
        count_txt = "count.lab.example"; count = 3; pre_resolve = "demand"; } );""")
    task = dev.pid      # the first worker's: it must not be the one that is asked

    def used():
        return [one for one in ask_json(t, dev, "status")["families"] if one["name"] == "lab"][0]

    while True:
        before = turns(dev)[task]
        dev.ask("2-alias.lab.example.")
        if turns(dev)[task] == before or used()["is_in_use"]:
            break
    t.until(lambda: used()["is_in_use"], 5, "nobody has noticed")
    t.until(lambda: used()["warm"] == used()["total"] == 10, 10, "not warm")
    assert used()["count"] == 7 and used()["is_count_learned"], used()


def test_explain_knows_what_any_worker_was_told(t):
    dev, up = knowing(t)
    for _ in range(12):
        qname = t.fresh()
        dev.ask(qname)
        said = ask_json(t, dev, "explain", qname)
        assert said["last_exchange"]["server"].startswith(up.address), said


# --- nobody foresees any of them -----------------------------------------------------------

@limit(60)
def test_SP_18_no_worker_repeats_another(t):
    """Each of them draws IDs and ports of its own: all together are as many as chance gives."""
    up = t.upstream()
    number = 4000 // FEWER
    rule = up.rule(None, "A", shapes.digest_reply, times=(number, 2 * number))
    dev = crew(t, up)
    told = ask_crowd(dev, [t.fresh() for _ in range(number)], at_once=64, sources=32)
    assert len(told.of("right")) == number, told
    idents = [asked.id for asked in first_sends(rule)]
    distinct(idents, 65536, "IDs")
    no_trend(idents, "IDs")
    pairs = [(asked.source[1], asked.id) for asked in first_sends(rule)]
    assert len(set(pairs)) >= number - 1, "a port and an ID came together twice"


# --- all of them, however busy -------------------------------------------------------------

@limit(60)
def test_reloads_under_load_lose_nothing(t):
    dev, up = knowing(t)
    texts = [t.config([up], address=dev.address, conf="workers = %d;" % N, zones=zones)
             for zones in ("", '{ name = "other.example"; action = "nxdomain"; }')]
    done = "the new configuration is in use"
    with Load(dev, "reloads") as load:
        for at in range(20):
            dev.reload(texts[at % 2])
            t.until(lambda at=at: len(lines(dev, done)) > at, 5, "no reload")
            if at % 2 == 0:
                reply = dev.ask("x.other.example.")
                assert reply.rcode == wire.NOERROR, reply   # the file before
            else:
                for reply in from_many(dev, "y%d.other.example." % at, number=16):
                    assert reply.rcode == wire.NXDOMAIN, reply
        assert load.asked > 0


@limit(60)
def test_it_tells_of_itself_under_load(t):
    """Status, devices, explain, counters and the log opened anew, all the while."""
    dev, _ = knowing(t)
    with Load(dev, "telling"):
        before = -1
        for _ in range(15):
            queries = ask_json(t, dev, "status")["counters"]["queries_udp"]
            assert queries >= before, (queries, before)
            before = queries
            ask_json(t, dev, "devices")
            ask_json(t, dev, "explain", "n1.telling.example")
            dev.signal(signal.SIGUSR2)
        assert dev.statistics()["queries_udp"] >= before
    for line in dev.stderr().splitlines():
        assert re.match(r"(error|warning|notice|info|debug): \S", line), "a torn line: %s" % line


@limit(60)
def test_servers_that_change_are_those_of_all_workers(t):
    """Once the configuration names another one, nobody asks the first."""
    ups = [t.upstream() for _ in range(2)]
    for up in ups:
        up.rule(None, "A", shapes.digest_reply, times=None)
    dev = crew(t, ups[0])
    done = "the new configuration is in use"
    for at in range(6):
        now, before = ups[(at + 1) % 2], ups[at % 2]
        dev.reload(t.config([now], address=dev.address, conf="workers = %d;" % N))
        t.until(lambda at=at: len(lines(dev, done)) > at, 5, "no reload")
        seen = len(before.log)
        told = ask_crowd(dev, ["s%d.%d.example." % (at, one) for one in range(SOCKS)], sources=32)
        assert len(told.of("right")) == SOCKS and len(before.log) == seen, told
    dev.upstreams = [now]


def test_OP_04_all_of_them_answer_what_is_in_flight_before_the_end(t):
    up = t.upstream()
    up.rule(None, "A", lambda asked: send(asked.reply([a1(wire.text(asked.name))]), 0.7),
            times=(SOCKS, 2 * SOCKS))
    dev = crew(t, up)
    socks = [dev.udp() for _ in range(SOCKS)]
    for at, sock in enumerate(socks):
        sock.send(wire.query("flight%d.example." % at, ident=at))
    t.until(lambda: len(up.log) >= SOCKS, 2, "not all asked")
    dev.signal(signal.SIGTERM)
    for at, sock in enumerate(socks):
        data = sock.recv(2.0 * SLOWER)
        assert data is not None, "%d answered" % at
        assert wire.Message(data).rcode == wire.NOERROR, wire.describe(data)
        sock.close()
    assert dev.process.wait(3.0 * SLOWER) == 0
    dev.stopped = True


@each(["once", "twice"])
def test_the_end_comes_under_load(t, how):
    dev, _ = knowing(t)
    load = Load(dev, "end")
    t.until(lambda: load.asked > 128, 10)
    dev.signal(signal.SIGTERM)
    if how == "twice":
        dev.signal(signal.SIGTERM)
    assert dev.process.wait(5.0 * SLOWER) == 0, dev.stderr()
    dev.stopped, load.running = True, False


# --- what the log says is said once --------------------------------------------------------

@limit(60)
def test_a_server_that_goes_and_comes_is_told_once(t):
    good, bad = t.upstream(), t.upstream()
    for up in (good, bad):
        up.rule(None, "A", shapes.digest_reply, times=None)
    dev = crew(t, bad, good, order="listed")
    asked = 0

    def ask_some():
        nonlocal asked
        asked += 64
        ask_crowd(dev, ["g%d.example." % (asked + at) for at in range(64)], at_once=32, sources=16)

    ask_some()
    bad.deaf = True
    end = time.monotonic() + 20 * SLOWER
    while not lines(dev, "does not answer"):
        assert time.monotonic() < end, dev.stderr()
        ask_some()
    for _ in range(6):      # the others find out as well
        ask_some()
        time.sleep(0.5)
    assert len(lines(dev, "does not answer")) == 1, dev.stderr()
    bad.deaf = False
    t.until(lambda: ask_some() or lines(dev, "answers again"), 20, "it is not taken back")
    time.sleep(1.5)
    assert len(lines(dev, "answers again")) == 1, dev.stderr()


@limit(60)
def test_who_squashes_is_told_once_and_counted_by_all(t):
    """The alias is asked of all workers at once, and the first server squashes it."""
    bad, good = t.upstream(), t.upstream()
    bad.rule(COURIER, None, lambda asked: asked.reply([], rcode=wire.NXDOMAIN), times=None)
    good.rule(COURIER, None, lambda asked: asked.reply(*r1()), times=None)
    for up in (bad, good):
        up.rule(None, None, lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = crew(t, bad, good, order="listed",
               conf='couriers = ( { name = "apple"; pre_resolve = "off"; } );')
    for _ in range(4):
        for qtype in ("A", "AAAA", "HTTPS", "SVCB"):
            for reply in from_many(dev, COURIER, qtype):
                assert reply is not None and reply.rcode == wire.NOERROR, reply
            from_many(dev, "17-courier.push.apple.com.", number=16)
    assert len(lines(dev, "squashes courier.push.apple.com")) == 1, dev.stderr()
    family, = ask_json(t, dev, "status")["families"]
    squasher, = family["squashers"]
    assert squasher["is_squashing"] and squasher["by_shape"]["nxdomain"] >= 4, family
    counted = dict((tuple(sorted(labels.items())), count) for labels, count in
                   dev.metrics("courierdns_squashes_total"))
    assert sum(counted.values()) == sum(squasher["by_shape"].values()), (counted, squasher)


# --- beginnings that fail ------------------------------------------------------------------

@each([(first, second) for first in (1, N) for second in (1, N)],
      lambda case: "%d-beside-%d" % (case[1], case[0]))
def test_another_program_is_refused_the_port(t, case):
    first, second = case
    dev = t.device(t.upstream(), conf="workers = %d;" % first)
    text = t.config([t.upstream()], address=dev.address, conf="workers = %d;" % second)
    done = ends(run(t, "run", "-c", file(t, text)), OS_ERROR)
    assert "%s@5300 udp: taken by courierdns (pid %d)" % (dev.address, dev.pid) in done.stderr, \
        done.stderr
    assert dev.ask("localhost.").a() == ["127.0.0.1"]


@each(["udp", "tcp"])
def test_a_port_that_others_share_is_none_of_ours(t, kind):
    """Whoever holds it lets others in (SO_REUSEPORT), but half of its questions are no good to us."""
    address = "%s.1" % t.net
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp"
                       else socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((address, 5300))
        if kind == "tcp":
            holder.listen(1)
        text = t.config([t.upstream()], address=address, conf="workers = %d;" % N)
        done = ends(run(t, "run", "-c", file(t, text)), OS_ERROR)
    assert "%s@5300 %s: taken by" % (address, kind) in done.stderr, done.stderr


def test_too_few_open_files_for_so_many_workers_is_told(t):
    dev = t.device(t.upstream(), conf="workers = 16;", rlimit_files=64, start=False)
    dev.start(wait=False)
    assert dev.process.wait(5.0 * SLOWER) == OS_ERROR
    dev.stopped = True
    assert "the system allows 64 open files" in dev.stderr() and "16 workers" in dev.stderr(), \
        dev.stderr()


def test_threads_that_cannot_be_started_are_told(t):
    """The third thread there could be is refused by the system."""
    starver = os.environ.get("STARVER")
    assert starver, "STARVER is not set"
    path = os.path.join(t.directory, "orders")
    with open(path, "wb") as out:
        out.write(bytes(8))
    preload = starver
    if SANITIZED:
        from harness.mark import Skip
        raise Skip("what is preloaded and the sanitizers do not go together")
    dev = t.device(t.upstream(), conf="workers = 4;", start=False,
                   env={"LD_PRELOAD": preload, "STARVE": path, "THREADS": "2"})
    dev.start(wait=False)
    assert dev.process.wait(5.0) == OS_ERROR, dev.stderr()
    dev.stopped = True
    assert "error: workers = 4: there cannot be so many threads: Resource temporarily unavailable" \
        in dev.stderr(), dev.stderr()
    assert "is ready" not in dev.stderr()
