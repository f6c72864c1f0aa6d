"""The command line, black-box: what each command says and how it ends."""

import os
import re
import signal
import socket
import subprocess
import time

from harness import apple, client, wire
from harness.device import PROGRAM, SLOWER, environment
from harness.mark import Skip, each
from harness.shapes import COURIER, a1, r1
from harness.upstream import send

OK, USAGE, OS_ERROR, BAD_CONF = 0, 64, 71, 78


def run(t, *args, env=None):
    return subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=10 * SLOWER, cwd=t.directory, env=environment(env), check=False)


def file(t, text, name="test.conf"):
    path = os.path.join(t.directory, name)
    with open(path, "wb" if isinstance(text, bytes) else "w") as out:
        out.write(text)
    return path


def ends(done, status):
    assert done.returncode == status, "exit status %d, should be %d\nstdout: %s\nstderr: %s" % (
        done.returncode, status, done.stdout, done.stderr)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


GOOD = """
listen = ( { address = "127.0.0.1"; port = 5399; } );
upstreams = {
  default = { servers = [ "192.0.2.53", "2001:db8::53@5353" ]; timeout = 1.5; };
  corp = { servers = [ "192.0.2.54" ]; order = "listed"; };
};
zones = (
  { name = "corp.example"; upstream = "corp"; on_failure = "default"; },
  { names = [ "a.example", "b.example" ]; except = [ "x.a.example" ]; action = "nxdomain"; },
  { name = "{n}-courier.push.apple.com"; n = [ 0, 250 ]; types = [ "A", "TYPE65" ];
    action = "answer"; records = [ "@ 60 IN A 10.100.100.{n}" ]; },
  { name = "view.example"; clients = [ "10.9.0.0/16" ]; action = "refuse"; }
);
trusted = [ "10.0.0.7" ];
couriers = (
  { name = "apple2"; alias = "courier2.push.apple.com"; target = "courier2-push-apple.com.akadns.net";
    variants = [ "{n}-courier2.push.apple.com" ]; repair_upstream = "corp"; },
  { name = "off"; enabled = false; alias = "a.example"; target = "b.example";
    variants = [ "{n}.a.example" ]; }
);
"""


# --- version and help ----------------------------------------------------------------------

@each(["version", "-V", "--version"])
def test_OP_24_version_is_the_first_line(t, arg):
    done = ends(run(t, arg), OK)
    assert re.fullmatch(r"\d+\.\d+\.\d+", done.stdout.splitlines()[0]), done.stdout
    assert not done.stderr


def test_OP_24_check_says_on_stdout_that_all_is_well(t):
    done = ends(run(t, "check", "-c", file(t, GOOD)), OK)
    assert done.stdout.strip() and not done.stderr, done


@each(["help", "--help", "-h"])
def test_OP_24_help_names_every_command(t, arg):
    done = ends(run(t, arg), OK)
    for word in ("run", "check", "config", "doctor", "explain", "status", "devices", "upstreams", "stats",
                 "flush", "reload", "log-level", "metrics", "version", "help"):
        assert re.search(r"\b%s\b" % word, done.stdout), word
    assert not done.stderr


@each(["--help", "-h"])
def test_OP_24_each_command_tells_of_itself(t, arg):
    """Wherever among its words: who is not sure asks so, and nothing else is done."""
    for command in commands_of(t):
        told = ends(run(t, "help", command), OK).stdout
        for words in ([arg], ["-c", "/dev/null/x", arg], [arg, "--no-such"]):
            done = ends(run(t, command, *words), OK)
            assert (done.stdout, done.stderr) == (told, ""), (command, words, done)
    ends(run(t, "flush", "--", arg), USAGE)


@each([["check", "--version"], ["run", "-V"], ["status", "--version"]], "+".join)
def test_OP_24_a_command_knows_its_version(t, args):
    done = ends(run(t, *args), OK)
    assert done.stdout == ends(run(t, "version"), OK).stdout and not done.stderr, done


