"""What README.md tells people to write and type is what the program takes."""

import os
import re

from harness.mark import Skip, each
from test_cli import OK, ends, file, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEXT = open(os.path.join(ROOT, "README.md"), encoding="utf-8").read()
BLOCKS = re.findall(r"^```\n(.*?)^```$", TEXT, re.M | re.S)
# without what is shown as programs take or say it
PROSE = re.sub(r"^```\n.*?^```$", "", TEXT, flags=re.M | re.S)
CONFIGURATIONS = [block for block in BLOCKS if re.match(r"[a-z]+ = ", block)]


@each(range(9))
def test_each_configuration_of_the_readme_is_good(t, at):
    if "nftset" in CONFIGURATIONS[at] and os.environ.get("NFTSET") == "no":
        raise Skip("built without nft sets")
    ends(run(t, "check", "-c", file(t, CONFIGURATIONS[at])), OK)


def test_every_configuration_of_the_readme_is_among_them(t):
    assert len(CONFIGURATIONS) == 9, len(CONFIGURATIONS)


def test_every_command_of_the_readme_is_known(t):
    named = set(re.findall(r"`courierdns ([a-z][a-z-]*)", TEXT))
    for block in BLOCKS:
        named.update(re.findall(r"^(?:\$ )?courierdns ([a-z][a-z-]*)(?![a-z-]*:)", block, re.M))
    assert {"run", "check", "config", "doctor", "explain", "status", "devices", "upstreams", "stats", "flush", "reload",
            "log-level", "metrics", "version", "help"} <= named, named
    for name in sorted(named):
        ends(run(t, "help", name), OK)


def test_each_shape_of_a_squashed_alias_is_told(t):
    """By the README and by the manual page of the doctor."""
    with open(os.path.join(ROOT, "src", "policy", "squash.c"), encoding="utf-8") as source:
        shapes = set(re.findall(r'return "([a-z-]+)";', source.read())) - {"none"}
    with open(os.path.join(ROOT, "contrib", "man", "courierdns-doctor.8"), encoding="utf-8") as text:
        page = text.read()
    page = page[page.index(".Sh SHAPES"):page.index(".Sh EXIT")]
    table = TEXT[TEXT.index("| shape | what came |"):].split("\n\n")[0]
    assert len(shapes) == 9, shapes
    assert set(re.findall(r"`([a-z-]+)`", table)) == shapes, table
    assert {word for row in re.findall(r"^\.It Cm (.*)$", page, re.M) for word in row.split(" , ")} == shapes, page


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


def test_every_make_target_of_the_readme_is_there(t):
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as text:
        targets = set(re.findall(r"^([a-z-]+):", text.read(), re.M))
    named = set()
    typed = [code.replace("\n", " ") for code in re.findall(r"`([^`]*)`", PROSE)]
    for block in BLOCKS:
        typed += [line.split(" #")[0] for line in block.splitlines()]
    for line in typed:
        for words in re.findall(r"(?:^|&& |[A-Z]+=\S+ )make ([^&]*)", re.sub('"[^"]*"', '', line)):
            named.update(word for word in words.split() if re.fullmatch("[a-z-]+", word))
    assert {"run", "check", "deb", "rpm", "dist", "install", "functional", "soak"} <= named, named
    assert named <= targets, named - targets


def test_every_link_of_the_readme_leads_somewhere(t):
    headings = {re.sub(r"[^a-z0-9 _-]", "", line.lower()).replace(" ", "-")
                for line in re.findall(r"^#+ (.*)$", PROSE, re.M)}
    links = re.findall(r"\]\(([^)]*)\)", PROSE)
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in headings, link
        else:
            assert os.path.exists(os.path.join(ROOT, link)), link


def test_every_file_that_the_readme_names_is_there(t):
    named = re.findall(r"`((?:contrib|etc|include|src|tests)/[\w./-]+)`", PROSE)
    assert named
    for path in named:
        assert os.path.exists(os.path.join(ROOT, path.replace("COMMAND", "status"))), path


def test_the_readme_can_be_read_in_a_terminal(t):
    """Tables and what programs said are as wide as they are."""
    wide = [line for line in PROSE.splitlines() if len(line) > 120 and not line.startswith("|")]
    assert not wide, wide


def test_each_measurement_of_the_readme_is_between_its_marks(t):
    marks = re.findall(r"^<!-- (figures|end) of (.*) -->$", TEXT, re.M)
    assert len(marks) >= 16 and len(marks) % 2 == 0, marks
    for first, last in zip(marks[::2], marks[1::2]):
        assert first[0] == "figures" and last == ("end", "figures"), (first, last)
