"""The figures: what is done to a server, what is measured, and what is demanded of it."""

import contextlib
import errno
import functools
import math
import socket
import struct
import time

import cgroup
from rig import HARD, WAIT, Load, Upstream

SILENT = math.inf   # where no time can be told, as no answer came
MANY = 32           # addresses of clients where one address would meet its share of the limits


class Time(float):
    """Seconds, measured while the machine was late by `lag` seconds one time in a hundred."""

    def __new__(cls, value, result):
        time_taken = super().__new__(cls, value)
        time_taken.lag = result["lag"]
        return time_taken


class Row:
    """A line of the table. `met` tells whether a value is what is demanded; without it the value is
    only told."""

    def __init__(self, key, label, demand="", met=None, show=str):
        self.key, self.label, self.demand, self.met, self.show = key, label, demand, met, show
        self.limit = None   # of a time, before what a busy machine is allowed


def percent(value):
    return "%.2f %%" % value


def seconds(value):
    if value == SILENT:
        return "never"
    return "%.2f s" % value if value >= 0.1 else "%.1f ms" % (1000 * value)


def at_least(key, label, share, names=None):
    """So many per cent. With `names`, the number of a cut, what chance takes from so few is allowed
    for (three standard deviations)."""
    demand = share
    if names:
        demand -= 100 * 3 * math.sqrt(share / 100 * (1 - share / 100) / names)
    return Row(key, label, ">= %s" % percent(demand), lambda value: value >= demand, percent)


def allowance(value):
    """What a busy machine may add: the client, the server and the upstream may each be late."""
    return 3 * getattr(value, "lag", 0.0)


def at_most(key, label, limit):
    row = Row(key, label, "<= %s" % seconds(limit),
              lambda value: value <= limit + allowance(value), seconds)
    row.limit = limit
    return row


def none(key, label):
    return Row(key, label, "0", lambda value: value == 0)


def told(key, label, show=str):
    return Row(key, label, show=show)


class Figure:
    """`calm` names figures that wait more than they work: neighbours with the same word go on at
    once, and for all servers at once."""

    name, calm = "", None
    cut, full = {}, {}      # what is smaller in a cut

    def __init__(self, is_cut):
        self.is_cut, self.size = is_cut, self.cut if is_cut else self.full

    def rows(self):
        raise NotImplementedError

    def measure(self, rig, kind):
        """{row's key: value} for a server of that kind (peers.py)."""
        raise NotImplementedError


@contextlib.contextmanager
def running(rig, kind, *upstreams, counts_dropped=True, **how):
    """A server in front of these; all are ended afterwards."""
    server = None
    try:
        server = kind(rig, upstreams, **how)
        yield server
        if counts_dropped:
            rig.note_dropped(server)
        if not server.stop():
            raise RuntimeError("%s ended by itself: %s" % (kind.name, server.log()[-2000:]))
    finally:
        if server is not None:
            server.process.end()
        for up in upstreams:
            up.process.end()


def share(result, verdict="right"):
    return 100.0 * result[verdict] / max(result["asked"], 1)


def false(result):
    return result["wrong"] + result["empty"]


# --- what it is measured with ---------------------------------------------------------------

def control(rig):
    """The load client asks the upstream itself, without a server between: each must see what the
    other does. Whoever cannot see a fault finds none."""
    for _ in range(3):      # a busy machine makes answers late that were not meant to be
        up = Upstream(rig, **MIX)
        up.name = "upstream"
        result = Load(rig, up, window=400, count=4000, wait=0.5).result(False)
        counts = up.close()
        spoilt = counts["wrong-name"] + counts["cut"]
        unseen = counts["drop"] + counts["wrong-id"] + counts["late"]
        seen = {"wrong": spoilt, "servfail": counts["servfail"], "silent": unseen, "empty": 0,
                "right": result["asked"] - spoilt - counts["servfail"] - unseen}
        if spoilt and all(result[verdict] == count for verdict, count in seen.items()):
            return
    raise RuntimeError("the load client saw %s, the upstream did %s" % (result, counts))


