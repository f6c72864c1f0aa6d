"""Under a service manager: what it is told, sockets that it opens, the units in contrib/systemd."""

import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import client, netns, wire
from harness.device import PROGRAM, SANITIZED, SLOWER
from harness.manager import (BUILT_IN, UNITS, Manager, Stuck, filtering, listening, need_it, passing,
                             system_calls, threads, unit)
from harness.mark import Skip, alone, each, limit
from harness.shapes import a1
from harness.upstream import send
from test_query_log import start_with_reader

PORT = 5300


def answering(t):
    up = t.upstream()
    up.rule(None, "A", lambda asked: send(asked.reply([a1(wire.text(asked.name))])), times=None)
    return up


# --- what it tells ---------------------------------------------------------------------------

@each([False, True], lambda abstract: "abstract" if abstract else "path")
def test_it_says_when_it_is_ready_and_when_it_ends(t, abstract):
    manager = Manager(t, abstract).listen()
    dev = t.device(answering(t), answering(t), env=manager.env)
    t.until(manager.order, 3)
    _, first = manager.said[0]
    assert first == {"READY": "1", "MAINPID": str(dev.pid),
                     "STATUS": "2 of 2 servers up, 0 answers in the cache"}, first
    dev.signal(signal.SIGTERM)
    assert dev.process.wait(3.0 * SLOWER) == 0
    dev.stopped = True
    t.until(lambda: manager.order() == ["READY", "STOPPING"], 1, "it did not say that it ends")
    assert "in flight" in manager.values("STATUS")[-1], manager.said


def test_it_is_ready_when_it_says_so(t):
    """Whoever asks as soon as it has said so is answered: no try before that."""
    manager = Manager(t)
    manager.socket.settimeout(10 * SLOWER)
    dev = t.device(answering(t), start=False, env=manager.env)
    dev.start(wait=False)
    assert b"READY=1" in manager.socket.recv(4096)
    assert dev.ask("ready.example.").a() == ["192.0.2.1"]
    assert dev.ask("ready.example.", tcp=True).a() == ["192.0.2.1"]
    assert os.path.exists(dev.control)


def test_a_reload_is_told_with_its_time_and_what_came_of_it(t):
    manager = Manager(t).listen()
    up = answering(t)
    dev = t.device(up, env=manager.env)
    t.until(manager.order, 3)
    good = open(dev.path, encoding="utf-8").read()
    began = time.monotonic()
    dev.reload()
    t.until(lambda: len(manager.order()) == 3, 3)
    at = int(manager.values("MONOTONIC_USEC")[0]) / 1e6
    assert began - 0.001 <= at <= time.monotonic(), (began, at)
    dev.reload("cash = { };\n" + good)
    t.until(lambda: len(manager.order()) == 5, 3)
    assert re.search(r"last reload failed: \S*courierdns\.conf:1: ", manager.values("STATUS")[-1]), manager.said
    dev.reload(good)
    t.until(lambda: len(manager.order()) == 7, 3)
    assert manager.order() == ["READY"] + ["RELOADING", "READY"] * 3, manager.order()
    assert "failed" not in manager.values("STATUS")[-1], manager.said


@limit(60)
def test_status_follows_servers_and_cache_and_no_faster_than_every_few_seconds(t):
    manager = Manager(t).listen()
    up, gone = answering(t), t.upstream()
    gone.close()
    dev = t.device(up, gone, env=manager.env, order="listed", conf="limits = { inflight = 64; };")
    began = time.monotonic()
    at = 0
    while not (manager.values("STATUS") and re.match(
            r"1 of 2 servers up, [1-9]\d* answers", manager.values("STATUS")[-1])):
        dev.ask("status%d.example." % at)
        at += 1
        if at == 20:
            up.deaf = True          # so that the other one is asked and found to be gone
        if at == 22:
            up.deaf = False
        time.sleep(0.05)
        assert time.monotonic() - began < 30 * SLOWER, manager.said
    took = time.monotonic() - began
    assert len(manager.values("STATUS")) <= 2 + took / 2.5, (took, manager.said)


@each(["", "relative/path", "@", "/no/such/directory/socket", "/" + 200 * "x"])
def test_a_manager_that_cannot_be_told_changes_nothing(t, name):
    need_it()
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "nonsense"})
    assert dev.ask(qname).a() == ["192.0.2.1"]
    assert dev.stderr().count("NOTIFY_SOCKET") == (1 if name else 0), dev.stderr()


