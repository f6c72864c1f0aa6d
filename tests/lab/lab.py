"""Activates iPads behind courierdns and behind other servers, with the same upstreams, and prints side
by side how many got through, how soon they had the address of a courier and what was asked upstream
for that. The exit status is 1 where courierdns misses a demand; the others are only shown.

Everything happens in network namespaces. Usage: see run.sh. SEED=N repeats an earlier run's chances."""

import concurrent.futures
import math
import os
import signal
import subprocess
import sys
import time

import world
from figures import Row, Time, at_most, seconds, told
from rig import Process, Rig
from routers import ROUTERS, Courierdns
from run import misses, say, table

IS_CUT = os.environ.get("CUT", "") not in ("", "0")
DEVICES = int(os.environ.get("DEVICES", "") or (40 if IS_CUT else 200))
PATIENCE = 60.0         # seconds a device has for all of it
WARM_WITHIN = 90.0
LATE = 0.02             # of the devices themselves, at worst, where that is told
# 2 % of the questions are lost, and 2 % of the answers
AGED = os.environ.get("AGED", "") not in ("", "0")
FAR = {"delay-ms": 150, "loss": 2, "aged": AGED}
NEAR = {"delay-ms": 20, "loss": 2, "aged": AGED}


class Setting:
    """What the router stands in front of. A wave is an activation of all devices; the router goes on
    from one to the next. `family` and `groups` are of a configuration of ours (routers.py), in which
    nobody else takes part."""

    def __init__(self, name, upstreams, *waves, family=None, groups=None):
        self.name, self.upstreams, self.waves = name, upstreams, waves
        self.family, self.groups = family, groups
        for wave in waves:
            wave.name, wave.is_warm = name, self.is_warm

    @property
    def is_warm(self):
        return (self.family or {}).get("pre_resolve") == "always"

    def kinds(self, kinds):
        return [kind for kind in kinds if self.family is None or kind is Courierdns]

    def router(self, kind, place, rig):
        if self.family is None:
            return kind(place, rig)
        groups = {name: [place.upstreams[at] for at in which]
                  for name, which in (self.groups or {}).items()}
        return kind(place, rig, self.family, groups)


class Wave:
    """A figure of the table (../faults/run.py). The devices come so many seconds after those of the
    wave before have gone."""

    name, is_warm = "", False

    def __init__(self, title, pause=0):
        self.title, self.pause = title, pause

    def rows(self):
        return [Row("activated", self.title, "all of %d" % DEVICES, lambda value: value == DEVICES),
                told("half", "  courier's address: half after", seconds),
                told("most", "  99 of 100 after", seconds),
                at_most("question", "  99 of 100 courier questions", 0.005) if self.is_warm
                else told("question", "  99 of 100 courier questions", seconds),
                told("asked", "  questions upstream")]


def squashed(shape):
    return Setting(shape, [squasher(shape), FAR], Wave("from the near one, the truth far"))


def squasher(shape):
    return dict(NEAR, squash=shape)


SHAPES = "nxdomain", "no-cname", "servfail", "refused", "silent", "sinkhole"
SETTINGS = [
    Setting("plain", [FAR], Wave("cold"), Wave("warm")),
    Setting("pre-resolved", [FAR], Wave("at once"), Wave("after 70 s", 70),
            family={"pre_resolve": "always"}),
] + [squashed(shape) for shape in SHAPES] + [
    Setting("other-group", [squasher("nxdomain"), FAR], Wave("nxdomain; repair_upstream is far"),
            family={"repair_upstream": "other"}, groups={"default": [0], "other": [1]}),
    Setting("synthesize", [squasher("nxdomain")], Wave("nxdomain, and no truth anywhere"),
            family={"repair": "synthesize"}),
]


