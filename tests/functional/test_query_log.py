"""The query log: a line for each question, whole whatever its reader does, and nobody waits for it."""

import os
import pty
import re
import signal
import socket
import subprocess
import threading
import time
import tty

from harness import mill, wire
from harness.device import SANITIZED, SLOWER
from harness.mark import each, limit
from harness.upstream import send
from test_control import ask_json

ALL = 'log = { queries = "all"; };'
# As many lines as no reader that has stopped and no buffer of four workers have room for.
FLOOD = 12000

PREFIX = r"(?:info: |<6>|notice: |<5>)"
QUERY = re.compile(
    PREFIX + r"query client=(\S+)(?: device=\S+)? proto=(udp|tcp) name=(\S+) type=([A-Z0-9-]+)"
    r"(?: class=\d+)? rcode=([A-Z0-9-]+) verdict=([a-z-]+) from=(server|cache|stale|local|us|access|limit)"
    r"(?: server=([0-9a-f.:]+@\d+))?(?: group=(\S+))? time=(\d+)\.\dms")
MISSING = re.compile(r"(?:warning: |<4>)log\.queries: (\d+) lines are missing here: their reader was too slow")


def lines_of(text):
    """(matches of QUERY, how many lines are told to be missing). Whatever speaks of queries must be one
    or the other, from its first byte to its last."""
    queries, missing = [], 0
    for line in text.split("\n")[:-1]:     # the last may be on its way still
        if "query" not in line and "queries" not in line and "client=" not in line:
            continue
        lost = MISSING.fullmatch(line)
        if lost:
            missing += int(lost.group(1))
            continue
        match = QUERY.fullmatch(line)
        assert match, "no whole line: %r" % line
        queries.append(match)
    return queries, missing


def told(dev):
    return lines_of(dev.stderr())[0]


def counters(t, dev):
    return ask_json(t, dev, "status")["counters"]


def asked_so_far(now):
    return now["queries_udp"] + now["queries_tcp"]


# --- what is told --------------------------------------------------------------------------

def test_each_question_is_a_line(t):
    """Over UDP and TCP, new and known, many at once."""
    up = mill.Server(t)
    dev = t.device(up, conf=ALL)
    new = mill.Load(t, dev, window=50, count=2000, tag="new").result()
    known = mill.Load(t, dev, window=50, count=2000, repeat=20, tag="new", host=120).result()
    stream = mill.Load(t, dev, window=4, count=100, repeat=20, tag="new", tcp=True, host=130).result()
    assert new["right"] == 2000 and known["right"] == 2000 and stream["right"] == 100
    own = asked_so_far(counters(t, dev)) - 4100     # by which the harness sees that it is ready
    t.until(lambda: len(told(dev)) == 4100 + own, 3.0, "lines are missing, or too many")
    lines = [line for line in told(dev) if line.group(3).endswith(".example")]
    names = [line.group(3) for line in lines if line.group(1).endswith(".100")]
    assert sorted(names) == sorted("n%d-new.zone%d.example" % (at, at % 100) for at in range(2000))
    server = "%s@%d" % (up.address, up.port)
    for line in lines:
        assert line.group(4, 5, 6) == ("A", "NOERROR", "answered"), line.group(0)
        assert line.group(8, 9) == ((server, "default") if line.group(7) == "server" else (None, None))
    seen = {key: len([1 for line in lines if line.group(1, 2, 7) == key]) for key in (
        (t.net + ".100", "udp", "server"), (t.net + ".120", "udp", "cache"),
        (t.net + ".130", "tcp", "cache"))}
    assert list(seen.values()) == [2000, 2000, 100], seen


def test_a_question_that_takes_time_says_how_long(t):
    up = t.upstream()
    up.rule(None, "A", lambda asked: send(asked.reply(["%s 60 A 192.0.2.7" % wire.text(asked.name)]), 0.3),
            times=None)
    up.rule(None, "TXT", lambda asked: asked.reply(rcode=wire.REFUSED), times=None)
    dev = t.device(up, conf=ALL)
    name = t.fresh()
    dev.ask(name)
    dev.ask(name, "TXT")
    t.until(lambda: len(told(dev)) >= 2, what="there is no line")
    slow, refused = [line for line in told(dev) if line.group(3) + "." == name]
    assert 290 <= int(slow.group(10)) <= 400 + 1000 * t.late, slow.group(0)
    assert slow.group(0).startswith("info: "), slow.group(0)
    assert refused.group(0).startswith("notice: "), refused.group(0)
    assert refused.group(5, 6, 7) == ("REFUSED", "failed", "server"), refused.group(0)