def fill(t, manager):
    """There is no room in its socket, until it is read."""
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    t.closing.append(full.close)
    full.setblocking(False)
    try:
        while True:
            full.sendto(b"X=1", manager.name)
    except BlockingIOError:
        pass


def test_a_manager_that_is_busy_is_told_later(t):
    """Its socket has no room for a while; nothing waits for it, and nothing is lost."""
    manager = Manager(t)
    fill(t, manager)
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, env=manager.env)
    assert dev.ask(qname).a() == ["192.0.2.1"]
    manager.listen()
    t.until(manager.order, 3, "it did not say that it is ready")
    assert manager.order() == ["READY"], manager.said


def test_a_reload_is_told_in_its_order_when_there_is_room(t):
    """Its socket is full as long as the reload takes: ready is told behind reloading, all the same."""
    manager = Manager(t)
    manager.socket.settimeout(10 * SLOWER)
    dev = t.device(answering(t), start=False, env=manager.env)
    dev.start(wait=False)
    assert b"READY=1" in manager.socket.recv(4096)
    fill(t, manager)
    dev.reload()
    t.until(lambda: "the new configuration is in use" in dev.stderr(), 5.0, "it does not reload")
    manager.socket.settimeout(0.05)
    manager.listen()
    t.until(lambda: "READY" in manager.order(), 5.0, "it did not say that it is ready")
    assert manager.order() == ["RELOADING", "READY"], manager.said
    assert manager.values("MONOTONIC_USEC"), manager.said


# --- the watchdog ----------------------------------------------------------------------------

@limit(60)
def test_signs_of_life_come_in_time(t):
    """At least twice as often as they must, on all that has happened here."""
    within = 2.0 * SLOWER
    manager = Manager(t).listen()
    t.device(answering(t), env=dict(manager.env, WATCHDOG_USEC="%d" % (within * 1e6)))
    t.until(lambda: len(manager.times("WATCHDOG")) >= 4, 6 * within, "no signs of life")
    times = manager.times("WATCHDOG")
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert max(gaps) < within + 3 * t.loop.lag, gaps


@each(["another's", "none", "zero", "nonsense"])
def test_signs_of_life_are_for_who_is_asked_for_them(t, what):
    manager = Manager(t).listen()
    t.device(answering(t), env=dict(manager.env, **{
        "another's": {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}, "none": {},
        "zero": {"WATCHDOG_USEC": "0"}, "nonsense": {"WATCHDOG_USEC": "200000x"}}[what]))
    t.until(manager.order, 3)
    time.sleep(0.5)
    assert not manager.times("WATCHDOG"), manager.said


@alone
@limit(60)
@each([1, 3], lambda workers: "%d workers" % workers)
def test_a_loop_that_is_stuck_gives_no_sign_of_life(t, workers):
    """Each of them in turn: the others run on, and are not waited for."""
    manager = Manager(t).listen()
    dev = t.device(answering(t), conf="workers = %d;" % workers,
                   env=dict(manager.env, WATCHDOG_USEC="400000"))
    for name in ["courierdns", "worker 2", "worker 3"][:workers]:
        before = len(manager.times("WATCHDOG"))
        t.until(lambda: len(manager.times("WATCHDOG")) > before + 1, 5, "no sign of life")
        try:
            with Stuck(threads(dev.pid)[name]):
                time.sleep(0.45)        # what was answered before may still be told
                last = len(manager.times("WATCHDOG"))
                time.sleep(1.2)
                assert len(manager.times("WATCHDOG")) == last, "%s stands still: %s" % (
                    name, manager.said[-4:])
        except PermissionError as error:
            raise Skip("a thread cannot be stopped here: %s" % error) from error
    t.until(lambda: len(manager.times("WATCHDOG")) > last + 1, 5, "it did not come back")


