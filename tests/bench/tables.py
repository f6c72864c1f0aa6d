"""The tables of a measurement: as bench.py says them and, run by itself, those of the last `make bench` in
Markdown, for README.md. What they are made of (`results`) is kept as JSON meanwhile.

Usage: tables.py FILE"""

import json
import sys

OURS, ECHO, TARGET = "courierdns", "the echo", "target for courierdns"
MOST = "most that so many at once allow"
BUSY = 0.95     # more than that and the load is what is measured
LOST = 0.05     # per cent that are worth telling
MEMORY = ("idle", "anonymous", "100,000 names", "200,000 names")
MEMORY_TARGET, CROWD_TARGET, START_TARGET = (4.8, 1.0, 22.0, 40.0), 40.0, 20.0


def table(title, heads, rows):
    lines = [[title] + list(heads)] + [[name] + list(row) for name, row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    print()
    for line in lines:
        print("  ".join(text.ljust(width) if at == 0 else text.rjust(width)
                        for at, (text, width) in enumerate(zip(line, widths))).rstrip())


def markdown(title, heads, rows):
    print("\n| %s |" % " | ".join([title] + list(heads)))
    print("|%s" % ("---|" * (1 + len(heads))))
    for name, row in rows:
        print("| %s |" % " | ".join([name] + list(row)))


def megabytes(value):
    return "-" if value is None else "%.1f" % value


def targets(results):
    return ["%.2f" % results["targets"][name] for name in results["workloads"]]


def ceiling(value):
    """What nobody can be above; that of a workload whose questions all wait for their upstream."""
    return "%.2f" % value if value < 1 else "-"


def each(results, servers, what, text):
    """A row for each server, a column for each workload."""
    cells = results["cells"]
    return [(name, [text(cells[name][workload][what]) for workload in results["workloads"]])
            for name in servers]


def ours(results, what, text):
    return [text(results["cells"][OURS][workload][what]) for workload in results["workloads"]]


# --- as the measurement says them -------------------------------------------------------------

def show_cells(results):
    heads, names = results["workloads"], results["servers"]

    def rows(what, text):
        return each(results, names, what, text)

    table("answers a second, of the echo's", heads, rows("ratio", "{:.2f}".format) + [
        (TARGET, targets(results)), (MOST, ours(results, "ceiling", ceiling)),
        ("the echo, a second", ours(results, "echo", "{:.0f}".format))])
    table("processor time of an answer, us", heads, rows("cpu", "{:.2f}".format) + [
        (ECHO, ours(results, "echo_cpu", "{:.2f}".format))])
    table("not answered rightly, %", heads, rows("lost", "{:.2f}".format))
    table("questions to upstream for one", heads, rows("upstream", "{:.3f}".format))
    table("load core busy with load and upstream, %", heads, rows(
        "busy", lambda value: "%.0f%s" % (100 * value, "!" if value > BUSY else "")) + [
            (ECHO, ours(results, "echo_busy", lambda value: "%.0f" % (100 * value)))])
    print()
    for name in heads:
        print("  %-4s %s" % (name, results["labels"][name]))


def latency_rows(results):
    return [(name, ["%.0f" % value for pair in pairs for value in pair])
            for name, pairs in results["latency"].items()]


def latency_heads(results):
    return [head for name in results["latency_workloads"] for head in (name + " half", "99 of 100")]


def latency_title(results):
    return "at %s questions a second, us" % format(results["rate"], ",")


def show_latency(results):
    table(latency_title(results), latency_heads(results), latency_rows(results))


def show_memory(results):
    table("memory, MB", MEMORY, [(name, map(megabytes, values))
                                 for name, values in results["memory"].items()]
          + [(TARGET, map(megabytes, MEMORY_TARGET))])
    table("with 10,000 idle TCP clients, MB", ["resident"],
          [(OURS, [megabytes(results["crowd"])]), (TARGET, [megabytes(CROWD_TARGET)])])


def show_start(results):
    table("from exec to the first answer", ["ms"],
          [(name, ["%.1f" % value]) for name, value in results["start"].items()]
          + [(TARGET, ["%.1f" % START_TARGET])])


WORKERS_HEADS = ("one: of the echo's", "two: of the echo's", "two to one", "one: us", "two: us",
                 "two to one by us")


def workers_rows(results):
    return [(name, ["%.2f" % one["ratio"], "%.2f" % two["ratio"], "%.2f" % (two["rate"] / one["rate"]),
                    "%.2f" % one["cpu"], "%.2f" % two["cpu"], "%.2f" % (2 * one["cpu"] / two["cpu"])])
            for name, (one, two) in results["workers"].items()]


def show_workers(results):
    if results["workers"]:
        table("two workers beside one", WORKERS_HEADS, workers_rows(results)
              + [("target, misses", ["", "", "1.80", "", "", ""])])
    print(results["workers_said"])


WEB_HEADS = ("answers to a second of processor time", "a second", "half us", "99 of 100 us",
             "connections made a second")
WEB_TITLE = "cached, beside a crowd at the pages"


def web_rows(results):
    return [("crowd " + whom, [text.format(one[what]) for what, text in (
        ("speed", "{:,.0f}"), ("rate", "{:,.0f}"), ("half", "{:.0f}"), ("late", "{:.0f}"),
        ("made", "{:.0f}"))]) for whom, one in results["web"].items()] + [
            ("here, of " + beside, ["%.2f" % results["web_ratios"][what][at] for what in (
                "speed", "rate", "half", "late")] + [""])
            for at, beside in enumerate(("nobody's", "the one elsewhere"))]


def show_web(results):
    table(WEB_TITLE, WEB_HEADS, web_rows(results))
    for why in results["web_missed"]:
        print("  MISSED: " + why)


def missed(results):
    """Names of the workloads whose target was missed."""
    return [name for name in results["workloads"]
            if results["cells"][OURS][name]["ratio"] < results["targets"][name]]


# --- for README.md ----------------------------------------------------------------------------

def ratio(cell):
    said = "%.2f" % cell["ratio"]
    return said if cell["lost"] < LOST else "%s (%.1f %% lost)" % (said, cell["lost"])


def write_rates(results):
    names = results["workloads"]
    beside = [part for part in ("memory", "start") if part in results]
    heads = names + ["idle MB", "100,000 names", "200,000"] * ("memory" in beside) + [
        "first answer ms"] * ("start" in beside)

    def tail(name):
        row = []
        if "memory" in beside:
            values = results["memory"].get(name, [None] * 4)
            row += [megabytes(values[at]) for at in (0, 2, 3)]
        if "start" in beside:
            row.append(megabytes(results["start"].get(name)))
        return row

    rows = [(name, [ratio(results["cells"][name][workload]) for workload in names] + tail(name))
            for name in results["servers"]]
    goal = targets(results) + [megabytes(MEMORY_TARGET[at]) for at in (0, 2, 3)] * (
        "memory" in beside) + [megabytes(START_TARGET)] * ("start" in beside)
    most = ours(results, "ceiling", ceiling) + tail("")
    limit = ours(results, "echo", lambda value: "%.0fk" % (value / 1000)) + tail("")
    markdown("of the echo's rate", heads,
             rows[:1] + [("target", goal)] + rows[1:]
             + [(MOST, most)] * ("W5" in names) + [("the echo, a second", limit)])


def write(results):
    print("%s; %s" % (", ".join(results["versions"]), results["said"]))
    if "cells" in results:
        write_rates(results)
        for title, what, text in (("processor time of an answer, µs", "cpu", "{:.1f}".format),
                                  ("questions to upstream for one", "upstream", "{:.2f}".format)):
            last = [(ECHO, ours(results, "echo_cpu", text))] if what == "cpu" else []
            markdown(title, results["workloads"], each(results, results["servers"], what, text) + last)
    if "latency" in results:
        markdown(latency_title(results).replace("us", "µs"), latency_heads(results),
                 latency_rows(results))
    if "memory" in results:
        print("\nAnonymous when idle: %.2f MB; with 10,000 idle TCP clients: %.1f MB." % (
            results["memory"][OURS][1], results["crowd"]))
    if results.get("workers"):
        markdown("two workers beside one", [head.replace("us", "µs") for head in WORKERS_HEADS],
                 workers_rows(results))
        print("\n" + results["workers_said"])
    if "web" in results:
        markdown(WEB_TITLE, [head.replace("us", "µs") for head in WEB_HEADS], web_rows(results))
    if "costs" in results:
        markdown("of a query", ["measured", "target"], [
            (name, ["%.2f" % value, results["costs_targets"].get(name, "")])
            for name, value in results["costs"].items()])


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            write(json.load(file))
    except FileNotFoundError:
        sys.exit("bench-table: nothing has been measured yet: make bench")


if __name__ == "__main__":
    main()