# --- answers that are lost or spoilt --------------------------------------------------------

class Loss(Figure):
    """30 % of datagrams are lost on their way; names nobody asked before, 50 at a time."""

    name, calm, upstreams, has_tcp, demand, window = "L1", "loss", 1, True, 99.9, 50
    title = "30 % loss"
    cut, full = {"names": 3000}, {"names": 10000}

    def rows(self):
        names = self.size["names"] if self.is_cut else None
        rows = [at_least("right", self.title + ": right", self.demand, names),
                none("wrong", "wrong or falsely empty")]
        if self.has_tcp:
            rows += [at_most("p95", "95 of 100 within", 1.0),
                     at_most("p99", "99 of 100 within", 2.0)]
        return rows

    def measure(self, rig, kind):
        ups = [Upstream(rig, drop=30, no_tcp=not self.has_tcp) for _ in range(self.upstreams)]
        with running(rig, kind, *ups) as server:
            result = Load(rig, server, window=self.window, count=self.size["names"],
                          seconds=400).result()
        return {"right": share(result), "wrong": false(result), "p95": Time(result["p95"], result),
                "p99": Time(result["p99"], result)}


class LossWithoutTcp(Loss):
    name, has_tcp, demand = "L1b", False, 96.5
    title = "30 % loss, TCP closed"


class LossOfTwo(Loss):
    """Six sends at 30 % lose 7 in 10,000: many names, so that chance does not decide."""

    name, upstreams, has_tcp, demand, window = "L1c", 2, False, 99.9, 200
    full = {"names": 100000}
    title = "30 % loss, TCP closed, two servers"


MIX = {"drop": 30, "double": 5, "wrong_id": 5, "wrong_name": 5, "truncate": 5, "late": 5,
       "servfail": 5, "cut": 3}


class Mixed(Figure):
    name, calm = "L2", "mix"
    cut, full = {"names": 5000}, {"names": 100000}

    def rows(self):
        return [at_least("right", "eight faults mixed: right", 99.5,
                         self.size["names"] if self.is_cut else None),
                none("wrong", "wrong"), none("empty", "falsely empty"),
                told("servfail", "SERVFAIL or refused", percent)]

    def measure(self, rig, kind):
        up = Upstream(rig, **MIX)
        with running(rig, kind, up) as server:
            result = Load(rig, server, window=400, sources=8, count=self.size["names"],
                          seconds=400).result()
        return {"right": share(result), "wrong": result["wrong"], "empty": result["empty"],
                "servfail": share(result, "servfail") + share(result, "refused")}


# --- too much -------------------------------------------------------------------------------