@alone
def test_a_worker_that_is_stuck_does_not_stop_the_first(t):
    """Which goes on answering, until the watchdog's time is over."""
    manager = Manager(t).listen()
    up = answering(t)
    dev = t.device(up, conf="workers = 2;", env=dict(manager.env, WATCHDOG_USEC="400000"))
    t.until(manager.order, 3)
    t.until(lambda: "worker 2" in threads(dev.pid), 3)      # it names itself, once it has the processor
    try:
        with Stuck(threads(dev.pid)["worker 2"]):
            time.sleep(1.0)
            # what the system gives to the stuck one is lost
            answered = 0
            for at in range(18):
                try:
                    answered += dev.ask("stuck%d.example." % at, timeout=0.3 * SLOWER).a() == ["192.0.2.1"]
                except client.NoAnswer:
                    pass
            assert answered > 2, answered
    except PermissionError as error:
        raise Skip("a thread cannot be stopped here: %s" % error) from error


# --- sockets that are passed -----------------------------------------------------------------

def activated(t, *upstreams, sockets, names=None, pid="", **how):
    dev = t.device(*upstreams, start=False, prefix=passing(sockets, names, pid), **how)
    dev.pass_fds = tuple(one.fileno() for one in sockets)
    for one in sockets:
        t.closing.append(one.close)
    return dev


def both(address):
    return [listening(address, PORT, kind) for kind in ("udp", "tcp")]


@each([1, 3], lambda workers: "%d workers" % workers)
def test_sockets_that_are_passed_are_used(t, workers):
    """They are taken already, so it could not open them; and what was asked before it was there is
    answered."""
    sockets = both(t.net + ".1")
    dev = activated(t, answering(t), sockets=sockets, conf="workers = %d;" % workers)
    with dev.udp() as udp, dev.tcp() as tcp:
        udp.send(wire.query("early.example.", ident=1))
        tcp.send(wire.query("early.example.", ident=2))
        dev.start(wait=False)
        data = udp.recv(5.0 * SLOWER)
        assert data is not None and wire.Message(data).rcode == wire.NOERROR
        assert wire.Message(tcp.recv(5.0 * SLOWER)).rcode == wire.NOERROR
    for at in range(60):
        assert dev.ask("later%d.example." % at, tcp=at % 3 == 0).a() == ["192.0.2.1"]
    assert "2 of 2 sockets that were passed are used" in dev.stderr(), dev.stderr()


@alone
def test_each_worker_has_a_socket_where_several_are_passed(t):
    """As with ReusePort= and the same address twice: none is left unread."""
    address = t.net + ".1"
    sockets = [listening(address, PORT, kind, options=[socket.SO_REUSEPORT])
               for kind in ("udp", "tcp") for _ in range(2)]
    dev = activated(t, answering(t), sockets=sockets, conf="workers = 2;").start()
    for at in range(40):        # each from a port of its own, so that both sockets have their share
        assert dev.ask("each%d.example." % at, tcp=at % 2 == 0, timeout=2.0).a() == ["192.0.2.1"]
    assert "4 of 4 sockets that were passed are used" in dev.stderr(), dev.stderr()


@alone
def test_sockets_that_no_worker_reads_are_named(t):
    """There are more of an address than workers: the system gives them their share all the same. With as
    many workers all is well."""
    sockets = [listening(t.net + ".1", PORT, kind, options=[socket.SO_REUSEPORT])
               for kind in ("udp", "tcp") for _ in range(2)]
    dev = activated(t, answering(t), sockets=sockets, names=["a", "b", "c", "d"], conf="workers = 2;").start()
    assert "nobody reads" not in dev.stderr(), dev.stderr()
    dev.reload(open(dev.path, encoding="utf-8").read().replace("workers = 2;", "workers = 1;"))
    t.until(lambda: "2 of 4 sockets that were passed are used" in dev.stderr(), 5.0, "it does not say so")
    unread = re.findall(r"^warning: socket \d+ that was passed \((\w)\), .*: nobody reads this one", dev.stderr(), re.M)
    assert unread == ["b", "d"], dev.stderr()
    dev.reload(open(dev.path, encoding="utf-8").read().replace("workers = 1;", "workers = 2;"))
    t.until(lambda: dev.stderr().count("4 of 4 sockets") == 2, 5.0, "they are not taken up again")


def test_what_comes_between_two_lives_is_answered_by_the_next(t):
    sockets = both(t.net + ".1")
    up = answering(t)
    dev = activated(t, up, sockets=sockets).start()
    with dev.udp() as udp:
        assert udp.ask(wire.query("one.example.", ident=1), 2.0).rcode == wire.NOERROR
        dev.signal(signal.SIGTERM)
        assert dev.process.wait(5.0 * SLOWER) == 0
        for at in range(20):
            udp.send(wire.query("between%d.example." % at, ident=100 + at))
        dev.start(wait=False)
        got = {int.from_bytes(udp.recv(5.0 * SLOWER)[:2], "big") for _ in range(20)}
        assert got == set(range(100, 120)), got