def test_a_reload_switches_it(t):
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply(["%s 60 A 192.0.2.7" % wire.text(asked.name)]), times=None)
    up.rule(None, "TXT", lambda asked: asked.reply(rcode=wire.REFUSED), times=None)
    dev = t.device(up)
    count = 0

    def asked_with(queries):
        """How many of a question answered, one refused and a repeat are told."""
        before, name = len(told(dev)), t.fresh()
        assert dev.ask(name).answer
        assert dev.ask(name, "TXT").rcode == wire.REFUSED
        assert dev.ask(name).answer
        time.sleep(0.1)     # a line that must not come
        expected = {"off": 0, "errors": 1, "all": 3}[queries]
        t.until(lambda: len(told(dev)) >= before + expected, what="there is no line")
        lines = told(dev)[before:]
        assert len(lines) == expected, [line.group(0) for line in lines]
        if expected:
            assert lines[-1 if queries == "errors" else 1].group(4, 5) == ("TXT", "REFUSED")

    asked_with("off")
    for queries in ("all", "errors", "off", "errors", "all", "off"):
        count += 1
        dev.reload(t.config([up], conf='log = { level = "notice"; queries = "%s"; };' % queries))
        t.until(lambda: dev.stderr().count("the new configuration is in use") == count,
                what="the reload does not end")
        asked_with(queries)


# --- a reader that stops -------------------------------------------------------------------

class Reader:
    """Takes what comes from `fd` into the daemon's file of its standard error, but while it is stopped."""

    def __init__(self, t, fd, path):
        self.fd, self.path = fd, path
        self.goes_on, self.ended = threading.Event(), threading.Event()
        self.goes_on.set()
        t.closing.append(self.end)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def stop(self, is_stopped):
        (self.goes_on.clear if is_stopped else self.goes_on.set)()

    def run(self):
        os.set_blocking(self.fd, False)
        with open(self.path, "ab", buffering=0) as out:
            while not self.ended.is_set():
                if not self.goes_on.wait(0.1):
                    continue
                try:
                    out.write(self.take(self.fd).replace(b"\r\n", b"\n"))
                except BlockingIOError:
                    time.sleep(0.005)
                except OSError:     # of a terminal that nobody writes to
                    time.sleep(0.02)

    @staticmethod
    def take(fd):
        return os.read(fd, 4096)

    def end(self):
        self.goes_on.set()
        time.sleep(0.05)
        self.ended.set()
        self.thread.join()
        os.close(self.fd)


class Cat:
    """The same by a process, which is stopped as processes are."""

    def __init__(self, t, fd, path):
        with open(path, "ab") as out:
            self.process = subprocess.Popen(["cat"], stdin=fd, stdout=out)
        os.close(fd)
        t.closing.append(self.end)

    def stop(self, is_stopped):
        self.process.send_signal(signal.SIGSTOP if is_stopped else signal.SIGCONT)

    def end(self):
        self.process.kill()
        self.process.wait()


def ends_of(kind):
    """(descriptor to read, descriptor to write)"""
    if kind == "socket":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return ours.detach(), theirs.detach()
    if kind == "terminal":
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        return ours, theirs
    return os.pipe()


def start_with_reader(t, up, kind, **how):
    """(daemon, its reader); a socket is the journal's"""
    read_fd, write_fd = ends_of(kind)
    is_ = os.fstat(write_fd)
    env = {"JOURNAL_STREAM": "%d:%d" % (is_.st_dev, is_.st_ino)} if kind == "socket" else None
    dev = t.device(up, start=False, env=env, **how)
    dev.stderr_fd = write_fd
    reader = (Cat if kind == "cat" else Reader)(t, read_fd, dev.stderr_path)
    dev.start()
    os.close(write_fd)
    return dev, reader


def check_answers_meanwhile(t, dev, count):
    """So many known names, from several clients: all are answered, as soon as ever."""
    result = mill.Load(t, dev, window=40, count=count, repeat=40, tag="known", host=140, sources=4,
                       wait=5).result()
    assert result["right"] == count, result
    assert result["p99"] <= 0.1 * SLOWER + 3 * result["lag"] + t.late, result


def flood(t, dev, reader, is_stopped):
    """Stops the reader, asks more than there is room for, and returns how many lines were lost."""
    check_answers_meanwhile(t, dev, 100)
    reader.stop(is_stopped)
    before = counters(t, dev)["limit_query_log"]
    check_answers_meanwhile(t, dev, FLOOD)
    return counters(t, dev)["limit_query_log"] - before