def quantile(times, share):
    """Of all devices; those that never got there count."""
    ordered = sorted(times) + [math.inf] * (DEVICES - len(times))
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def activate(place, kind, wave):
    """One wave's values."""
    before, began = place.asked(), time.monotonic()
    devices, questions = place.activate(DEVICES, PATIENCE)
    answered = questions["asked"] - questions["silent"]
    values = {"activated": devices["activated"], "half": quantile(devices["courier"], 0.5),
              "most": quantile(devices["courier"], 0.99), "asked": place.asked() - before}
    values["late"] = questions["late_max"]
    if answered:
        late = questions["silent"] > questions["asked"] / 100
        values["question"] = Time(math.inf if late else questions["p99"], questions)
    say("  %-12s %-32s %-11s %5.1f s  %3d of %d, %s of their questions upstream%s" % (
        wave.name, wave.title, kind.name, time.monotonic() - began, values["activated"], DEVICES,
        values["asked"], "; stalled at %s" % devices["stalled"] if devices["stalled"] else ""))
    return values


def through(rig, setting, kind):
    """[values] of the waves behind a router of that kind; ends early where it comes to nothing."""
    results, place, router = [{} for _ in setting.waves], None, None
    try:
        place = world.World(rig, setting.upstreams)
        router = setting.router(kind, place, rig)
        if setting.is_warm:
            router.wait_warm(WARM_WITHIN)
            say("  %-12s warm after %d questions upstream" % (setting.name, place.asked()))
        for values, wave in zip(results, setting.waves):
            if wave.pause:
                before = place.asked()
                world.pause(wave.pause)
                say("  %-12s %s: %d questions upstream meanwhile" % (setting.name, wave.title,
                                                                     place.asked() - before))
            values.update(activate(place, kind, wave))
        router.end()
    except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as error:
        say("  %s of %s came to nothing: %s" % (setting.name, kind.name, error))
    finally:
        if router is not None:
            router.process.end(0)
        if place is not None:
            place.close()
    return results


def all_through(rig, setting, kinds):
    """For each kind what through() says; all at once, each in a world of its own."""
    with concurrent.futures.ThreadPoolExecutor(max(len(kinds), 1)) as pool:
        return list(pool.map(lambda kind: through(rig, setting, kind), kinds))


def measure(rig, setting, kinds):
    """[(wave, {router's name: values})]. What is to be fast is measured once more, if it was not, and
    the devices themselves could not keep time."""
    kinds_here = setting.kinds(kinds)
    came = all_through(rig, setting, kinds_here)
    if setting.is_warm and any(misses(wave, values) and values.get("late", 0.0) > LATE
                               for those in came for wave, values in zip(setting.waves, those)):
        say("  %-12s the machine was late: once more" % setting.name)
        came = all_through(rig, setting, kinds_here)
    results = [(wave, {kind.name: {} for kind in kinds}) for wave in setting.waves]
    for kind, values_of in zip(kinds_here, came):
        for (_, values), those in zip(results, values_of):
            values[kind.name] = those
    return results


def chosen(variable, those, default):
    names = os.environ.get(variable, "").replace(",", " ").split() or default
    unknown = set(names) - set(those)
    if unknown:
        sys.exit("lab: %s are some of %s" % (variable, " ".join(those)))
    return [those[name] for name in those if name in names]


def routers():
    kinds = chosen("ONLY", ROUTERS, ["courierdns"] if IS_CUT else list(ROUTERS))
    for kind in kinds:
        if kind.version() is None:
            say("lab: %s is not installed" % kind.name)
    return [kind for kind in kinds if kind.version() is not None]


def stop(*_):
    """What is under way comes to nothing, and so to an end."""
    world.stopping.set()
    for process in list(Process.running):
        process.signal(signal.SIGTERM)
    Process.end_all()
    sys.exit("lab: stopped")


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    seed = int(os.environ.get("SEED", "0")) or int(time.time())
    began, kinds, rig = time.monotonic(), routers(), Rig(seed)
    settings = chosen("SETTINGS", {setting.name: setting for setting in SETTINGS},
                      ["plain", "nxdomain"] if IS_CUT else [setting.name for setting in SETTINGS])
    say("lab: %d devices behind %s; %s" % (DEVICES, ", ".join(kind.name for kind in kinds),
                                           ", ".join(setting.name for setting in settings)))
    try:
        results = []
        for setting in settings:
            results += measure(rig, setting, kinds)
    finally:
        rig.close()
    sys.stderr.flush()
    print()
    missed = table(results, kinds)
    print("lab: %s%.0f s, SEED=%d, %s" % ("a cut, " if IS_CUT else "", time.monotonic() - began, seed,
                                          "%d missed" % missed if missed else "all met"))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
