"""Two workers of courierdns beside one: the same questions to both, in turn. Where servers' cores, load and
upstream each have one (four), what is measured is what two give. Where they have not, as on a machine of
two cores, the rate says little, but processor time still tells what workers cost one another (locks, caches
that go to and fro): two give as many times what one does as an answer costs less than twice."""

import os
import subprocess
import tempfile

import servers
from servers import CORES, LOAD_CORE, Responder, sweep

COUNT, CORES_WANTED = 2, 4
WORKLOADS = ("W1", "W4")
LANES, WINDOW = 16, 128     # for each worker. A socket of the load is one worker's: so many are spread evenly
IS_FREE = len(CORES) >= CORES_WANTED


def core(at):
    """Those of the servers first; the last two are the load's and the upstream's."""
    return CORES[at % len(CORES)]


class Workers(servers.Courierdns):
    """On as many cores as it has workers."""

    count = 1

    @property
    def more(self):
        return "workers = %d;\n" % self.count + servers.Courierdns.more

    def start(self):
        super().start()
        cores = {core(at) for at in range(COUNT)}
        for thread in os.listdir("/proc/%d/task" % self.process.pid):
            os.sched_setaffinity(int(thread), cores)

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.process.pid))


class Two(Workers):
    count = COUNT


def is_known():
    """Whether the program has workers."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("workers = %d;\n" % COUNT)
        file.flush()
        return subprocess.run([Workers.program(), "check", "-c", file.name], capture_output=True,
                              check=False).returncode == 0


def run(rig, server, echo, workload, seconds):
    """{what: value}"""
    if workload.mix:
        sweep(rig, server, **workload.mix)
    before = server.cpu()
    result = workload.run(rig, server, seconds, echo=echo, lanes=LANES * server.count,
                          window=WINDOW * server.count)
    ours = result["server"]
    spent = server.cpu() - before
    return {"rate": ours["rate"], "ratio": ours["rate"] / result["echo"]["rate"],
            "cpu": 1e6 * spent / max(ours["right"] + ours["wrong"], 1),
            "busy": ours["cpu"] / ours["seconds"], "lost": ours["lost"] + ours["wrong"]}


def measure(rig, workloads, times, seconds, results):
    """Adds {"workers": {workload's name: (of one worker, of two)}, "workers_said": text}."""
    results["workers"], results["workers_said"] = {}, "  this courierdns has no workers"
    if not is_known():
        return
    origin_core = LOAD_CORE
    if IS_FREE:
        rig.load_core, origin_core = core(COUNT), core(COUNT + 1)
    echo = Responder(rig, "echo", core(0))
    running = []
    for kind in (Workers, Two):
        origin = Responder(rig, "origin", origin_core)
        running.append((kind(rig, [origin]), origin))
    values = {}
    for _ in range(times):
        for workload in workloads:
            if workload.name not in WORKLOADS:
                continue
            for at, (server, origin) in enumerate(running):
                value = run(rig, server, echo, workload, seconds)
                values.setdefault(workload.name, ([], []))[at].append(value)
    threads, rig.load_core = running[1][0].threads(), LOAD_CORE
    for process in [echo] + [one for pair in running for one in pair]:
        process.process.end()
    results["workers"] = {name: [servers.medians(those) for those in pair]
                          for name, pair in values.items()}
    results["workers_said"] = said(threads)


def said(threads):
    text = "  %d threads on %d cores: " % (threads, len(CORES))
    if IS_FREE:
        return text + "servers have two, load and upstream one each"
    return text + ("two workers, load and upstream want four, so these were not free: the ratio of the rates "
                   "says little;\n  that of the processor time is what free ones would give")