def test_who_is_sent_to_help_is_told_the_whole_command(t):
    for args, told in (([], "help"), (["frobnicate"], "help"), (["run", "--no-such"], "help run")):
        assert run(t, *args).stderr.endswith("Try: courierdns %s\n" % told), args


@each([[], ["frobnicate"], ["run", "--no-such"], ["run", "-c"], ["check", "x", "y"], ["explain"]],
      lambda args: "+".join(args) or "nothing")
def test_wrong_usage_says_so(t, args):
    done = ends(run(t, *args), USAGE)
    assert done.stderr.strip() and not done.stdout


def options_of(t, command):
    """[(option, whether it takes a value)], as its help has them."""
    text = ends(run(t, "help", command), OK).stdout
    return [(option, bool(value)) for option, value in re.findall(
        r"^  (--?[a-z][a-z-]*)( [A-Z=\[\]@]+)?  +\S", text, re.M)]


def commands_of(t):
    return re.findall(r"^  courierdns (\S+)", ends(run(t, "help"), OK).stdout, re.M)


def test_OP_24_each_option_that_help_names_is_taken(t):
    """What is complained of is the word behind them, or the value."""
    seen = 0
    for command in commands_of(t):
        for option, takes_value in options_of(t, command):
            given = [option] + (["/dev/null/x"] if takes_value else []) + ["--no-such"]
            done = run(t, command, *given)
            assert done.returncode in (USAGE, 2), (command, given, done)
            assert "no-such" in done.stderr or "/dev/null/x" in done.stderr, (given, done.stderr)
            assert '"%s"' % option not in done.stderr, (given, done.stderr)
            assert "'%s'" % option not in done.stderr, (given, done.stderr)
            seen += 1
    assert seen >= 20, seen



def test_pages_and_commands_cannot_share_a_socket(t):
    """Neither by the file nor by the command line."""
    path = os.path.join(t.directory, "one.sock")
    conf = 'control = { socket = "%s"; };\nweb = {\n  listen = "%s"; };\n'
    done = ends(run(t, "check", "-c", file(t, conf % (path, path))), BAD_CONF)
    assert 'test.conf:3: web.listen is "%s"; expected another path' % path in done.stderr, done.stderr
    good = file(t, conf % (path + "2", path))
    ends(run(t, "check", "-c", good), OK)
    done = ends(run(t, "run", "-c", good, "-s", path), BAD_CONF)
    assert '-s is "%s", which is web.listen; expected another path' % path in done.stderr, done.stderr


# --- check and config ----------------------------------------------------------------------

def test_check_accepts_a_good_file(t):
    done = ends(run(t, "check", "-c", file(t, GOOD)), OK)
    assert ".conf:" not in done.stdout + done.stderr, done.stdout + done.stderr


def test_config_printed_is_config_read(t):
    """What it prints, it reads, and prints again to the byte; the defaults are all there."""
    first = ends(run(t, "config", "-c", file(t, GOOD)), OK).stdout
    second = ends(run(t, "config", "-c", file(t, first, "second.conf")), OK).stdout
    assert first == second, "%s\n---\n%s" % (first, second)
    for word in ("listen", "access", "limits", "inflight", "tcp_idle", "cache", "negative_ttl_max",
                 "upstreams", "zones", "edns", "ecs", "special_names", "log", "corp.example", "trusted", "couriers",
                 "apple", "apple2", "repair_upstream", "control", "devices"):
        assert re.search(r"\b%s\b" % re.escape(word), first), word
    ends(run(t, "check", "-c", file(t, first, "third.conf")), OK)


def test_config_shows_a_family_that_is_off(t):
    """Of a built-in family silence would mean that it is on; of others it means that they are not."""
    text = 'couriers = ( { name = "apple"; enabled = false; } );\n'
    first = ends(run(t, "config", "-c", file(t, text)), OK).stdout
    assert re.search(r'couriers = \(\s*{\s*name = "apple";\s*enabled = false;\s*}\s*\);', first), first
    assert ends(run(t, "config", "-c", file(t, first, "again.conf")), OK).stdout == first


