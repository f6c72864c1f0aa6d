"""What a query costs, by counts that do not depend on the machine's mood: instructions of the program
and its libraries (valgrind --tool=callgrind), allocations and system calls (counts.h, preloaded), for an
answer from the cache and for one that is asked upstream; over TCP, reads and writes of the connection.
Questions come 64 at a time, the next when all are answered; of two runs with different numbers of
questions only the difference counts, so that start and end do not.

Run by itself it compares them with recorded.txt and ends with status 1 where one is more than 5 %
above; with RECORD=1 it writes them down there; with PROFILE=1 it tells where they go. Usage: see run.sh."""

import mmap
import os
import re
import signal
import socket
import subprocess
import sys
import time

import servers
from servers import LOAD_CORE, PROGRAMS, READY, Bench, Responder, on_core, peers

RECORDED = os.path.join(servers.HERE, "recorded.txt")
SLACK, FAR = 1.05, 0.90
FEW, MORE, AGAIN = 640, 6400, 10     # names; how often those few are asked again
TARGETS = {"hit instructions": 1500, "miss instructions": 5000, "hit allocations": 0,
           "hit over TCP reads": 0.03, "hit over TCP writes": 0.03}
TARGETS_TOLD = {name: format(value, ",") for name, value in TARGETS.items()}
# A burst may come as two, which is not the program's doing: so much more is none.
ROOM = {"calls": 0.1, "reads": 0.02, "writes": 0.02, "allocations": 0.01, "instructions": 0.01}
TRIES = 3
IS_PROFILE = os.environ.get("PROFILE", "") not in ("", "0")
WORTH_TELLING = 60   # instructions of a query


class Counted(servers.Courierdns):
    """On no core of its own, and waited for with one question."""

    def wait_ready(self, seconds=60.0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.address, self.port))
            sock.settimeout(seconds)
            while self.process.popen.poll() is None:
                try:
                    sock.send(READY)
                    sock.recv(4096)
                    return
                except ConnectionRefusedError:
                    time.sleep(0.05)
        raise RuntimeError("%s does not start: %s" % (self.name, self.log()[-2000:]))


class Grind(Counted):
    def prefix(self):
        self.out = os.path.join(self.directory, "callgrind")
        return ["valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=" + self.out]

    def instructions(self):
        """Of its whole life, which ends with this."""
        self.stop()
        with open(self.out, encoding="utf-8", errors="replace") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("summary:"))

    def by_function(self):
        """{function: instructions of it and of what it calls}, after its life."""
        said = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--auto=no",
                               "--threshold=100", self.out], capture_output=True, text=True, check=True)
        counts = {}
        for count, place in re.findall(r"^ *([\d,]+) \([^)]*\) +(\S+)", said.stdout, re.M):
            # of one that stands in several places, for it was inlined, the whole
            name = re.sub(r"'\d+$", "", place.rsplit("/", 1)[-1]).replace("???:", "")
            counts[name] = max(counts.get(name, 0), int(count.replace(",", "")))
        return counts