class Overload(Figure):
    """Names nobody asked before, three times as many as were answered at best. What is kept is
    reckoned by the time in which the machine let the server run: the load client and the upstream
    take more of the processors then, and others may too."""

    name = "L3"
    cut, full = {"seconds": 6, "peak": 2}, {"seconds": 60, "peak": 5}

    def rows(self):
        return [told("peak", "saturation, answers a second", "{:,.0f}".format),
                told("offered", "overload: offered", "{:.1f} x".format),
                at_least("kept", "right, of the saturation", 80.0),
                told("before", "99 of 100 within, before", seconds),
                Row("after", "99 of 100 within, 1 s after", "before + 10 ms",
                    lambda value: value[0] <= value[1] + 0.010 + allowance(value[0]),
                    lambda value: seconds(value[0]))]

    @staticmethod
    def answered(server, load, lasts):
        """(right answers a second, and a second in which the machine let the server run)."""
        waited = server.waited()
        right = load.result(False)["right"]
        waited = min(server.waited() - waited, 0.9 * lasts)
        return right / lasts, right / (lasts - waited)

    def measure(self, rig, kind):
        with running(rig, kind, Upstream(rig), counts_dropped=False) as server:
            before = Load(rig, server, rate=100, seconds=3).result()["p99"]
            peak, lasts = (0, 0), self.size["peak"]
            for window in (128, 512):
                load = Load(rig, server, window=window, sources=MANY, seconds=lasts)
                peak = max(peak, self.answered(server, load, lasts))
            lasts = self.size["seconds"]
            flood = Load(rig, server, rate=3 * peak[0], sources=MANY, seconds=lasts)
            ends, waited = time.monotonic() + lasts, server.waited()
            time.sleep(lasts)
            waited = min(server.waited() - waited, 0.9 * lasts)
            after = Load(rig, server, rate=100, seconds=4, trace=True).result(False)
            result = flood.result(False)
        took = sorted(took for asked, took, _ in after["trace"] if asked >= ends + 1)
        return {"peak": peak[0], "offered": result["asked"] / lasts / peak[0],
                "kept": 100.0 * result["right"] / (lasts - waited) / peak[1], "before": before,
                "after": (Time(took[int(len(took) * 0.99)], after), before)}


class Torture(Figure):
    """Random names of a zone whose server is silent, from many addresses, beside two ordinary
    clients."""

    name, flood = "L5", 5000
    cut, full = {"seconds": 12}, {"seconds": 60}

    def rows(self):
        return [at_least("cached", "dead zone flooded: cached names right", 100.0),
                at_most("cached_p99", "99 of 100 of them within", 0.010),
                at_least("healthy", "names of other zones right", 99.0),
                told("healthy_p99", "99 of 100 of them within", seconds),
                told("sent", "questions a second to the dead zone", "{:,.0f}".format),
                # a full cache and 4,096 questions in flight
                Row("rss", "resident memory", "<= 28,000 kB", lambda value: value <= 28000,
                    "{:,d} kB".format)]

    def measure(self, rig, kind, **how):
        up, lasts, hot = Upstream(rig, deaf_zone="victim.example"), self.size["seconds"], 50
        with running(rig, kind, up, **how) as server:
            tag = rig.next_tag()
            Load(rig, server, tag=tag, repeat=hot, count=hot, window=10).result()
            loads = [Load(rig, server, rate=self.flood, seconds=lasts, sources=20,
                          zone="victim.example"),
                     Load(rig, server, rate=100, seconds=lasts),
                     Load(rig, server, rate=100, seconds=lasts, tag=tag, repeat=hot)]
            rss, ends = 0, time.monotonic() + lasts
            while time.monotonic() < ends:
                time.sleep(0.5)
                rss = max(rss, server.rss())
            _, healthy, cached = (load.result() for load in loads)
            sent = up.close()["deaf_zone"] / lasts
        return {"cached": share(cached), "cached_p99": Time(cached["p99"], cached),
                "healthy": share(healthy), "healthy_p99": healthy["p99"], "sent": sent, "rss": rss}


class Narrow(Torture):
    """The same with so much memory and no more, courierdns as a router has it. Where no control group can be
    made, nothing is demanded."""

    name, megabytes = "L12", 32

    @staticmethod
    @functools.lru_cache(None)
    def can_be():
        return cgroup.is_here()

    def rows(self):
        if not self.can_be():
            return [told("none", "%d MB of memory: wants root, and control groups" % self.megabytes)]
        return [at_least("cached", "the same in %d MB of memory: cached" % self.megabytes, 100.0),
                at_least("healthy", "names of other zones right", 99.0),
                none("killed", "ended for want of memory"),
                told("highest", "in use at most, the system's share too", "{:,d} kB".format),
                Row("rss", "resident memory", "<= 10,000 kB", lambda value: value <= 10000,
                    "{:,d} kB".format)]

    def measure(self, rig, kind):
        if not self.can_be():
            return {}
        group = cgroup.Group(self.megabytes)
        try:
            values = super().measure(rig, kind.on_a_router(), group=group)
            return {**values, "killed": group.killed(), "highest": group.highest()}
        finally:
            group.close()