def test_config_keeps_what_is_not_written_of_a_built_in_family(t):
    text = 'couriers = ( { name = "apple"; pre_resolve = "always"; } );\n'
    mine = ends(run(t, "config", "-c", file(t, text)), OK).stdout
    builtin = ends(run(t, "config", "-c", file(t, "special_names = true;\n", "other.conf")), OK).stdout
    assert 'pre_resolve = "demand";' in builtin, builtin
    assert mine == builtin.replace('pre_resolve = "demand";', 'pre_resolve = "always";'), mine


def test_config_without_a_setting_is_the_default(t):
    first = ends(run(t, "config", "-c", file(t, "log = { level = \"info\"; };\n")), OK).stdout
    assert re.search(r"size\s*=\s*1232", first), first
    assert "9.9.9.9" not in first


# text, with the bad line marked "!", and what the complaint must speak of
BAD = {
    "unknown-setting": ('!upstraems = { };', "upstreams"),
    "unknown-inside": ('cache = {\n!  sise = "1M";\n};', "size"),
    "unknown-in-zone": ('zones = (\n  { name = "a.example";\n!    actoin = "refuse"; }\n);', "action"),
    "wrong-type": ('cache = {\n!  size = [ 1 ];\n};', "size"),
    "text-for-number": ('edns = {\n!  size = "large";\n};', "size"),
    "number-for-list": ('!listen = 53;', "listen"),
    "too-large": ('edns = {\n!  size = 70000;\n};', "size"),
    "negative": ('cache = {\n!  ttl_max = -1;\n};', "ttl_max"),
    "bad-size": ('cache = {\n!  size = "16X";\n};', "16X"),
    "port-0": ('listen = (\n!  { address = "127.0.0.1"; port = 0; }\n);', "port"),
    "port-65536": ('listen = (\n!  { address = "127.0.0.1"; port = 65536; }\n);', "port"),
    "bad-address": ('listen = (\n!  { address = "127.0.0.256"; }\n);', "127.0.0.256"),
    "bad-server": ('upstreams = {\n!  default = { servers = [ "dns.example" ]; };\n};', "dns.example"),
    "server-port-0": ('upstreams = {\n!  default = { servers = [ "192.0.2.1@0" ]; };\n};',
                      "192.0.2.1@0"),
    "no-servers": ('upstreams = {\n!  corp = { servers = [ ]; };\n};', "servers"),
    "unknown-order": ('upstreams = {\n!  default = { servers = [ "192.0.2.1" ]; order = "listde"; };\n'
                      '};', "listed"),
    "unknown-group": ('zones = (\n!  { name = "a.example"; upstream = "crop"; }\n);', "crop"),
    "unknown-failure-group": ('zones = (\n!  { name = "a.example"; on_failure = "nobody"; }\n);',
                              "nobody"),
    "unknown-action": ('zones = (\n!  { name = "a.example"; action = "nxdomian"; }\n);', "nxdomain"),
    "zone-without-name": ('zones = (\n!  { action = "refuse"; }\n);', "name"),
    "bad-name": ('zones = (\n!  { name = "a..example"; action = "refuse"; }\n);', "a..example"),
    "long-label": ('zones = (\n!  { name = "%s.example"; action = "refuse"; }\n);' % ("x" * 64),
                   "xxxx"),
    "duplicate-zone": ('zones = (\n  { name = "a.example"; action = "refuse"; },\n'
                       '!  { name = "A.example"; action = "drop"; }\n);', "example"),
    "prefix-33": ('access = (\n!  { net = "10.0.0.0/33"; action = "allow"; }\n);', "10.0.0.0/33"),
    "host-bits": ('access = (\n!  { net = "10.0.0.1/8"; action = "allow"; }\n);', "10.0.0.1/8"),
    "bad-client": ('zones = (\n!  { name = "a.example"; clients = [ "10.9/16" ]; action = "drop"; }\n'
                   ');', "10.9/16"),
    "bad-type": ('zones = (\n!  { name = "a.example"; types = [ "AAAAA" ]; action = "drop"; }\n);',
                 "AAAAA"),
    "bad-record": ('zones = (\n  { name = "a.example"; action = "answer";\n'
                   '!    records = [ "@ 300 IN A 10.1.2.300" ]; }\n);', "10.1.2.300"),
    "answer-without-records": ('zones = (\n!  { name = "a.example"; action = "answer"; }\n);',
                               "records"),
    "template-without-range": ('zones = (\n!  { name = "{n}.example"; action = "refuse"; }\n);', "n"),
    "range-upside-down": ('zones = (\n!  { name = "{n}.example"; n = [ 9, 1 ]; action = "refuse"; }\n'
                          ');', "n"),
    "bad-match": ('zones = (\n!  { name = "a.example"; match = "exakt"; action = "drop"; }\n);',
                  "exact"),
    "family-option": ('couriers = (\n  { name = "apple";\n!    pre_reslove = "off"; }\n);',
                      "pre_resolve"),
    "family-misspelt": ('couriers = (\n!  { name = "aple"; count = 5; }\n);', '"apple"'),
    "family-without-target": ('couriers = (\n!  { name = "a"; alias = "a.example"; variants = '
                              '[ "{n}-a.example" ]; }\n);', "target"),
    "variant-without-number": ('couriers = (\n  { name = "apple";\n    variants = [ "{n}.a.example",\n'
                               '!      "n-a.example" ]; }\n);', "{n}"),
    "count-too-large": ('couriers = (\n!  { name = "apple"; count = 1000; }\n);', "1 to 999"),
    "alias-under-its-variant": ('couriers = (\n  { name = "b"; target = "u.example"; variants = '
                                '[ "{n}-b.example" ];\n!    alias = "5-b.example"; }\n);',
                                "{n}-b.example"),
    "families-share-a-name": ('couriers = (\n  { name = "a"; target = "t.example"; variants = '
                              '[ "{n}-a.example" ];\n!    alias = "Courier.push.apple.com"; }\n);',
                              "built-in"),
    "family-twice": ('couriers = (\n  { name = "apple"; count = 5; },\n!  { name = "apple"; '
                     'enabled = false; }\n);', "duplicate"),
    "family-group": ('couriers = (\n!  { name = "apple"; repair_upstream = "outsid"; }\n);\n'
                     'upstreams = { outside = { servers = [ "192.0.2.1" ]; }; };', "outside"),
    "family-type": ('couriers = (\n!  { name = "apple"; types = [ "A", "HTTPD" ]; }\n);', "HTTPS"),
    "trusted-host-bits": ('!trusted = [ "10.0.0.1/8" ];', "10.0.0.0/8"),
    "control-not-absolute": ('control = {\n!  socket = "control.sock"; };', "/run/courierdns"),
    "syntax": ('cache = {\n  size = "1M"\n!  = ;\n};', ""),
    "missing-include": ('!@include "no-such-file.conf"', ""),
    "unknown-level": ('log = {\n!  level = "inof";\n};', "info"),
}


