"""Runs `courierdns doctor` and reads what it finds."""

import json
import os
import subprocess
import time

from .device import PROGRAM, SLOWER, environment

HEALTHY, FAILED, UNTESTED = 0, 1, 2
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
ALIAS_CHECKS = ("alias-a", "alias-https", "alias-aaaa", "alias-tcp", "alias-again")


def doctor(t, *args, ends=None):
    """(what it said as JSON, how long it took)."""
    began = time.monotonic()
    done = subprocess.run([PROGRAM, "doctor", "--json", *args], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20 * SLOWER, cwd=t.directory,
                          env=environment(), check=False)
    took = time.monotonic() - began
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert ends is None or done.returncode == ends, "%d, should be %d\n%s\n%s" % (
        done.returncode, ends, done.stdout, done.stderr)
    said = json.loads(done.stdout) if done.stdout else None
    if said is not None:
        check_schema(said)
        assert said["healthy"] == (done.returncode == HEALTHY), said
    return said, took


def check_schema(said):
    import jsonschema
    with open(os.path.join(ROOT, "contrib", "doctor.schema.json"), encoding="utf-8") as file:
        jsonschema.Draft202012Validator(json.load(file)).validate(said)


def at(up):
    return "@%s@%d" % (up.address, up.port)


def checks(said, server=0):
    return {check["name"]: check for check in said["servers"][server]["checks"]}


def expect(found, **wanted):
    """Names with _ for -, to a result or to (result, shape); all others are ok or info."""
    wanted = {name.replace("_", "-"): value for name, value in wanted.items()}
    for name, check in found.items():
        want = wanted.pop(name, None)
        if want is None:
            assert check["result"] in ("ok", "info"), check
        elif isinstance(want, tuple):
            assert (check["result"], check["shape"]) == want, check
        else:
            assert check["result"] == want, check
    assert not wanted, "no such check: %s" % wanted
