"""Load that Python is too slow for: the load client and the scripted server of tests/faults, each a
process of its own."""

import json
import os
import signal
import subprocess

from .device import PORT

PROGRAMS = os.environ.get("MILL", "")


def options(how):
    """{"drop": 30, "no_tcp": True} as a command line."""
    line = []
    for name, value in how.items():
        if value is not False and value is not None:
            line += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
    return line


class Server:
    """tests/faults/upstream.c; `how` is its command line. It can stand where an Upstream can, but it
    has no rules: it answers with a digest, or does to each packet what it is told."""

    udp_sock = None     # not one to be asked for healthy names at the end

    def __init__(self, t, **how):
        self.address, self.port, self.how = t.address(), PORT, how
        t.closing.append(self.end)
        self.process = None
        self.open()

    def open(self):
        self.process = subprocess.Popen(
            [os.path.join(PROGRAMS, "upstream"), "--listen", "%s@%d" % (self.address, self.port)] +
            options(self.how), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise AssertionError("the scripted server did not start")

    def deaf(self, is_deaf):
        self.process.send_signal(signal.SIGUSR1 if is_deaf else signal.SIGUSR2)

    def close(self):
        """What it counted."""
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=10)[0]
        return json.loads(said)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Load:
    """tests/faults/load.c at work; its result is what its tally.h says."""

    def __init__(self, t, dev, **how):
        how.setdefault("source", "%s.%d" % (t.net, how.pop("host", 100)))
        self.process = subprocess.Popen(
            [os.path.join(PROGRAMS, "load"), "--server", "%s@%d" % (dev.address, dev.port)] +
            options(how), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        t.closing.append(self.end)

    def result(self, timeout=120):
        said = self.process.communicate(timeout=timeout)[0]
        if self.process.returncode != 0:
            raise AssertionError("the load client failed")
        return json.loads(said)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