@each(sorted(BAD))
def test_OP_16_complaint_names_file_line_and_thing(t, kind):
    marked, thing = BAD[kind]
    lines = marked.split("\n")
    number = next(at for at, line in enumerate(lines, 1) if line.startswith("!"))
    path = file(t, "\n".join(line.lstrip("!") for line in lines) + "\n")
    done = ends(run(t, "check", "-c", path), BAD_CONF)
    said = done.stdout + done.stderr
    places = re.findall(r"^.*test\.conf:(\d+): .+$", said, re.M)
    # an unfinished statement is noticed where the next one stands
    assert str(number) in places or kind == "syntax" and places, "line %d: %s" % (number, said)
    assert thing.lower() in said.lower(), said


def test_OP_16_all_complaints_not_only_the_first(t):
    path = file(t, 'cash = { };\nedns = { size = 1; };\nzones = (\n  { name = "a.example"; '
                   'upstream = "nobody"; },\n  { name = "b..example"; action = "refuse"; }\n);\n'
                   'log = { level = "loud"; };\n')
    said = run(t, "check", "-c", path)
    places = re.findall(r"test\.conf:(\d+): ", said.stdout + said.stderr)
    for line in (1, 2, 4, 5, 7):
        assert str(line) in places, "line %d: %s%s" % (line, said.stdout, said.stderr)
    assert said.returncode == BAD_CONF


