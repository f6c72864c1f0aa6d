"""Measures how fast and how large courierdns is, beside others and beside an echo server, which looks
nothing up and is the limit of this machine: each cell is a ratio to what the echo does in the same
seconds, slice by slice in turn. Servers and echo have one core, load and upstream another; each cell is
measured several times, in turn with the others, and the median is told. What a workload is: WORKLOADS. Fails
only where something does not run. Usage: see run.sh."""

import os
import signal
import socket
import statistics
import sys
import time

import costs
import servers
from servers import LOAD_CORE, SERVER_CORE, Bench, Responder, load, sweep

IS_QUICK = os.environ.get("QUICK", "") not in ("", "0")
TIMES, SECONDS = (1, 0.5) if IS_QUICK else (3, 1.0)
STARTS = 3 if IS_QUICK else 7
RATE, LATENCY_WORKLOADS = 20000, ("W1", "W3")
OTHERS = ("latency", "memory", "start", "costs")
BUSY = 0.95     # more than that and the load is what is measured


class Workload:
    def __init__(self, name, label, target, rehearsal=0.0, delay=(0, 0), **how):
        self.name, self.label, self.target, self.how = name, label, target, how
        self.rehearsal, self.delay = rehearsal, delay   # seconds before it counts; of the upstream

    @property
    def mix(self):
        return {key: self.how[key] for key in ("hot", "absent", "courier") if key in self.how}

    def run(self, rig, server, seconds, **more):
        how = {**self.how, **more}
        how.setdefault("slice", seconds / 10)
        if self.how.get("fresh"):
            how["first"] = server.next_fresh
        result = load(rig, server, seconds=seconds, **how)
        if self.how.get("fresh"):
            server.next_fresh = result["next"]
        return result


# Those that fill caches with names that nobody asks again stand at the end.
WORKLOADS = [
    Workload("W1", "cached, 1,000 names", 0.95, hot=1000),
    Workload("W6", "the courier's alias, cached", 0.95, courier=100),
    Workload("W2", "cached, 100,000 names", 0.90, hot=100000),
    Workload("W3", "100,000 names by Zipf, 10 % new ones, 5 % NXDOMAIN, 2 % courier", 0.75,
             hot=100000, zipf=True, fresh=10, absent=5, courier=2),
    # twelve: more, and the echo has next to nothing to do for one
    Workload("W7a", "TCP, 8 connections with 12 questions each", 0.40, 0.3,
             hot=1000, tcp=True, lanes=8, window=96),
    Workload("W7b", "TCP, a connection for each question, 16 at once", 1.0, 0.3,
             hot=1000, each=True, lanes=16, window=16),
    Workload("W4", "all new, upstream 0 ms", 0.45, fresh=100),
    Workload("W5", "all new, upstream 20 ms and 1 % lost, 2,000 at once", 0.30, 1.0, (20, 1),
             fresh=100, lanes=16, window=2000, wait=6),
]


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- cells ------------------------------------------------------------------------------------

def cell(rig, echo, server, origin, workload):
    """One measurement: {what: value}."""
    if not workload.delay[0] and workload.mix:
        sweep(rig, server, **workload.mix)
    origin.order(*workload.delay)
    seconds = 2 * SECONDS if workload.delay[0] else SECONDS
    slices = {"slice": seconds} if workload.delay[0] else {}
    if workload.rehearsal:
        workload.run(rig, server, workload.rehearsal, **slices)
    before = server.cpu(), echo.cpu(), origin.cpu(), origin.asked()
    result = workload.run(rig, server, seconds, echo=echo, **slices)
    after = server.cpu(), echo.cpu(), origin.cpu(), origin.asked()
    origin.order()
    spent = [now - then for now, then in zip(after, before)]
    ours, limit = result["server"], result["echo"]
    return {
        "ratio": ours["rate"] / limit["rate"], "rate": ours["rate"], "echo": limit["rate"],
        "cpu": 1e6 * spent[0] / max(ours["right"] + ours["wrong"], 1),
        "echo_cpu": 1e6 * spent[1] / max(limit["right"], 1),
        "lost": 100 * (ours["lost"] + ours["wrong"]) / max(ours["asked"], 1),
        "upstream": spent[3] / max(ours["asked"], 1),
        "busy": (ours["cpu"] + spent[2]) / ours["seconds"],
        "echo_busy": limit["cpu"] / limit["seconds"],
    }


