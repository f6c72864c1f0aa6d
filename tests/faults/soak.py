"""A day's questions in a while, and nothing grows, slows down or goes wrong: popular names by Zipf's
law and new ones, couriers, some over TCP, an upstream that loses and spoils packets, and a reload each
minute. Prints what is demanded and what was measured; the exit status is 1 where something is missed.

MINUTES=N (10; 36 are 24 hours at 50 questions a second), CUT=1: less than a minute. SEED=N repeats the
faults of an earlier run, WORKERS=N has more than one thread."""

import os
import re
import signal
import statistics
import sys
import time

import figures
import peers
import run
from figures import Row, Time, allowance, none, percent, seconds, told
from rig import Load, Rig, Upstream

IS_CUT = os.environ.get("CUT", "") not in ("", "0")
MINUTES = float(os.environ.get("MINUTES") or 10)
WORKERS = int(os.environ.get("WORKERS") or 1)
RATE, SOURCES = 2000, 16
# Of a hundred datagrams to the upstream ten meet a fault, in the proportions of L2.
FAULTS = {how: round(10.0 * share / sum(figures.MIX.values()), 2) for how, share in figures.MIX.items()}
FILL = 40000 if IS_CUT else 150000      # names, more than the cache has room for


class Watched(peers.Courierdns):
    """With its counters, as SIGUSR1 has them logged."""

    more = 'couriers = ( { name = "apple"; pre_resolve = "off"; } );\nworkers = %d;\n%s' % (
        WORKERS, 'cache = { size = "4M"; };\n' if IS_CUT else "")

    def counters(self):
        count = self.log().count("notice: tcp_clients ")
        self.process.signal(signal.SIGUSR1)
        ends = time.monotonic() + 5
        while self.log().count("notice: tcp_clients ") == count:
            if time.monotonic() > ends:
                raise RuntimeError("no counters")
            time.sleep(0.02)
        return {name: int(number) for name, number in re.findall(
            r"^notice: (\w+) (\d+)$", self.log(), re.M)}

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))


def about(key, label, share, within):
    return Row(key, label, "%d %% +- %d" % (share, within),
               lambda value: abs(value - share) <= within, percent)


class Samples:
    """Resident memory and descriptors, once a second."""

    def __init__(self):
        self.rss, self.fds = [], []

    def take(self, server):
        self.rss.append(server.rss())
        self.fds.append(server.fds())

    @staticmethod
    def tenth(values, at):
        """Of the tenth after the first, that is 1, or the last, 9."""
        size = max(len(values) // 10, 1)
        return values[at * size:(at + 1) * size] or values[-1:]


class Soak(figures.Figure):
    name = "L4"

    def __init__(self, is_cut):
        super().__init__(is_cut)
        self.seconds = 40 if is_cut else int(60 * MINUTES)
        self.every = 8 if is_cut else 60

    def rows(self):
        return [told("asked", "questions, of %s a second" % format(RATE, ",d"), "{:,d}".format),
                about("hits", "known to the cache", 70, 5),
                about("tcp", "over TCP", 5, 1), about("courier", "couriers", 5, 1),
                about("faulty", "of those to the upstream over UDP faulty", 10, 1),
                Row("reloads", "reloads", str(self.reloads()),
                    lambda value: value == self.reloads()),
                none("wrong", "wrong or falsely empty"),
                none("silent", "without a reply after 5 s, unless the system lost them"),
                figures.at_least("right", "right", 99.9),
                Row("crashes", "ended by itself, or complained of itself", "0",
                    lambda value: value == 0),
                told("rss", "resident memory after the first tenth", "{:,d} kB".format),
                Row("growth", "more of it in the last tenth", "<= 1 %, or 256 kB",
                    lambda value: value <= max(256, self.start // 100), "{:+,d} kB".format),
                told("in_use", "descriptors in the second tenth, in the last", "{0[0]:d}, {0[1]:d}".format),
                Row("fds", "more of them when all is over than at the start", "<= 2",
                    lambda value: value <= 2, "{:+d}".format),
                told("p99", "99 of 100 within, in the first tenth", seconds),
                Row("p99_last", "in the last tenth", "+20 % at most",
                    lambda value: value[0] <= 1.2 * value[1] + allowance(value[0]),
                    lambda value: seconds(value[0]))]

    def reloads(self):
        return (self.seconds - 1) // self.every

    def measure(self, rig, kind):
        up = Upstream(rig, **FAULTS)
        with figures.running(rig, kind, up, counts_dropped=False) as server:
            fds = server.fds()
            Load(rig, server, window=400, sources=SOURCES, count=FILL, seconds=300).result(False)
            before, lost = server.counters(), server.dropped()
            load = Load(rig, server, rate=RATE, sources=SOURCES, seconds=self.seconds,
                        popular=2000, hits=66, couriers=5, tcp_share=5)
            samples = self.watch(server)
            result = load.result(False, timeout=self.seconds + 120)
            after, lost = server.counters(), server.dropped() - lost
            udp = up.close()
            left = self.settle(server, fds)
            log = server.log()
        return {**self.values(result, {key: after[key] - before.get(key, 0) for key in after},
                              udp, lost, samples, log), "fds": left}

    @staticmethod
    def settle(server, fds):
        """How many more than `fds` descriptors stay, when sockets have had the time to end."""
        ends = time.monotonic() + 15
        while server.fds() > fds and time.monotonic() < ends:
            time.sleep(0.2)
        return server.fds() - fds

    def watch(self, server):
        samples, began = Samples(), time.monotonic()
        reloads = 0
        while (now := time.monotonic() - began) < self.seconds - 0.5:
            if now >= (reloads + 1) * self.every and reloads < self.reloads():
                server.reload()
                reloads += 1
            samples.take(server)
            time.sleep(1.0 - (time.monotonic() - began) % 1.0)
        return samples

    def values(self, result, counts, udp, lost, samples, log):
        known = counts["cache_hits"] + counts["cache_stale"]
        questions = counts["queries_udp"] + counts["queries_tcp"]
        rss = statistics.median(samples.tenth(samples.rss, 1))
        self.start = int(rss)
        first, last = (Time(result["p99_tenths"][at], result) for at in (0, -1))
        return {"asked": result["asked"], "hits": 100.0 * known / questions,
                "tcp": 100.0 * counts["queries_tcp"] / questions,
                "courier": 100.0 * result["couriers"] / result["asked"],
                "faulty": 100.0 * sum(udp[how.replace("_", "-")] for how in FAULTS) / udp["udp"],
                "reloads": log.count("the new configuration is in use"),
                "wrong": figures.false(result), "silent": max(0, result["silent"] - lost),
                "right": figures.share(result),
                "crashes": len(re.findall(r"Sanitizer|runtime error|Assertion", log)),
                "rss": int(rss),
                "growth": int(statistics.median(samples.tenth(samples.rss, 9)) - rss),
                "in_use": tuple(int(statistics.median(samples.tenth(samples.fds, at)))
                                for at in (1, 9)),
                "p99": first, "p99_last": (last, first)}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: stopped"))
    seed = int(os.environ.get("SEED", "0")) or int(time.time())
    began, rig, soak = time.monotonic(), Rig(seed), Soak(IS_CUT)
    run.say("soak: %d s, after the cache is filled" % soak.seconds)
    try:
        figures.control(rig)
        values = soak.measure(rig, Watched)
    finally:
        rig.close()
    missed = run.table([(soak, {Watched.name: values})], [Watched])
    print("soak: %s%.0f s, SEED=%d, %s" % ("a cut, " if IS_CUT else "", time.monotonic() - began,
                                           seed, "%d missed" % missed if missed else "all met"))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