@alone
@limit(60)
def test_what_was_passed_is_there_for_every_reload(t):
    """Left, it is told that nobody answers there; taken up again, it is used again, by however many
    workers there are."""
    other = t.address()
    sockets = both(t.net + ".1") + both(other)
    dev = activated(t, answering(t), sockets=sockets).start()
    text = open(dev.path, encoding="utf-8").read()
    two = text.replace("listen = ( {", 'listen = ( { address = "%s"; port = %d; }, {' % (other, PORT))
    assert two != text

    def answers_at(address, tcp, at):
        with (client.Tcp if tcp else client.Udp)(address, PORT) as sock:
            return sock.ask(client.with_id(wire.query("reload%d.example." % at)), 3.0 * SLOWER)

    t.until(lambda: dev.stderr().count("no entry of `listen`") == 2, 3)
    for turn, config in enumerate((two, two + "workers = 3;\n", text, two + "workers = 2;\n")):
        dev.reload(config)
        t.until(lambda: dev.stderr().count("sockets that were passed are used") == turn + 2, 5)
        used = 2 if config is text else 4
        assert dev.stderr().count("2 of 4 sockets") == (1 if turn < 2 else 2), dev.stderr()
        for at in range(24):
            for address in (dev.address, other) if used == 4 else (dev.address,):
                assert answers_at(address, at % 2 == 0, turn * 100 + at).a() == ["192.0.2.1"], (turn, at)
    assert dev.stderr().count("no entry of `listen`") == 4, dev.stderr()


def test_sockets_of_another_process_are_left_alone(t):
    """LISTEN_PID speaks of somebody else: the ports are taken, by whoever passed the sockets."""
    sockets = both(t.net + ".1")
    dev = activated(t, answering(t), sockets=sockets, pid=1)
    dev.exit_expected = 71
    dev.start(wait=False)
    assert dev.process.wait(5.0 * SLOWER) == 71
    assert "taken by" in dev.stderr(), dev.stderr()
    dev.stopped = True


def test_sockets_that_nothing_listens_on_are_named(t):
    other, address = t.address(), t.net + ".1"
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    client_side = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sockets = [listening(address, PORT), listening(other, 5353, "tcp"), unix, client_side]
    dev = activated(t, answering(t), sockets=sockets, names=["dns", "stray", "odd", "half"]).start()
    assert dev.ask("named.example.", tcp=True).a() == ["192.0.2.1"]     # which it opened itself
    lines = dev.stderr().splitlines()
    for words in (["socket 4", "(stray)", other + "@5353 tcp", "`listen`"],
                  ["socket 5", "(odd)", "neither UDP nor TCP"],
                  ["socket 6", "(half)", "connection"]):
        assert any(line.startswith("warning: ") and all(word in line for word in words)
                   for line in lines), (words, dev.stderr())
    assert "1 of 4 sockets that were passed are used" in dev.stderr(), dev.stderr()