# --- TCP ------------------------------------------------------------------------------------

RESET = struct.pack("ii", 1, 0)


@contextlib.contextmanager
def connections(rig, server, count):
    """So many at the same time, 32 of each address, which say nothing; reset at the end."""
    socks, sources = [], -(-count // 32)
    first = rig.addresses(sources)
    host = struct.unpack("!I", socket.inet_aton(first))[0]
    try:
        for at in range(count):
            sock = socket.socket()
            socks.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.bind((socket.inet_ntoa(struct.pack("!I", host + at % sources)), 0))
            if sock.connect_ex((server.address, server.port)) not in (0, errno.EINPROGRESS):
                raise RuntimeError("no socket for connection %d" % at)
        yield
    finally:
        for sock in socks:
            sock.close()


def ask_by_tcp(rig, server):
    """Seconds that one question takes on a new connection."""
    result = Load(rig, server, window=1, count=1, tcp=True).result(False)
    return Time(result["max"] if result["right"] else SILENT, result)


class Connects(Figure):
    name = "L13"
    cut, full = {"rounds": 3, "connections": 2000}, {"rounds": 10, "connections": 10000}

    def rows(self):
        rounds = self.size["rounds"]
        return [Row("rounds", "%d x %s connections: survived" % (
                    rounds, format(self.count(), ",d")), str(rounds),
                    lambda value: value == rounds),
                at_most("after", "a question over TCP after each", 1.0)]

    def count(self):
        return min(self.size["connections"], HARD - 500)

    def measure(self, rig, kind):
        values = {"rounds": 0, "after": 0.0}
        with running(rig, kind, Upstream(rig)) as server:
            for _ in range(self.size["rounds"]):
                with connections(rig, server, self.count()):
                    time.sleep(0.5)
                took = ask_by_tcp(rig, server)
                values["rounds"] += took < SILENT
                values["after"] = max(values["after"], took)
        return values


class Hogs(Figure):
    name = "L13"

    def rows(self):
        return [at_most("hogs", "400 idle connections: a question over TCP", 1.0)]

    def measure(self, rig, kind):
        with running(rig, kind, Upstream(rig)) as server:
            with connections(rig, server, 400):
                time.sleep(0.5)
                return {"hogs": ask_by_tcp(rig, server)}


class Descriptors(Figure):
    name = "L13"
    cut, full = {"seconds": 3}, {"seconds": 10}

    def rows(self):
        return [Row("cpu", "256 descriptors, 400 connections: processor", "< 20 %",
                    lambda value: value < 20, "{:.1f} %".format),
                told("served", "right over UDP meanwhile", percent)]

    def measure(self, rig, kind):
        with running(rig, kind, Upstream(rig), nofile=256) as server:
            with connections(rig, server, 400):
                time.sleep(0.5)
                before, began = server.cpu(), time.monotonic()
                served = Load(rig, server, rate=10, seconds=self.size["seconds"]).result(False)
                used = (server.cpu() - before) / (time.monotonic() - began)
        return {"cpu": 100 * used, "served": share(served)}


# --- recovery -------------------------------------------------------------------------------

def first_right(result, since):
    """Seconds from then to the first right answer to anything."""
    times = [asked + took - since for asked, took, verdict in result["trace"] if verdict == "right"]
    return Time(min((after for after in times if after > 0), default=SILENT), result)


class Back(Figure):
    """The only server goes away while one client asks ten names a second, and comes back."""

    name, calm = "L15", "recovery"
    cut, full = {"away": 4, "watched": 3}, {"away": 10, "watched": 6}

    def rows(self):
        return [at_most("closed", "server closed, then back: answered after", 2.0),
                at_most("silent", "server silent, then back: answered after", 2.0)]

    def measure(self, rig, kind):
        up, values, away = Upstream(rig), {}, self.size["away"]
        lasts = 0.5 + away + self.size["watched"]
        with running(rig, kind, up) as server:
            Load(rig, server, window=4, count=200).result()
            for how in ("closed", "silent"):
                load = Load(rig, server, rate=10, seconds=lasts, trace=True)
                time.sleep(0.5)
                if how == "closed":
                    up.close()
                else:
                    up.deaf(True)
                time.sleep(away)
                if how == "closed":
                    up.open()
                else:
                    up.deaf(False)
                returned = time.monotonic()
                values[how] = first_right(load.result(), returned)
        return values


class Failover(Figure):
    """The faster one of two servers falls silent; names are asked one after the other."""

    name, calm = "L15", "recovery"

    def rows(self):
        return [at_most("first", "failover: the slowest question", 1.0),
                at_most("later", "failover: the slowest of the last 50 of 100", 0.050)]

    def measure(self, rig, kind):
        fast, slow = Upstream(rig), Upstream(rig, delay_ms=5)
        with running(rig, kind, fast, slow) as server:
            Load(rig, server, window=4, count=300).result()
            fast.deaf(True)
            result = Load(rig, server, window=1, count=100, seconds=60, trace=True).result()
        took = [took if verdict == "right" else SILENT for _, took, verdict in result["trace"]]
        return {"first": Time(max(took), result),
                "later": Time(max(took[50:], default=SILENT), result)}


class Restart(Figure):
    name = "L15"

    def rows(self):
        return [at_most("restart", "stopped and started: answered after", 0.300)]

    def measure(self, rig, kind):
        with running(rig, kind, Upstream(rig)) as server:
            load = Load(rig, server, rate=500, seconds=3, wait=0.5, trace=True)
            time.sleep(0.5)
            began = time.monotonic()
            server.process.end()
            ended = time.monotonic()
            server.start()
            result = load.result(False)
        result["trace"] = [one for one in result["trace"] if one[0] >= ended]
        return {"restart": first_right(result, began)}


class Reload(Figure):
    name = "L15"
    cut, full = {"reloads": 6}, {"reloads": 60}

    def rows(self):
        return [none("lost", "a reload each second: lost of 1,000 a second")]

    def measure(self, rig, kind):
        with running(rig, kind, Upstream(rig)) as server:
            load = Load(rig, server, rate=1000, seconds=self.size["reloads"])
            for _ in range(self.size["reloads"] - 1):
                time.sleep(1)
                server.reload()
            result = load.result()
        return {"lost": result["asked"] - result["right"]}


class Address(Figure):
    """Needs a network of its own: the functional tests have it."""

    name = "L15"

    def rows(self):
        return [told("address", "the network's address changes: see make functional")]

    def measure(self, rig, kind):
        return {}


# --- and for all of them --------------------------------------------------------------------

class Prompt(Figure):
    """What the clients of all figures above waited for in vain; overload apart, where the system
    throws datagrams away before the server sees them."""

    name = "L16"

    def rows(self):
        return [told("asked", "questions of the figures above", "{:,d}".format),
                told("dropped", "thrown away by the system unseen", "{:,d}".format),
                none("silent", "others without a reply after %.1f s" % WAIT),
                told("slowest", "the slowest reply", seconds)]

    def measure(self, rig, kind):
        dropped = rig.dropped.get(kind.name, 0)
        return {"asked": rig.asked.get(kind.name, 0), "dropped": dropped,
                "silent": max(rig.silence.get(kind.name, 0) - dropped, 0),
                "slowest": rig.slowest.get(kind.name, 0.0)}


FIGURES = (Loss, LossWithoutTcp, LossOfTwo, Mixed, Overload, Torture, Narrow, Connects, Hogs,
           Descriptors, Back, Failover, Restart, Reload, Address, Prompt)
