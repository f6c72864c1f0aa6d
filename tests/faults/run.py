"""Measures courierdns under load and with faulty servers, beside other servers where they are
installed, and prints one table: what is demanded, what ours does, what theirs do. The exit status
is 1 where ours misses a demand.

Everything happens on loopback. Usage: see run.sh. SEED=N repeats the faults of an earlier run."""

import concurrent.futures
import itertools
import os
import signal
import sys
import time
import traceback

import figures
import peers
from rig import Rig

IS_CUT = os.environ.get("CUT", "") not in ("", "0")


def say(text):
    print(text, file=sys.stderr, flush=True)


def once(rig, figure, kind):
    """The figure's values; {} where it came to nothing."""
    began = time.monotonic()
    try:
        values = figure.measure(rig, kind)
    except Exception as error:
        say("  %s of %s came to nothing: %s" % (
            figure.name, kind.name, error if isinstance(error, RuntimeError) else
            traceback.format_exc()))
        return {}
    say("  %-5s %-11s %5.1f s  %s" % (figure.name, kind.name, time.monotonic() - began, ", ".join(
        "%s %s" % (row.key, row.show(values[row.key])) for row in figure.rows()
        if row.key in values)))
    return values


def misses(figure, values):
    return [row for row in figure.rows()
            if row.met and (row.key not in values or not row.met(values[row.key]))]


def measure(rig, jobs):
    """[values] of [(figure, server)]. What was measured while the load client itself could not
    keep time is measured once more, if ours has missed a demand by it."""
    def all_of(these):
        rig.late = 0.0
        with concurrent.futures.ThreadPoolExecutor(len(these)) as pool:
            return list(pool.map(lambda job: once(rig, *job), these))

    values = all_of(jobs)
    again = [at for at, (figure, kind) in enumerate(jobs)
             if kind is peers.OURS and misses(figure, values[at])]
    if rig.late and again:
        say("  the load client was up to %.2f s late: once more" % rig.late)
        for at, better in zip(again, all_of([jobs[at] for at in again])):
            values[at] = better
    return values


def measure_all(rig, those, kinds):
    """[(figure, {server's name: values})]: neighbours of the same calm at once, others one by
    one."""
    results = [(figure, {}) for figure in those]
    for calm, group in itertools.groupby(results, lambda result: result[0].calm):
        jobs = [(figure, kind, values) for figure, values in group for kind in kinds]
        for batch in [jobs] if calm else [[job] for job in jobs]:
            measured = measure(rig, [(figure, kind) for figure, kind, _ in batch])
            for (_, kind, values), came in zip(batch, measured):
                values[kind.name] = came
    return results


def remark(row, value):
    """Where a demand is met only by what a busy machine is allowed."""
    return "(machine late)" if row.limit is not None and value > row.limit else ""


def table(results, kinds):
    """Prints it; returns how many demands ours missed."""
    heads = ["%s %s" % (kind.name, kind.version()) for kind in kinds]
    lines, missed = [["", "", "demanded"] + heads + [""]], 0
    for figure, values in results:
        ours = values.get(peers.OURS.name, {})
        missing = misses(figure, ours) if peers.OURS.name in values else []
        missed += len(missing)
        for at, row in enumerate(figure.rows()):
            lines.append([figure.name if at == 0 else "", row.label, row.demand]
                         + [row.show(values[kind.name][row.key]) if row.key in values[kind.name]
                            else "-" for kind in kinds]
                         + ["MISSED" if row in missing else remark(row, ours.get(row.key))])
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) if at < 3 else cell.rjust(width)
                        for at, (cell, width) in enumerate(zip(line, widths))).rstrip())
    return missed


def chosen():
    only = os.environ.get("ONLY", "").replace(",", " ").split()
    unknown = set(only) - {figure.name for figure in figures.FIGURES}
    if unknown:
        sys.exit("faults: no figure %s" % " ".join(sorted(unknown)))
    return [figure(IS_CUT) for figure in figures.FIGURES if not only or figure.name in only]


def servers():
    named = os.environ.get("PEERS", "") or ("" if IS_CUT else " ".join(peers.PEERS))
    return peers.wanted("faults", named, peers.OURS, peers.PEERS, say)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("faults: stopped"))
    seed = int(os.environ.get("SEED", "0")) or int(time.time())
    began, kinds, rig = time.monotonic(), servers(), Rig(seed)
    try:
        figures.control(rig)
        results = measure_all(rig, chosen(), kinds)
    finally:
        rig.close()
    sys.stderr.flush()
    print()
    missed = table(results, kinds)
    print("faults: %s%.0f s, SEED=%d, %s" % ("a cut, " if IS_CUT else "", time.monotonic() - began,
                                             seed, "%d missed" % missed if missed else "all met"))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
