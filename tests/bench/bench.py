"""Measures how fast and how large courierdns is, beside others and beside an echo server, which looks
nothing up and is the limit of this machine: each cell is a ratio to what the echo does in the same
seconds, slice by slice in turn. Servers and echo have one core, load and upstream another; each cell is
measured several times, in turn with the others, and the median is told. What a workload is: WORKLOADS. Fails
only where something does not run, and where pages over HTTP take more of the
answers than they may. Usage: see run.sh."""

import json
import os
import signal
import socket
import statistics
import sys
import time

import costs
import servers
import tables
import web
import workers
from servers import LOAD_CORE, PROGRAMS, SERVER_CORE, Bench, Responder, load, sweep

IS_QUICK = os.environ.get("QUICK", "") not in ("", "0")
TIMES, SECONDS = (1, 0.5) if IS_QUICK else (3, 1.0)
STARTS = 3 if IS_QUICK else 7
RATE, LATENCY_WORKLOADS = 20000, ("W1", "W3")
OTHERS = ("latency", "memory", "start", "workers", "web", "costs")


class Workload:
    def __init__(self, name, label, target, rehearsal=0.0, delay=(0, 0), **how):
        self.name, self.label, self.target, self.how = name, label, target, how
        self.rehearsal, self.delay = rehearsal, delay   # seconds before it counts; of the upstream

    @property
    def mix(self):
        return {key: self.how[key] for key in ("hot", "absent", "courier") if key in self.how}

    def ceiling(self):
        """Answers a second that so many at once allow, however fast the server is."""
        return 1000 * self.how["window"] / self.delay[0] if self.delay[0] else float("inf")

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
        "ceiling": workload.ceiling() / limit["rate"],
        "ratio": ours["rate"] / limit["rate"], "rate": ours["rate"], "echo": limit["rate"],
        "cpu": 1e6 * spent[0] / max(ours["right"] + ours["wrong"], 1),
        "echo_cpu": 1e6 * spent[1] / max(limit["right"], 1),
        "lost": 100 * (ours["lost"] + ours["wrong"]) / max(ours["asked"], 1),
        "upstream": spent[3] / max(ours["asked"], 1),
        "busy": (ours["cpu"] + spent[2]) / ours["seconds"],
        "echo_busy": limit["cpu"] / limit["seconds"],
    }


def cells(rig, echo, running, workloads):
    """{server's name: {workload's name: {what: median}}}"""
    values = {}
    for at in range(TIMES):
        for workload in workloads:
            for server, origin in running:
                value = cell(rig, echo, server, origin, workload)
                values.setdefault(server.name, {}).setdefault(workload.name, []).append(value)
                say("  %d of %d  %-4s %-11s %.3f of %9.0f/s, %6.2f us" % (
                    at + 1, TIMES, workload.name, server.name, value["ratio"], value["echo"],
                    value["cpu"]))
    return {name: {workload: servers.medians(those) for workload, those in by_workload.items()}
            for name, by_workload in values.items()}


def latencies(rig, echo, running):
    """{server's name: [(median, 99 of 100) in us, of each workload]}, the echo among the servers."""
    values = {}
    workloads = [workload for workload in WORKLOADS if workload.name in LATENCY_WORKLOADS]
    for _ in range(TIMES):
        for workload in workloads:
            for server, _ in running:
                sweep(rig, server, **workload.mix)
                result = workload.run(rig, server, SECONDS, echo=echo, rate=RATE)
                for name, one in ((server.name, result["server"]), (tables.ECHO, result["echo"])):
                    values.setdefault(name, {}).setdefault(workload.name, []).append(
                        (one["p50_us"], one["p99_us"]))
    return {name: [[statistics.median(one) for one in zip(*by_workload[which])]
                   for which in LATENCY_WORKLOADS] for name, by_workload in values.items()}


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
    return servers.peers.wanted("bench", named, servers.OURS, servers.PEERS, say)


def measure_together(rig, kinds, workloads, is_late, results):
    """What all servers are measured for in turn."""
    echo = Responder(rig, "echo", SERVER_CORE)
    running = []
    for kind in kinds:
        origin = Responder(rig, "origin", LOAD_CORE)
        running.append((kind(rig, [origin]), origin))
    if workloads:
        results["workloads"] = sorted(workload.name for workload in workloads)
        results["labels"] = {workload.name: workload.label for workload in workloads}
        results["targets"] = {workload.name: workload.target for workload in workloads}
        results["cells"] = cells(rig, echo, running, workloads)
        tables.show_cells(results)
    if is_late:
        results["latency_workloads"], results["rate"] = LATENCY_WORKLOADS, RATE
        results["latency"] = latencies(rig, echo, running)
        tables.show_latency(results)
    for server, origin in running:
        if not server.stop():
            raise RuntimeError("%s ended by itself: %s" % (server.name, server.log()[-2000:]))
        origin.process.end()
    echo.process.end()


def measure_alone(rig, kinds, others, results):
    if "memory" in others:
        results["memory"] = {kind.name: memory_of(rig, kind) for kind in kinds}
        results["crowd"] = crowd_of(rig)
        tables.show_memory(results)
    if "start" in others:
        results["start"] = {kind.name: start_of(rig, kind) for kind in kinds}
        tables.show_start(results)
    if "workers" in others:
        workers.measure(rig, WORKLOADS, TIMES, SECONDS, results)
        tables.show_workers(results)
    if "web" in others and web.is_known():
        web.measure(rig, WORKLOADS, TIMES, SECONDS, results)
        results["web_ratios"], results["web_missed"] = web.ratios(results), web.missed(results)
        tables.show_web(results)
    if "costs" in others:
        results["costs"], results["costs_targets"] = costs.measure(rig), costs.TARGETS_TOLD
        print()
        costs.show(results["costs"], costs.read_recorded())


def keep(results):
    path = os.path.join(PROGRAMS, "bench", "results.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: stopped"))
    workloads, others = chosen()
    began, kinds, rig = time.monotonic(), kinds_wanted(), Bench()
    busy = os.getloadavg()[0]
    results = {"servers": [kind.name for kind in kinds],
               "versions": ["%s %s" % (kind.name, kind.version()) for kind in kinds]}
    print("bench: %s; server on core %d, load on core %d%s" % (
        ", ".join(results["versions"]), SERVER_CORE, LOAD_CORE,
        "" if SERVER_CORE != LOAD_CORE else ", which is the same: ratios say little"))
    try:
        if workloads or "latency" in others:
            measure_together(rig, kinds, workloads, "latency" in others, results)
        measure_alone(rig, kinds, others, results)
    finally:
        rig.close()
    below = tables.missed(results) if workloads else []
    results["said"] = "%s%.0f s, load %.1f when it began" % (
        "quick, " if IS_QUICK else "", time.monotonic() - began, busy)
    keep(results)
    print("\nbench: %s; below its target: %s" % (results["said"], " ".join(below) or "none"))
    if busy > tables.BUSY:
        print("bench: others were at work here, too: what stands above is not what a calm machine says")
    if results.get("web_missed"):
        sys.exit(1)


if __name__ == "__main__":
    main()