class Counting(Counted):
    """On the core of load and upstream, and it does not push them aside when something comes for it:
    what is sent to it in one go it finds in one go."""

    def start(self):
        self.limits = self.prefix()
        with on_core(LOAD_CORE):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            try:
                peers.Courierdns.start(self)
            finally:
                os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    def prefix(self):
        path = os.path.join(self.directory, "counts")
        with open(path, "wb") as file:
            file.write(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as file:
            self.shared = memoryview(mmap.mmap(file.fileno(), mmap.PAGESIZE)).cast("Q")
        return ["env", "COUNTS=" + path,
                "LD_PRELOAD=" + os.path.join(PROGRAMS, "bench", "counts.so")]

    def counts(self):
        """{what: so many so far}, in the order of counts.h"""
        return dict(zip(("allocations", "calls", "reads", "writes"), self.shared[:4]))


def ask(rig, server, names, times=1, **how):
    """The names, each once, so many times; they are known from the second time on."""
    for _ in range(times):
        came = servers.load(rig, server, hot=names, sweep=True, lanes=1, window=64, in_step=True,
                            seconds=300, slice=300, wait=10, **how)["server"]
        if came["right"] != names:
            raise RuntimeError("of %d questions only %d were answered" % (names, came["right"]))


def instructions_of(rig, origin, *passes):
    """(of all, {function: of it})"""
    server = Grind(rig, [origin])
    try:
        before = origin.asked()
        for names, times in passes:
            ask(rig, server, names, times)
        asked, names = origin.asked() - before, max(names for names, _ in passes)
        if asked > 1.01 * names:
            raise RuntimeError("%d questions were asked upstream for %d names" % (asked, names))
        return server.instructions(), server.by_function() if IS_PROFILE else {}
    finally:
        server.process.end()


def count_instructions(rig, origin):
    few, few_by = instructions_of(rig, origin, (FEW, 1))
    again, again_by = instructions_of(rig, origin, (FEW, 1), (FEW, AGAIN))
    more, more_by = instructions_of(rig, origin, (MORE, 1))
    if IS_PROFILE:
        show_profile("hit", again_by, few_by, FEW * AGAIN)
        show_profile("miss", more_by, few_by, MORE - FEW)
    return {"hit instructions": (again - few) / (FEW * AGAIN),
            "miss instructions": (more - few) / (MORE - FEW)}


def show_profile(title, more, less, queries):
    """What is spent below each function, but for those below which nearly nothing is."""
    print("  a %s, instructions of functions and of what they call" % title)
    each = {name: (count - less.get(name, 0)) / queries for name, count in more.items()}
    for name, count in sorted(each.items(), key=lambda item: -item[1]):
        if count >= WORTH_TELLING and not name.startswith(("0x", "(", "PROGRAM")):
            print("  %9.0f  %s" % (count, name))


def count_calls(rig, origin):
    server = Counting(rig, [origin])

    def spent(of, names, times=1, **how):
        """{what: of each of so many questions}"""
        before = server.counts()
        ask(rig, server, names, times, **how)
        after = server.counts()
        return {what: (after[what] - before[what]) / of for what in after}

    try:
        ask(rig, server, FEW)
        if not all(list(server.counts().values())[:2]):
            raise RuntimeError("nothing was counted")
        hit = spent(FEW * AGAIN, FEW, AGAIN)
        stream = spent(FEW * AGAIN, FEW, AGAIN, tcp=True)
        miss = spent(MORE - FEW, MORE)
    finally:
        server.process.end()
    return {**{"hit " + what: hit[what] for what in ("allocations", "calls")},
            **{"hit over TCP " + what: stream[what] for what in ("allocations", "reads", "writes")},
            **{"miss " + what: miss[what] for what in ("allocations", "calls")}}


def measure(rig):
    """{name: per query}. A machine that was elsewhere for long has questions asked twice: then anew."""
    origin = Responder(rig, "origin", LOAD_CORE)
    values = {}
    for count in (count_instructions, count_calls):
        for left in reversed(range(TRIES)):
            try:
                values.update(count(rig, origin))
                break
            except RuntimeError as error:
                print("bench: once more: %s" % error, file=sys.stderr)
                if left == 0:
                    raise
    origin.process.end()
    return values


def read_recorded():
    with open(RECORDED, encoding="ascii") as file:
        rows = [line.rsplit(None, 1) for line in file if line.strip() and line[0] != "#"]
    return {name: float(value) for name, value in rows}


def write_recorded(values):
    with open(RECORDED, encoding="ascii") as file:
        head = [line for line in file if line[0] == "#"]
    with open(RECORDED, "w", encoding="ascii") as file:
        file.writelines(head + ["%s %.3f\n" % (name, values[name]) for name in sorted(values)])


def show(values, recorded):
    """Prints them; returns how many are too high."""
    above = 0
    print("  %-24s %10s %10s %10s" % ("of a query", "measured", "recorded", "target"))
    for name in sorted(values):
        value, old, remark = values[name], recorded.get(name), ""
        room = ROOM[name.rsplit(None, 1)[1]]
        if old is None:
            remark = "  is not recorded: RECORD=1"
        elif value > old * SLACK + room:
            remark, above = "  MORE THAN RECORDED", above + 1
        elif value < old * FAR - room:
            remark = "  far below: RECORD=1 writes it down"
        print(("  %-24s %10.3f %10s %10s%s" % (
            name, value, "-" if old is None else "%.3f" % old, TARGETS.get(name, ""), remark)).rstrip())
    return above


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: stopped"))
    rig = Bench()
    try:
        values = measure(rig)
    finally:
        rig.close()
    above = show(values, read_recorded())
    if os.environ.get("RECORD", "") not in ("", "0"):
        write_recorded(values)
        print("bench-check: recorded")
        return
    print("bench-check: %s" % ("%d above what is recorded" % above if above else "fine"))
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