def cells(rig, echo, running, workloads):
    """{(server's name, workload's name): {what: median}}"""
    values = {}
    for at in range(TIMES):
        for workload in workloads:
            for server, origin in running:
                value = cell(rig, echo, server, origin, workload)
                values.setdefault((server.name, workload.name), []).append(value)
                say("  %d of %d  %-4s %-11s %.3f of %9.0f/s, %6.2f us" % (
                    at + 1, TIMES, workload.name, server.name, value["ratio"], value["echo"],
                    value["cpu"]))
    return {key: {what: statistics.median(one[what] for one in those) for what in those[0]}
            for key, those in values.items()}


def latencies(rig, echo, running, workloads):
    """{(server's name, workload's name): (median, 99 of 100) in us}, the echo among the servers."""
    values = {}
    for at in range(TIMES):
        for workload in workloads:
            for server, _ in running:
                sweep(rig, server, **workload.mix)
                result = workload.run(rig, server, SECONDS, echo=echo, rate=RATE)
                for name, one in ((server.name, result["server"]), ("echo", result["echo"])):
                    values.setdefault((name, workload.name), []).append(
                        (one["p50_us"], one["p99_us"]))
    return {key: tuple(statistics.median(one) for one in zip(*those))
            for key, those in values.items()}


# --- one by one -------------------------------------------------------------------------------

def memory_of(rig, kind):
    """MB: resident and anonymous when idle; resident with 100,000 names and with 200,000."""
    origin = Responder(rig, "origin", LOAD_CORE)
    server = kind(rig, [origin])
    try:
        time.sleep(0.5)
        idle, anonymous = server.memory()
        values = [idle, anonymous]
        for names in (100000, 200000):
            came = sweep(rig, server, hot=names)
            values.append(server.memory()[0] if came["right"] > 0.99 * names else None)
        return values
    finally:
        server.process.end()
        origin.process.end()


def crowd_of(rig):
    """MB of ours with 10,000 TCP clients, each of which has asked once and stays."""
    origin = Responder(rig, "origin", LOAD_CORE)
    server = servers.Crowded(rig, [origin])
    clients = []
    try:
        for _ in range(server.CLIENTS):
            clients.append(socket.create_connection((server.address, server.port), 10))
            clients[-1].sendall(bytes([0, len(servers.READY)]) + servers.READY)
            if not clients[-1].recv(512):
                raise RuntimeError("client %d was not served" % len(clients))
        return server.memory()[0]
    finally:
        for client in clients:
            client.close()
        server.process.end()
        origin.process.end()


def start_of(rig, kind):
    """Milliseconds from exec to the first answer."""
    origin = Responder(rig, "origin", LOAD_CORE)
    values = []
    for _ in range(STARTS):
        server = kind(rig, [origin])
        values.append(server.first_ms)
        server.process.end()
    origin.process.end()
    return statistics.median(values)


# --- tables -----------------------------------------------------------------------------------

