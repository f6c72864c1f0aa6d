"""Questions while a crowd of a thousand HTTP clients that mean no good is at the pages (hostile.c), beside
questions while nobody is there, in turn.

Demanded is what the crowd may take of answers a second: a tenth. With two cores the crowd stands on the
load's, and gets only what the load leaves of it (SCHED_IDLE); still, what the system does for the crowd's
connections it does there and in between, so the rate that comes about tells of that core, too, and is
told, not demanded. Demanded is of answers to each second of processor time that the server spends, on
answers and pages alike, while as many questions wait as it can take: that is its rate when it is what
holds the load up, whoever else is at work on the machine. Where it is not held to its core, pages weigh more
beside fewer answers: the error is to the crowd's favour.

How long one answer takes is told at a rate far below that. The half is to be no longer than that of a
crowd which is as hostile to another server with pages, on the load's core: what is left between the two is ours. The
longest of a hundred have met a page while it was made: it is told."""

import json
import os
import signal
import subprocess
import tempfile
import time

import servers
from servers import LOAD_CORE, PROGRAMS, Process, Responder, on_core, sweep

WORKLOAD, PORT, CONNECTIONS = "W1", 8053, 1000
ROUNDS, RATE, WARM_UP = 3, 50000, 0.3   # rounds for each of the bench's times
DEMANDED = 0.90
LEAST_MADE = 100    # connections a second: fewer, and nobody was hostile
NOBODY, ELSEWHERE, HERE = "nobody", "at another server", "here"


def is_known():
    """Whether the program has pages."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("web = { enabled = true; };\n")
        file.flush()
        return subprocess.run([servers.Courierdns.program(), "check", "-c", file.name],
                              capture_output=True, check=False).returncode == 0


class Paged(servers.Courierdns):
    @property
    def more(self):
        return servers.Courierdns.more + (
            'web = { enabled = true; listen = "%s"; port = %d; };\n' % (self.address, PORT))


class Idle:
    """What is started meanwhile gets what others leave of the load's core."""

    def __enter__(self):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    def __exit__(self, *_):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Other(Paged):
    def start(self):
        with Idle():
            super().start()
        for thread in os.listdir("/proc/%d/task" % self.process.pid):
            os.sched_setaffinity(int(thread), {LOAD_CORE})


class Crowd:
    def __init__(self, server):
        self.began = time.monotonic()
        with on_core(LOAD_CORE), Idle():
            self.process = Process([os.path.join(PROGRAMS, "bench", "hostile"), "--server",
                                    "%s@%d" % (server.address, PORT), "--connections",
                                    str(CONNECTIONS)], subprocess.PIPE, None)

    def end(self):
        """Connections made a second."""
        seconds = time.monotonic() - self.began
        self.process.signal(signal.SIGTERM)
        said = self.process.popen.communicate(timeout=60)[0]
        self.process.end(0)
        if self.process.popen.returncode != 0:
            raise RuntimeError("the crowd failed")
        return json.loads(said)["made"] / seconds


def run(rig, server, target, workload, seconds):
    """{what: value}"""
    crowd = target and Crowd(target)
    time.sleep(WARM_UP)
    before = server.cpu()
    full = workload.run(rig, server, seconds, slice=seconds)["server"]
    spent = server.cpu() - before
    calm = workload.run(rig, server, seconds, slice=seconds, rate=RATE)["server"]
    return {"made": crowd.end() if crowd else 0, "rate": full["rate"],
            "speed": full["right"] / spent, "busy": spent / full["seconds"],
            "lost": full["lost"] + full["wrong"], "half": calm["p50_us"], "late": calm["p99_us"]}


def measure(rig, workloads, times, seconds, results):
    """Adds {"web": {whom the crowd is at: {what: median}}}."""
    workload = next(one for one in workloads if one.name == WORKLOAD)
    origin = Responder(rig, "origin", LOAD_CORE)
    server, other = Paged(rig, [origin]), Other(rig, [origin])
    sweep(rig, server, **workload.mix)
    values = {}
    for _ in range(times * ROUNDS):
        for whom, target in ((NOBODY, None), (ELSEWHERE, other), (HERE, server)):
            values.setdefault(whom, []).append(run(rig, server, target, workload, seconds))
    for one in (server, other):
        if not one.stop():
            raise RuntimeError("it ended by itself: %s" % one.log()[-2000:])
    origin.process.end()
    results["web"] = {whom: servers.medians(those) for whom, those in values.items()}


def ratios(results):
    """{what: (beside nobody, beside a crowd elsewhere)}; the larger, the better."""
    web = results["web"]
    here = web[HERE]
    return {what: tuple(here[what] / web[whom][what] if what in ("speed", "rate")
                        else web[whom][what] / here[what] for whom in (NOBODY, ELSEWHERE))
            for what in ("speed", "rate", "half", "late")}


def missed(results):
    """Why it is not what is demanded; none where it is."""
    here, (speed, _), (_, half) = results["web"][HERE], ratios(results)["speed"], ratios(results)["half"]
    why = []
    if here["made"] < LEAST_MADE:
        why.append("the crowd made %.0f connections a second: that is none" % here["made"])
    if speed < DEMANDED:
        why.append("of answers to a second of processor time %.2f are left, demanded %.2f" % (
            speed, DEMANDED))
    if half < DEMANDED:
        why.append("half of the answers take longer: 1 to %.2f, demanded %.2f" % (half, DEMANDED))
    return why