@each(["missing", "directory", "empty", "unreadable", "binary"])
def test_OP_16_files_that_are_none(t, kind):
    path = os.path.join(t.directory, "test.conf")
    if kind == "directory":
        os.mkdir(path)
    elif kind in ("empty", "unreadable"):
        file(t, "" if kind == "empty" else GOOD)
        if kind == "unreadable":
            os.chmod(path, 0)
            if os.access(path, os.R_OK):
                raise Skip("root reads everything")
    elif kind == "binary":
        file(t, bytes(range(256)) * 16)
    for command in ("check", "run", "config"):
        done = ends(run(t, command, "-c", path), BAD_CONF)
        assert "test.conf" in done.stdout + done.stderr, done


def test_run_with_a_bad_file_ends_at_once(t):
    done = ends(run(t, "run", "-c", file(t, "cash = { };\n")), BAD_CONF)
    assert re.search(r"test\.conf:1: .*cache", done.stderr), done.stderr


def test_check_does_not_disturb_a_running_daemon(t):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    for command in ("check", "config"):
        ends(run(t, command, "-c", dev.path), OK)
    assert dev.ask(qname).a() == ["192.0.2.1"]


@each(["SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGHUP"])
def test_OP_05_signals_that_do_not_end_it(t, name):
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up)
    for _ in range(20):
        dev.signal(getattr(signal, name))
    assert dev.ask(qname).a() == ["192.0.2.1"]


def test_sample_file_is_good(t):
    path = os.path.join(os.path.dirname(__file__), "..", "..", "etc", "courierdns.conf")
    ends(run(t, "check", "-c", os.path.abspath(path)), OK)


# --- run -----------------------------------------------------------------------------------

@each(["udp", "tcp"])
def test_a_taken_port_names_its_holder(t, kind):
    address = "%s.1" % t.net
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp"
                       else socket.SOCK_STREAM) as holder:
        holder.bind((address, 5300))
        if kind == "tcp":
            holder.listen(1)
        done = ends(run(t, "run", "-c", file(t, t.config([t.upstream()]))), OS_ERROR)
    assert "%s@5300" % address in done.stderr or "5300" in done.stderr, done.stderr
    assert "python" in done.stderr and str(os.getpid()) in done.stderr, done.stderr


@each(["SIGTERM", "SIGINT"])
def test_signals_end_it_well(t, name):
    dev = t.device(t.upstream())
    dev.signal(getattr(signal, name))
    assert dev.process.wait(3.0 * SLOWER) == 0
    dev.stopped = True


@each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_signals_to_the_very_end_spoil_nothing(t, name):
    """Told to end, and something more again and again until it has ended."""
    dev = t.device(t.upstream())
    dev.signal(signal.SIGTERM)
    until = time.monotonic() + 3.0 * SLOWER
    while dev.process.poll() is None and time.monotonic() < until:
        dev.signal(getattr(signal, name))
    assert dev.process.poll() == 0, dev.stderr()
    dev.stopped = True


def test_OP_04_what_is_in_flight_is_answered_before_the_end(t):
    up = t.upstream()
    up.rule(None, "A", lambda asked: send(asked.reply([a1(wire.text(asked.name))]), 0.7), times=(50, 100))
    dev = t.device(up)
    with dev.udp() as udp:
        for at in range(50):
            udp.send(wire.query("flight%d.example." % at, ident=at))
        t.until(lambda: len({one.name for one in up.log}) == 50, 2, "not all asked")
        dev.signal(signal.SIGTERM)
        for at in range(50):
            data = udp.recv(2.0)
            assert data is not None, "%d answered" % at
            assert wire.Message(data).rcode in (wire.NOERROR, wire.SERVFAIL)
    assert dev.process.wait(3.0 * SLOWER) == 0
    dev.stopped = True


