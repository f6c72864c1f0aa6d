"""Reload: the configuration is read again while clients are served, and put in use whole or not
at all."""

import json

from harness import wire
from test_cli import OK, ends, run
from test_control import REFUSED, ask, ask_json, schema, serving


def reload(t, dev, *args, code=OK):
    """What the command says: of its JSON, or (stdout, stderr)."""
    ended = ends(run(t, "reload", "-s", dev.control, *args), code)
    if "--json" in args:
        return schema("reload", json.loads(ended.stdout))
    return ended.stdout, ended.stderr


def broken(text):
    """The same with two mistakes."""
    return text + 'speling = 3;\nworkers = "many";\n'


# --- the command ----------------------------------------------------------------------------

def test_reload_is_a_command_that_says_what_came_of_it(t):
    dev, up = serving(t)
    before = ask_json(t, dev, "status")
    assert before["reload"] == {"ok": 0, "error": 0, "last_s_ago": None, "has_failed": False,
                                "complaints": []}, before["reload"]
    assert "reloads" not in ask(t, dev, "status")
    dev.write(t.config([up], address=dev.address, groups={"corp": [up]}))
    out, err = reload(t, dev)
    assert dev.path in out and "in use" in out and err == "", (out, err)
    after = ask_json(t, dev, "status")
    assert [group["name"] for group in after["groups"]] == ["default", "corp"], after["groups"]
    assert after["reload"]["ok"] == 1 and after["reload"]["error"] == 0, after["reload"]
    said = reload(t, dev, "--json")
    assert said["is_done"] and said["complaints"] == [] and said["file"] == dev.path, said
    assert said["plan"] > after["configuration"]["plan"], (said, after["configuration"])


def test_reload_of_a_bad_file_changes_nothing_and_says_why_everywhere(t):
    """On the terminal, in the log, in the status; until one is good again."""
    dev, up = serving(t)
    good = t.config([up], address=dev.address)
    plan = ask_json(t, dev, "status")["configuration"]["plan"]
    text = broken(good)
    line = text[:text.index("speling")].count("\n") + 1
    dev.write(text)
    out, err = reload(t, dev, code=REFUSED)
    assert out == "" and "stays in use" in err, (out, err)
    for word in ("%s:%d: " % (dev.path, line), "speling", "%s:%d: " % (dev.path, line + 1)):
        assert word in err, (word, err)
        assert word in dev.stderr(), (word, dev.stderr())
        assert word in ask(t, dev, "status"), (word, ask(t, dev, "status"))
    said = reload(t, dev, "--json", code=REFUSED)
    assert not said["is_done"] and said["plan"] == plan, said
    assert len(said["complaints"]) == 2 and "speling" in said["complaints"][0], said
    status = ask_json(t, dev, "status")
    assert status["reload"]["error"] == 2 and status["reload"]["ok"] == 0, status["reload"]
    assert status["reload"]["complaints"] == said["complaints"], status["reload"]
    assert status["configuration"]["plan"] == plan
    assert dev.ask("still.example").rcode == wire.NOERROR
    dev.write(good)
    reload(t, dev)
    status = ask_json(t, dev, "status")["reload"]
    assert not status["has_failed"] and status["complaints"] == [], status
    assert "speling" not in ask(t, dev, "status")


def test_reload_tells_a_bounded_part_of_many_complaints(t):
    dev, up = serving(t)
    dev.write(t.config([up], address=dev.address) +
          "".join("wrong%d = %d;\n" % (i, i) for i in range(100)))
    said = reload(t, dev, "--json", code=REFUSED)["complaints"]
    assert len(said) == 20 and said[-1] == "and 81 more", said
