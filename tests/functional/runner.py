"""Finds the tests (functions test_* of the files test_*.py beside this one), runs each in a process
of its own, several at once, and says what failed. Usage: runner.py [PATTERN]; see run.sh.

A test is a function of a Stage (harness/stage.py). @limit(seconds) gives it more time than
others, @heavy puts it behind all others (it loads the machine), @each(...) makes it several.
"""

import collections
import importlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from harness import device, stage  # noqa: E402
from harness.mark import Skip  # noqa: E402

# Most of them mostly wait: for a timeout, for a server that is slow.
AT_ONCE = min(200, int(os.environ.get("JOBS", "8")))
HEAVY_AT_ONCE = min(4, AT_ONCE)
# For who hangs: what takes seconds takes ten times as long where there is much else to do.
LIMIT = 60.0


def find(pattern):
    tests = []
    for file in sorted(os.listdir(HERE)):
        if not re.fullmatch(r"test_\w+\.py", file):
            continue
        module = importlib.import_module(file[:-3])
        for name, function in vars(module).items():
            if not name.startswith("test_") or not callable(function):
                continue
            for suffix, call in getattr(function, "cases", [("", function)]):
                title = "%s.%s%s" % (file[5:-3], name[5:], suffix)
                if re.search(pattern, title):
                    tests.append((title, call, function))
    # the longest first, so that none is left alone at the end; the heavy ones behind all
    return sorted(tests, key=lambda test: (getattr(test[2], "heavy", False),
                                           -getattr(test[2], "limit", 30.0)))


def own_network():
    """The second byte of 127.x.0.0/16 that is ours until we end: several runs may go on at once."""
    for step in range(200):
        number = 20 + (os.getpid() + step) % 200
        lock = socket.socket()
        try:
            lock.bind(("127.%d.255.254" % number, 5399))
            lock.listen(1)
            return number, lock
        except OSError:
            lock.close()
    sys.exit("functional: no free loopback network")


def run_child(title, call, net, directory, pipe):
    """In the child: the test, its teardown, and a JSON line about it."""
    os.setsid()
    began = time.monotonic()
    on_stage = stage.Stage(net, title.split(".", 1)[1], directory)
    problem, skipped = None, None
    try:
        call(on_stage)
    except Skip as reason:
        skipped = str(reason)
    except Exception:
        problem = traceback.format_exc()
    try:
        complaints = on_stage.finish(bool(problem or skipped))
    except Exception:
        complaints = ["in teardown: " + traceback.format_exc()]
    if problem is None and complaints and not skipped:
        problem = "\n".join(complaints)
    elif problem is not None and complaints:
        problem += "and then:\n" + "\n".join(complaints)
    logs = on_stage.logs() if problem else ""
    with os.fdopen(pipe, "w") as out:
        json.dump({"problem": problem, "skipped": skipped, "logs": logs[-6000:],
                   "seconds": time.monotonic() - began, "lag": on_stage.loop.lag}, out)


class Running:
    def __init__(self, test, net, directory):
        self.directory = directory
        os.mkdir(directory)
        os.chmod(directory, 0o777)  # whoever the program becomes may make its socket here
        self.title, self.call, self.function = test
        self.began = time.monotonic()
        self.limit = max(LIMIT, getattr(self.function, "limit", 0.0)) * device.SLOWER
        self.output = b""
        sys.stdout.flush()
        self.pipe, theirs = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.pipe)
                if getattr(self.function, "alone", False):
                    device.WORKERS = 1
                run_child(self.title, self.call, net, directory, theirs)
            finally:
                os._exit(0)
        os.close(theirs)

    def end(self, too_long):
        """Its result; whatever it started and left behind is ended with it."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        _, _, usage = os.wait4(self.pid, 0)
        self.cpu = usage.ru_utime + usage.ru_stime
        os.close(self.pipe)
        shutil.rmtree(self.directory, ignore_errors=True)
        if too_long:
            return {"problem": "did not end within %.0f s" % self.limit, "skipped": None, "logs": "",
                    "seconds": self.limit, "lag": 0}
        try:
            return json.loads(self.output)
        except ValueError:
            return {"problem": "the test's process ended without a result", "skipped": None,
                    "logs": "", "seconds": time.monotonic() - self.began, "lag": 0}


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ONLY", "")
    if not os.access(device.PROGRAM, os.X_OK):
        sys.exit("functional: COURIERDNS must be the path of the program to test")
    tests, began = find(pattern), time.monotonic()
    number, lock = own_network()
    verbose = bool(os.environ.get("VERBOSE"))
    top = tempfile.mkdtemp(prefix="courierdns-")
    os.chmod(top, 0o755)    # whoever the program becomes has a control socket in there
    selector, running, results, started = selectors.DefaultSelector(), {}, [], 0
    # of our network, each at the disposal of one test at a time; the one that was left longest ago first
    parts = collections.deque(range(1, 251))
    while started < len(tests) or running:
        while started < len(tests):
            most = HEAVY_AT_ONCE if getattr(tests[started][2], "heavy", False) else AT_ONCE
            if len(running) >= most:
                break
            one = Running(tests[started], "127.%d.%d" % (number, parts[0]),
                          os.path.join(top, "%d" % started))
            one.part = parts.popleft()
            started += 1
            running[one.pipe] = one
            selector.register(one.pipe, selectors.EVENT_READ)
        done = []
        for key, _ in selector.select(0.2):
            data = os.read(key.fd, 65536)
            running[key.fd].output += data
            if not data:
                done.append((running[key.fd], False))
        now = time.monotonic()
        done += [(one, True) for one in running.values() if now - one.began > one.limit]
        for one, too_long in done:
            if one.pipe not in running:
                continue
            selector.unregister(one.pipe)
            del running[one.pipe]
            result = one.end(too_long)
            parts.append(one.part)
            results.append((one.title, result))
            if result["problem"]:
                print("FAIL %s (%.1f s)\n%s%s" % (one.title, result["seconds"], "".join(
                    "    %s\n" % line for line in result["problem"].splitlines()), "".join(
                        "    | %s\n" % line for line in result["logs"].splitlines())), flush=True)
            elif result["skipped"]:
                print("skip %s: %s" % (one.title, result["skipped"]), flush=True)
            elif verbose:
                print("ok   %s (%.1f s, cpu %.1f s, lag %.3f)" % (
                    one.title, result["seconds"], one.cpu, result["lag"]), flush=True)
    lock.close()
    shutil.rmtree(top, ignore_errors=True)
    failed = [title for title, result in results if result["problem"]]
    skipped = [title for title, result in results if result["skipped"]]
    slowest = sorted(results, key=lambda one: -one[1]["seconds"])[:5]
    print("slowest: %s" % ", ".join("%s %.1f s" % (title, result["seconds"])
                                    for title, result in slowest))
    if failed:
        print("failed: %s" % " ".join(sorted(failed)))
    if skipped:
        print("skipped: %d" % len(skipped))
    print("%.0f s" % (time.monotonic() - began))
    print("functional: %d passed, %d failed" % (
        len(results) - len(failed) - len(skipped), len(failed)))
    sys.exit(1 if failed or not results else 0)


if __name__ == "__main__":
    main()
