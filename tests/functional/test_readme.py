"""What README.md tells people to write and type is what the program takes."""

import os
import re

from harness.mark import each
from test_cli import OK, ends, file, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEXT = open(os.path.join(ROOT, "README.md"), encoding="utf-8").read()
BLOCKS = re.findall(r"^```\n(.*?)^```$", TEXT, re.M | re.S)
CONFIGURATIONS = [block for block in BLOCKS if block.startswith(("listen = ", "couriers = "))]


@each(range(4))
def test_each_configuration_of_the_readme_is_good(t, at):
    ends(run(t, "check", "-c", file(t, CONFIGURATIONS[at])), OK)


def test_every_configuration_of_the_readme_is_among_them(t):
    assert len(CONFIGURATIONS) == 4, len(CONFIGURATIONS)


def test_every_command_of_the_readme_is_known(t):
    named = set(re.findall(r"`courierdns ([a-z-]+)", TEXT))
    assert {"run", "check", "config", "doctor", "explain", "status", "devices", "upstreams", "stats", "flush", "reload",
            "log-level", "metrics", "version", "help"} <= named, named
    for name in sorted(named):
        ends(run(t, "help", name), OK)


def test_the_floor_plan_of_the_readme_is_the_tree(t):
    plan = TEXT[TEXT.index(" 7  app/"):TEXT.index("The data first.")]
    for floor in ("app", "front", "side", "query", "policy", "cache", "devices", "upstream", "rr",
                  "net", "conf", "wire", "base"):
        for source in os.listdir(os.path.join(ROOT, "src", floor)):
            module, kind = os.path.splitext(source)
            if kind == ".c" and not module.startswith(("conf_", "doctor_", "commands_")):
                assert re.search(r"\b%s\b" % module, plan), "%s/%s is not in README.md" % (floor, module)


def test_the_path_in_the_readme_names_what_there_is(t):
    path = TEXT[TEXT.index(" 1 front/listener_udp.c"):TEXT.index("More of the rules")]
    for source, function in re.findall(r"^ \d (\S+\.c) +(\w+)", path, re.M):
        with open(os.path.join(ROOT, "src", source), encoding="utf-8") as text:
            assert re.search(r"\b%s\(" % function, text.read()), (source, function)