def test_OP_04_the_end_does_not_wait_for_the_silent(t):
    up = t.upstream()
    up.silent(times=None)
    dev = t.device(up, timeout=4.0)
    with dev.udp() as udp:
        for at in range(20):
            udp.send(wire.query("silent%d.example." % at, ident=at))
        t.until(lambda: len(up.log) >= 20, 2, "not all asked")
        began = time.monotonic()
        dev.signal(signal.SIGTERM)
        assert dev.process.wait(4.0 * SLOWER) == 0
        t.within(time.monotonic() - began, 0, 2.5)
    dev.stopped = True


def test_run_without_a_file(t):
    """Listening and asking as the arguments say."""
    up = t.upstream()
    rule = up.answers(COURIER, "A", *r1())
    up.rule(None, None, lambda asked: send(apple.truth(asked)), times=None)     # ahead of time
    address, other = t.address(), t.address()
    dev = t.device(up, address=address, text="", args=[
        "run", "-l", address + "@5300", "-l", other + "@5301", "-u",
        "%s@%d" % (up.address, up.port)])
    first = dev.ask(COURIER)
    t.miss(first, rule)
    with client.Udp(other, 5301) as udp:
        assert wire.Message(udp.ask(wire.query(COURIER, ident=1), 3.0).wire).types() == ["CNAME", "SOA"]


def test_arguments_replace_the_files_listen_and_default(t):
    one, two, qname = t.upstream(), t.upstream(), t.fresh()
    two.answers(qname, "A", [a1(qname)])
    address = t.address()
    text = t.config([one], address="%s.1" % t.net)
    path = file(t, text)
    dev = t.device(two, address=address, text="", args=[
        "run", "-c", path, "-l", address + "@5300", "-u", "%s@%d" % (two.address, two.port)])
    assert dev.ask(qname).a() == ["192.0.2.1"]
    one.saw(0)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        assert probe.connect_ex(("%s.1" % t.net, 5300)) != 0, "the file's listen is in force too"


@each([["-l", "127.0.0.1@0"], ["-l", "nonsense"], ["-u", "dns.example"]], "+".join)
def test_bad_arguments_are_refused(t, args):
    done = run(t, "run", *args)
    assert done.returncode in (USAGE, BAD_CONF), done
    assert args[1] in done.stderr, done.stderr


# --- explain -------------------------------------------------------------------------------

def test_explain_names_the_rule_and_the_group(t):
    path = file(t, GOOD)
    cases = [(["www.corp.example", "A"], ["corp.example", "corp"]),
             (["a.example"], ["a.example", "nxdomain"]),
             (["x.a.example"], ["default"]),
             (["17-courier.push.apple.com", "A"], ["{n}-courier.push.apple.com", "answer"]),
             (["17-courier.push.apple.com", "TXT"], ["default"]),
             (["251-courier.push.apple.com", "A"], ["default"]),
             (["www.example.org", "AAAA"], ["default"]),
             (["localhost"], ["6761"])]
    for args, words in cases:
        done = ends(run(t, "explain", *args, "-c", path), OK)
        for word in words:
            assert word in done.stdout, "%s: %s is not in\n%s" % (args, word, done.stdout)
    done = ends(run(t, "explain", "www.corp.example", "A", "-c", path), OK)
    assert re.search(r"test\.conf:8\b", done.stdout), "which line?\n%s" % done.stdout


def test_explain_refuses_what_it_cannot_read(t):
    done = ends(run(t, "explain", "a.example", "NOTYPE", "-c", file(t, GOOD)), USAGE)
    assert done.stderr.startswith("courierdns explain: \"NOTYPE\""), done.stderr
    ends(run(t, "explain", "a..example", "-c", file(t, GOOD)), USAGE)
    ends(run(t, "explain", "a.example", "-c", file(t, "cash = { };\n")), BAD_CONF)