def table(title, heads, rows):
    lines = [[title] + list(heads)] + [[name] + list(row) for name, row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    print()
    for line in lines:
        print("  ".join(text.ljust(width) if at == 0 else text.rjust(width)
                        for at, (text, width) in enumerate(zip(line, widths))).rstrip())


def in_order(workloads):
    return sorted(workloads, key=lambda workload: workload.name)


def show_cells(kinds, workloads, values):
    workloads = in_order(workloads)

    def row(kind, text):
        return kind.name, [text(values[kind.name, workload.name]) for workload in workloads]

    def ours(text):
        return [text(values[servers.OURS.name, workload.name]) for workload in workloads]

    heads = [workload.name for workload in workloads]
    table("answers a second, of the echo's", heads,
          [row(kind, lambda value: "%.2f" % value["ratio"]) for kind in kinds]
          + [("target for courierdns", ["%.2f" % workload.target for workload in workloads]),
             ("the echo, a second", ours(lambda value: "%.0f" % value["echo"]))])
    table("processor time of an answer, us", heads,
          [row(kind, lambda value: "%.2f" % value["cpu"]) for kind in kinds]
          + [("the echo", ours(lambda value: "%.2f" % value["echo_cpu"]))])
    table("not answered rightly, %", heads,
          [row(kind, lambda value: "%.2f" % value["lost"]) for kind in kinds])
    table("questions to upstream for one", heads,
          [row(kind, lambda value: "%.3f" % value["upstream"]) for kind in kinds])
    table("load core busy with load and upstream, %", heads,
          [row(kind, lambda value: "%.0f%s" % (100 * value["busy"],
                                               "!" if value["busy"] > BUSY else ""))
           for kind in kinds]
          + [("the echo", ours(lambda value: "%.0f" % (100 * value["echo_busy"])))])
    print()
    for workload in workloads:
        print("  %-4s %s" % (workload.name, workload.label))
    return [workload.name for workload in workloads
            if values[servers.OURS.name, workload.name]["ratio"] < workload.target]


def show_latencies(kinds, workloads, values):
    names = [kind.name for kind in kinds] + ["echo"]
    table("at %s questions a second, us" % format(RATE, ","),
          [head for workload in workloads for head in (workload.name + " half",
                                                       "99 of 100")],
          [(name, ["%.0f" % one for workload in workloads for one in values[name, workload.name]])
           for name in names])


def megabytes(value):
    return "-" if value is None else "%.1f" % value


# --- the whole --------------------------------------------------------------------------------

def chosen():
    """(workloads, others of ONLY)"""
    only = os.environ.get("ONLY", "").replace(",", " ").split()
    known = [workload.name for workload in WORKLOADS] + list(OTHERS)
    if set(only) - set(known):
        sys.exit("bench: ONLY is some of %s" % " ".join(known))
    return ([workload for workload in WORKLOADS if not only or workload.name in only],
            [name for name in OTHERS if not only or name in only])


def kinds_wanted():
    named = os.environ.get("PEERS", "") or ("none" if IS_QUICK else " ".join(servers.PEERS))
    kinds = [servers.OURS]
    for name in named.replace(",", " ").split():
        if name == "none":
            continue
        if name not in servers.PEERS:
            sys.exit("bench: PEERS are some of %s, or none" % " ".join(servers.PEERS))
        if servers.PEERS[name].version() is None:
            say("bench: %s is not installed" % name)
        else:
            kinds.append(servers.PEERS[name])
    return kinds


def measure_together(rig, kinds, workloads, is_late):
    """What all servers are measured for in turn. Names of targets that were missed."""
    echo, missed = Responder(rig, "echo", SERVER_CORE), []
    running = []
    for kind in kinds:
        origin = Responder(rig, "origin", LOAD_CORE)
        running.append((kind(rig, [origin]), origin))
    if workloads:
        missed = show_cells(kinds, workloads, cells(rig, echo, running, workloads))
    if is_late:
        those = [workload for workload in WORKLOADS if workload.name in LATENCY_WORKLOADS]
        show_latencies(kinds, those, latencies(rig, echo, running, those))
    for server, origin in running:
        if not server.stop():
            raise RuntimeError("%s ended by itself: %s" % (server.name, server.log()[-2000:]))
        origin.process.end()
    echo.process.end()
    return missed


def measure_alone(rig, kinds, others):
    if "memory" in others:
        table("memory, MB", ["idle", "anonymous", "100,000 names", "200,000 names"],
              [(kind.name, map(megabytes, memory_of(rig, kind))) for kind in kinds]
              + [("target for courierdns", ["4.8", "1.0", "22.0", "40.0"])])
        table("with 10,000 idle TCP clients, MB", ["resident"],
              [(servers.OURS.name, [megabytes(crowd_of(rig))]),
               ("target for courierdns", ["40.0"])])
    if "start" in others:
        table("from exec to the first answer", ["ms"],
              [(kind.name, ["%.1f" % start_of(rig, kind)]) for kind in kinds]
              + [("target for courierdns", ["20.0"])])
    if "costs" in others:
        values = costs.measure(rig)
        print()
        costs.show(values, costs.read_recorded())


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: stopped"))
    workloads, others = chosen()
    began, kinds, rig = time.monotonic(), kinds_wanted(), Bench()
    missed, busy = [], os.getloadavg()[0]
    print("bench: %s; server on core %d, load on core %d%s" % (
        ", ".join("%s %s" % (kind.name, kind.version()) for kind in kinds), SERVER_CORE, LOAD_CORE,
        "" if SERVER_CORE != LOAD_CORE else ", which is the same: ratios say little"))
    try:
        if workloads or "latency" in others:
            missed = measure_together(rig, kinds, workloads, "latency" in others)
        measure_alone(rig, kinds, others)
    finally:
        rig.close()
    print("\nbench: %s%.0f s, load %.1f when it began; below its target: %s" % (
        "quick, " if IS_QUICK else "", time.monotonic() - began, busy,
        " ".join(missed) or "none"))
    if busy > BUSY:
        print("bench: others were at work here, too: what stands above is not what a calm machine says")


if __name__ == "__main__":
    main()