def what_is_missing_is_told(t, dev):
    """Lines and those that are told to be missing are as many as there were questions."""
    def is_complete():
        check_answers_meanwhile(t, dev, 10)
        now = counters(t, dev)
        time.sleep(0.05)
        queries, missing = lines_of(dev.stderr())
        return missing == now["limit_query_log"] and len(queries) + missing == asked_so_far(now)

    t.until(is_complete, 10.0, "what is told to be missing is not what is missing")


@each(["pipe", "cat", "socket", "terminal"])
@limit(60)
def test_nobody_waits_for_a_reader_that_has_stopped(t, kind):
    """Lines are lost, answers are not, nor do they come later; how many is counted; when it reads again,
    what was written is whole lines, and where some are missing a line says how many."""
    up = mill.Server(t)
    dev, reader = start_with_reader(t, up, kind, conf=ALL)
    for round in range(2):
        lost = flood(t, dev, reader, True)
        assert lost > 1000, "lost %d lines; the reader has not stopped?" % lost
        reader.stop(False)
        what_is_missing_is_told(t, dev)
    if kind == "socket":
        assert "<6>query client=" in dev.stderr() and "<4>log.queries: " in dev.stderr()
        assert "info: query" not in dev.stderr()


def test_a_reader_that_keeps_pace_misses_nothing(t):
    """The other way round: with the same load, and nobody stopped."""
    up = mill.Server(t)
    dev, reader = start_with_reader(t, up, "cat", conf=ALL)
    mill.Load(t, dev, rate=500, count=1500, repeat=40, tag="known", host=140).result()
    now = counters(t, dev)
    t.until(lambda: len(told(dev)) == asked_so_far(now), 3.0, "lines are missing")
    assert now["limit_query_log"] == 0, now
    reader.stop(False)


class Logger(Reader):
    """The system's: a datagram is a line. Without its head, it is written as others are."""

    head = re.compile(rb"<(\d+)>[A-Z][a-z]{2} [ 1-3]\d \d\d:\d\d:\d\d courierdns\[\d+\]: ")
    words = {b"27": b"error: ", b"28": b"warning: ", b"29": b"notice: ", b"30": b"info: "}

    def take(self, fd):
        data = os.read(fd, 65536)
        head = self.head.match(data)
        assert head, data
        return self.words[head.group(1)] + data[head.end():] + b"\n"


@limit(60)
def test_nobody_waits_for_a_system_log_that_has_stopped(t):
    path = os.path.join(t.directory, "log")
    logger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    logger.bind(path)
    up = mill.Server(t)
    dev = t.device(up, start=False, conf='log = { to = "syslog"; queries = "all"; };', prefix=[
        "unshare", "-m", "sh", "-c",
        'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && ln -s "$0" /dev/log && exec "$@"', path])
    reader = Logger(t, logger.detach(), dev.stderr_path)
    dev.start()
    lost = flood(t, dev, reader, True)
    assert lost > 1000, lost
    reader.stop(False)
    what_is_missing_is_told(t, dev)


def test_what_nobody_took_is_lost_when_it_is_switched_off(t):
    """Nobody waits then either, nor at the end; what is lost is counted."""
    up = mill.Server(t)
    dev, reader = start_with_reader(t, up, "pipe", conf=ALL)
    flood(t, dev, reader, True)
    before = counters(t, dev)
    dev.reload(t.config([up], conf='log = { queries = "off"; };'))
    t.until(lambda: counters(t, dev)["limit_query_log"] > before["limit_query_log"], 3.0,
            "it is not switched off")
    after = counters(t, dev)
    assert after["limit_query_log"] - before["limit_query_log"] > 100, (before, after)
    reader.stop(False)
    t.until(lambda: len(told(dev)) + after["limit_query_log"] == asked_so_far(before), 3.0,
            "lines are neither written nor counted")
    count, in_use = len(told(dev)), "the new configuration is in use"
    reloads = dev.stderr().count(in_use)
    dev.reload(t.config([up], conf=ALL))
    t.until(lambda: dev.stderr().count(in_use) > reloads, 3.0, "no reload")
    check_answers_meanwhile(t, dev, 100)
    t.until(lambda: len(told(dev)) == count + 100, 3.0, "it is not switched on again")
    flood(t, dev, reader, True)     # and so it ends