@each(["many", "-1", "300"])
def test_numbers_of_sockets_that_make_no_sense_change_nothing(t, count):
    need_it()
    dev = t.device(answering(t), prefix=["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=%s exec "$@"' % count, "sh"])
    assert dev.ask("number.example.").a() == ["192.0.2.1"]
    assert "LISTEN_FDS" in dev.stderr(), dev.stderr()


def missing_are_told_once(dev, count):
    warnings = re.findall(r"^warning: .*(?:LISTEN_FDS|passed).*", dev.stderr(), re.M)
    assert len(warnings) == 1, dev.stderr()
    assert "says %d, but %d of these descriptors are not open" % (count, count) in warnings[0], warnings
    assert "are used" not in dev.stderr(), dev.stderr()


def test_descriptors_that_are_not_there_stay_so(t):
    """What it opens itself may get their numbers, and is not closed for that, nor taken for them."""
    need_it()
    dev = t.device(answering(t), prefix=["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=4 exec "$@"', "sh"])
    assert dev.ask("there.example.").a() == ["192.0.2.1"]
    dev.reload()
    t.until(lambda: "the new configuration is in use" in dev.stderr(), 5.0, "it does not reload")
    missing_are_told_once(dev, 4)


def test_the_log_is_not_taken_for_what_was_passed(t):
    """To a pipe it has a descriptor of its own, the first one that was free."""
    need_it()
    prefix = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=200 exec "$@"', "sh"]
    dev, _ = start_with_reader(t, answering(t), "pipe", prefix=prefix)
    t.until(lambda: "is ready" in dev.stderr(), 5.0, "it does not say that it is ready")
    missing_are_told_once(dev, 200)


def test_a_process_number_alone_is_nothing_to_warn_of(t):
    dev = t.device(answering(t), prefix=["sh", "-c", 'unset LISTEN_FDS; LISTEN_PID=$$ exec "$@"', "sh"])
    assert "LISTEN" not in dev.stderr() and "passed" not in dev.stderr(), dev.stderr()


def test_a_wildcard_socket_that_was_passed_answers_from_where_it_was_asked(t):
    sockets = [listening("0.0.0.0", 0)]
    port = sockets[0].getsockname()[1]
    dev = activated(t, answering(t), sockets=sockets, port=port, address=t.net + ".9", listen=
                    'listen = ( { address = "0.0.0.0"; port = %d; protocols = [ "udp" ]; } );\n' % port)
    dev.has_tcp = False
    dev.start()     # asks .9, over a socket that takes answers from there alone
    assert dev.ask("wild.example.").a() == ["192.0.2.1"]


def test_a_build_without_it_tells_nobody_and_opens_its_own(t):
    """What it finds in the environment and at descriptor 3 is nothing to it, nor to the log."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    t.closing.append(listener.close)
    listener.bind(os.path.join(t.directory, "notify.sock"))
    os.chmod(os.path.join(t.directory, "notify.sock"), 0o777)
    listener.setblocking(False)
    dev = t.device(answering(t), env={"NOTIFY_SOCKET": listener.getsockname(), "LISTEN_FDS": "many"},
                   prefix=["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"])
    assert dev.ask("own.example.").a() == ["192.0.2.1"]
    dev.reload()
    dev.stop()
    if BUILT_IN:
        assert b"READY=1" in listener.recv(4096) and "LISTEN_FDS" in dev.stderr()
        return
    assert not select.select([listener], [], [], 0)[0], listener.recv(4096)
    assert "LISTEN_FDS" not in dev.stderr() and "told" not in dev.stderr(), dev.stderr()


# --- the units -------------------------------------------------------------------------------

def analyze(*args):
    if shutil.which("systemd-analyze") is None:
        raise Skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def copy_units(t, change=lambda text: text):
    """The units with our program in place of what is not installed here."""
    for name in ("courierdns.service", "courierdns.socket"):
        with open(os.path.join(UNITS, name), encoding="ascii") as file:
            text = re.sub(r"^Documentation=.*\n", "", file.read(), flags=re.M)
        with open(os.path.join(t.directory, name), "w", encoding="ascii") as file:
            file.write(change(text.replace("/usr/sbin/courierdns", PROGRAM)))
    return [os.path.join(t.directory, name) for name in ("courierdns.service", "courierdns.socket")]


def test_the_service_is_exposed_as_little_as_promised(t):
    for lacking, is_fine in ((None, True), ("RestrictNamespaces=yes", False)):
        paths = copy_units(t, lambda text, without=lacking: text.replace(without or "\0", ""))
        status, said = analyze("security", "--offline=true", "--threshold=16", "--no-pager", paths[0])
        assert (status == 0) == is_fine, said


def test_systemd_understands_the_units(t):
    for more, is_fine in (("", True), ("\n[Service]\nRestrt=on-failure\n", False)):
        status, said = analyze("verify", *copy_units(t, lambda text, tail=more: text + tail))
        assert (status == 0 and not said) == is_fine, said


def test_the_socket_unit_is_what_the_default_listens_on(t):
    """Else it would be of no use without a change: every address, both protocols."""
    sockets, listens = unit("courierdns.socket"), []
    path = os.path.join(t.directory, "default.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("special_names = true;\n")
    done = subprocess.run([PROGRAM, "config", "-c", path], capture_output=True, text=True, check=True)
    for address, port, protocols in re.findall(
            r'address = "([^"]+)";\s*port = (\d+);\s*protocols = \[ ([^\]]+) \]', done.stdout):
        listens += [(kind, "%s:%s" % ("[%s]" % address if ":" in address else address, port))
                    for kind in re.findall(r"\w+", protocols)]
    assert sorted(listens) == sorted([("udp", one) for one in sockets["ListenDatagram"]] + [
        ("tcp", one) for one in sockets["ListenStream"]]), listens


def test_exit_codes_that_a_new_start_cannot_mend_are_not_tried_again(t):
    assert unit()["RestartPreventExitStatus"] == ["64 78"]
    for args, code in ((["run", "--nonsense"], 64), (["run", "-c", "/dev/null/x"], 78)):
        assert subprocess.run([PROGRAM, *args], capture_output=True, check=False).returncode == code


def test_the_command_that_reloads_is_one_of_ours(t):
    """Not a signal, which would say nothing of a file that is wrong."""
    program, *words = unit()["ExecReload"][0].split()
    assert program == unit()["ExecStart"][0].split()[0] and words == ["reload"], words
    assert "courierdns reload" in subprocess.run([PROGRAM, "help", *words], capture_output=True,
                                                 text=True, check=True).stdout


def test_account_and_directory_are_made_as_the_service_wants_them(t):
    if os.getuid() != 0 or shutil.which("systemd-sysusers") is None:
        raise Skip("needs root and systemd-sysusers")
    root = os.path.join(t.directory, "root")
    for folder in ("etc", "run"):
        os.makedirs(os.path.join(root, folder))
    for tool in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        name = "courierdns." + tool[0].split("-")[1]
        subprocess.run(tool + ["--root=" + root, os.path.join(UNITS, name)], check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)
    with open(os.path.join(root, "etc/passwd"), encoding="ascii") as file:
        user = [line.split(":") for line in file if line.startswith("courierdns:")][0]
    with open(os.path.join(root, "etc/group"), encoding="ascii") as file:
        group = [line.split(":") for line in file if line.startswith("courierdns:")][0]
    assert unit()["User"] == unit()["Group"] == ["courierdns"]
    assert user[3] == group[2] and user[6].strip().endswith("nologin") and user[2] != "0", user
    made = os.stat(os.path.join(root, "run/courierdns"))
    assert (made.st_uid, made.st_gid, made.st_mode & 0o7777) == (
        int(user[2]), int(group[2]), int(unit()["RuntimeDirectoryMode"][0], 8)), made
    assert unit()["RuntimeDirectory"] == ["courierdns"]


# --- the service itself ----------------------------------------------------------------------

NOBODY = 65534


def as_the_unit(settings, capabilities=True):
    """What runs a command as systemd would: account, capabilities, no way to more."""
    assert settings["CapabilityBoundingSet"] == settings["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert settings["NoNewPrivileges"] == ["yes"]
    caps = "-all" + (",+net_bind_service" if capabilities else "")
    files = min(int(settings["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return ["prlimit", "--nofile=%d" % files, "setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY,
            "--clear-groups", "--bounding-set=" + caps, "--inh-caps=" + caps, "--ambient-caps=" + caps, "--no-new-privs"]


class Service:
    """The unit's ExecStart line in a network of its own, with another program and configuration in
    the places of those that are not installed."""

    def __init__(self, t, capabilities=True, sockets=()):
        if os.getuid() != 0 or shutil.which("systemd-analyze") is None:
            raise Skip("needs systemd-analyze, and root, who alone can become another user")
        self.network = netns.Network(t, as_root=True)
        self.directory = tempfile.mkdtemp(prefix="courierdns-unit-")    # those of tests are ours alone
        t.closing.append(lambda: shutil.rmtree(self.directory))
        os.chmod(self.directory, 0o755)
        run = os.path.join(self.directory, "run")
        os.mkdir(run)
        os.chown(run, NOBODY, NOBODY)
        program, path = (os.path.join(self.directory, name) for name in ("courierdns", "courierdns.conf"))
        shutil.copy(PROGRAM, program)
        with open(path, "w", encoding="ascii") as out:
            out.write('upstreams = { default = { servers = [ "127.0.0.1@5399" ]; }; };\n'
                      'zones = ( { name = "here.example"; action = "answer"; records = [ "@ 60 IN A 192.0.2.7" ]; } );\n'
                      'control = { socket = "%s/control.sock"; };\n' % run)
        settings = unit()
        line = settings["ExecStart"][0].replace("/usr/sbin/courierdns", program).replace(
            "/etc/courierdns.conf", path)
        assert line.startswith(program) and path in line, line
        self.manager = Manager(t).listen()
        os.chmod(t.directory, 0o711)
        os.chmod(os.path.dirname(t.directory), 0o711)
        os.chmod(self.manager.name, 0o777)
        open_here = [listening(*where, make=self.network.socket) for where in sockets]
        dev = t.device(start=False, address="127.0.0.1", port=53, network=self.network, env=self.manager.env,
                       prefix=(passing(open_here) if open_here else []) + as_the_unit(settings, capabilities),
                       text="", args=[])
        dev.pass_fds = tuple(one.fileno() for one in open_here)
        for one in open_here:
            t.closing.append(one.close)
        # what looks for leaks asks for more than the program does
        self.device, self.command = dev, ([] if SANITIZED else filtering(settings)) + line.split()

    def start(self):
        """As Device.start(), but for the command."""
        dev = self.device
        with open(dev.stderr_path, "ab") as out:
            dev.process = subprocess.Popen(
                dev.prefix + self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/",
                env=dict(os.environ, **dev.env), pass_fds=dev.pass_fds)
        dev.wait_ready()
        return dev

    def status(self, key):
        with open("/proc/%d/status" % self.device.pid, encoding="ascii") as file:
            return re.search(r"^%s:[ \t]*(.*?)\s*$" % key, file.read(), re.M).group(1)


def test_the_filter_lets_through_what_it_says(t):
    if shutil.which("systemd-analyze") is None:
        raise Skip("systemd-analyze is not installed")
    calls = system_calls(unit())
    assert {"recvmmsg", "sendmmsg", "epoll_wait", "execve", "seccomp"} <= calls, sorted(calls)
    assert not {"capset", "setuid", "mount", "ptrace", "setrlimit", "init_module"} & calls
    if not SANITIZED:
        done = subprocess.run(["setpriv", "--no-new-privs"] + filtering(unit()) + ["chroot", "/"],
                              capture_output=True, text=True, check=False)
        assert done.returncode != 0 and "not permitted" in done.stderr, done


def test_its_exec_line_runs_as_its_user_with_its_capability_alone(t):
    service = Service(t)
    dev = service.start()
    assert dev.ask("here.example.").a() == ["192.0.2.7"]
    assert dev.ask("here.example.", tcp=True).a() == ["192.0.2.7"]
    t.until(service.manager.order, 3)
    assert service.manager.values("MAINPID") == [str(dev.pid)], service.manager.said
    assert service.status("Uid").split() == [str(NOBODY)] * 4
    assert service.status("Groups") == ""
    only = 1 << 10      # CAP_NET_BIND_SERVICE
    for caps in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(service.status(caps), 16) & ~only == 0, (caps, service.status(caps))
    assert service.status("NoNewPrivs") == "1"
    assert SANITIZED or service.status("Seccomp") == "2"
    dev.signal(signal.SIGHUP)
    t.until(lambda: service.manager.order() == ["READY", "RELOADING", "READY"], 3, "no reload")


def test_without_the_capability_it_says_what_is_missing(t):
    service = Service(t, capabilities=False)
    service.device.exit_expected = 71
    try:
        service.start()
        raise AssertionError("it listens on port 53")
    except AssertionError as error:
        assert "exit status 71" in str(error), error
    assert "CAP_NET_BIND_SERVICE" in service.device.stderr(), service.device.stderr()
    service.device.stopped = True


def test_with_sockets_that_are_passed_it_needs_no_capability(t):
    sockets = [(address, 53, kind) for address in ("127.0.0.1", "::1") for kind in ("udp", "tcp")]
    service = Service(t, capabilities=False, sockets=sockets)
    dev = service.start()
    assert dev.ask("here.example.").a() == ["192.0.2.7"]
    with client.Udp("::1", 53, make=service.network.socket) as udp:
        assert wire.Message(udp.ask(wire.query("here.example.", ident=7), 3.0).wire).a() == ["192.0.2.7"]
    assert int(service.status("CapEff"), 16) == 0
    assert "4 of 4 sockets that were passed are used" in dev.stderr(), dev.stderr()
