"""Whom the program becomes, what it keeps, and that there is no way back; what it then can do and
what it tells of what it cannot."""

import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

from harness import client, wire
from harness.device import SANITIZED, SLOWER
from harness.mark import Skip, each
from harness.shapes import a1
from test_cli import BAD_CONF, OK, ends, file, run
from test_control import ask_json, listens

NOBODY = pwd.getpwnam("nobody")
FILTERED = os.environ.get("SECCOMP") == "yes" and not SANITIZED
BIND = 1 << 10


def need_root():
    if os.geteuid() != 0 or open("/proc/self/uid_map", encoding="ascii").read().split() != [
            "0", "0", "4294967295"]:
        raise Skip("wants root")


def serving(t, conf="", **how):
    """A daemon that becomes nobody, unless `conf` says otherwise."""
    up = t.upstream()
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    if not re.search(r"^\s*user\b", conf, re.M):
        conf += 'user = "nobody";\n'
    return t.device(up, conf=conf, **how)


def low(address):
    return 'listen = ( { address = "%s"; port = 5300; }, { address = "%s"; port = 53; } );\n' % (
        address, address)


def statuses(dev):
    """Of each thread, {name: value}."""
    told = []
    for task in os.listdir("/proc/%d/task" % dev.pid):
        with open("/proc/%d/task/%s/status" % (dev.pid, task), encoding="ascii") as lines:
            told.append({name: value.strip() for name, value in
                         (line.split(":", 1) for line in lines)})
    return told


def check_left(dev, uid, gid, kept, groups=""):
    for status in statuses(dev):
        assert status["Uid"].split() == [str(uid)] * 4, status
        assert status["Gid"].split() == [str(gid)] * 4, status
        assert status["Groups"] == groups, status
        for name, bits in (("CapPrm", kept), ("CapEff", kept), ("CapInh", 0), ("CapAmb", 0)):
            assert int(status[name], 16) == bits, (name, status)
        assert status["NoNewPrivs"] == "1", status
        if FILTERED:
            assert status["Seccomp"] == "2", status
    return statuses(dev)


def with_accounts(t, passwd, group, others="nobody:x:65534:65534::/:/bin/false\n"):
    """Before a command: it sees these files in place of the system's, with their lines behind those of
    root and nobody."""
    need_root()
    passwd = file(t, "root:x:0:0::/:/bin/sh\n" + others + passwd, "passwd")
    group = file(t, "root:x:0:\nnogroup:x:65534:\n" + group, "group")
    return ["unshare", "-m", "sh", "-c", "mount --bind %s /etc/passwd && mount --bind %s /etc/group && "
            'exec "$@"' % (passwd, group), "sh"]


# --- what is left --------------------------------------------------------------------------

@each([1, 4])
def test_OP_10_of_root_the_ports_are_left(t, workers):
    """In each thread, those too that a reload starts; and a port below 1024 is opened by a reload."""
    need_root()
    address = "%s.1" % t.net
    dev = serving(t, "workers = %d;\n" % workers, listen=low(address))
    for status in check_left(dev, NOBODY.pw_uid, NOBODY.pw_gid, BIND):
        assert int(status["CapBnd"], 16) == 0, status
    assert len(statuses(dev)) == workers
    if not SANITIZED:
        assert os.stat("/proc/%d/environ" % dev.pid).st_uid == 0, "it can be traced"
    other = t.address()
    text = open(dev.path, encoding="utf-8").read()
    dev.reload(text.replace("workers = %d;" % workers, "workers = %d;" % (workers + 1)).replace(
        '"%s"; port = 53;' % address, '"%s"; port = 53;' % other))

    def is_served():
        with client.Udp(other, 53) as udp:
            try:
                return udp.ask(wire.query("low.example.", ident=7), 1.0)
            except (OSError, client.NoAnswer):
                return None
    t.until(is_served, 5.0, "it does not listen on another port below 1024")
    t.until(lambda: len(statuses(dev)) == workers + 1, 3.0, "there are not more threads")
    check_left(dev, NOBODY.pw_uid, NOBODY.pw_gid, BIND)


def test_OP_10_without_a_low_port_nothing_is_left(t):
    need_root()
    dev = serving(t)
    for status in check_left(dev, NOBODY.pw_uid, NOBODY.pw_gid, 0):
        assert int(status["CapBnd"], 16) == 0, status
    assert re.search(r"^info: runs as nobody \(uid 65534, gid 65534\)$", dev.stderr(), re.M), dev.stderr()


def test_OP_10_groups_of_the_account_are_its_own(t):
    """And not those of whoever started it."""
    enter = with_accounts(t, "dns:x:951:952::/:/bin/false\n", "dns:x:952:\nmore:x:953:dns\nother:x:954:\n")
    dev = serving(t, 'user = "dns";\n', prefix=["setpriv", "--groups", "0,4,954"] + enter)
    check_left(dev, 951, 952, 0, groups="953")


def test_OP_10_the_account_may_be_one_that_no_file_has(t):
    """nss-systemd knows nobody in any case."""
    enter = with_accounts(t, "", "", others="")
    if subprocess.run(enter + ["getent", "passwd", "nobody"], check=False,
                      stdout=subprocess.DEVNULL).returncode != 0:
        raise Skip("wants libnss-systemd")
    dev = serving(t, prefix=enter)
    check_left(dev, 65534, 65534, 0)


def test_what_knows_the_accounts_does_not_stay(t):
    """Of the libraries that they are looked up in none is kept, which would be for good; nor is the child
    that has loaded them."""
    need_root()
    dev = serving(t)
    assert statuses(dev)[0]["Uid"].split() == ["65534"] * 4
    with open("/proc/%d/maps" % dev.pid, encoding="utf-8") as maps:
        assert "libnss" not in maps.read()
    with open("/proc/%d/task/%d/children" % (dev.pid, dev.pid), encoding="ascii") as children:
        assert children.read() == ""


def test_OP_10_the_account_courierdns_is_the_default(t):
    enter = with_accounts(t, "courierdns:x:961:962::/:/bin/false\n", "courierdns:x:962:\n")
    address = t.address()
    dev = t.device(t.upstream(), address=address, text="", prefix=enter, args=[
        "run", "-l", address + "@5300", "-u", "192.0.2.1"])
    check_left(dev, 961, 962, 0)
    assert "nobody" not in dev.stderr(), dev.stderr()
    dev.upstreams = []


def test_OP_10_without_the_account_it_is_nobody_and_says_so(t):
    enter = with_accounts(t, "", "")
    address = t.address()
    dev = t.device(address=address, text="", prefix=enter, args=[
        "run", "-l", address + "@5300", "-u", "192.0.2.1"])
    check_left(dev, 65534, 65534, 0)
    assert "there is no account courierdns, so it becomes nobody" in dev.stderr(), dev.stderr()
    with open("/proc/%d/comm" % dev.pid, encoding="ascii") as name:
        assert name.read().strip() == "courierdns"


def test_OP_10_root_stays_only_where_that_is_written(t):
    need_root()
    dev = serving(t, 'user = "";\n')
    assert statuses(dev)[0]["Uid"].split() == ["0"] * 4
    assert "warning: runs as root, as user = \"\" says" in dev.stderr(), dev.stderr()


@each(["check", "run", "config"])
def test_user_that_there_is_not_is_told(t, command):
    for user, what in (("dns-of-nobody-here", "an account that this system does not have"),
                       ("root", "which is root")):
        path = file(t, 'special_names = true;\nuser = "%s";\nlisten = ( { address = "%s.1"; port = 5300; } );\n'
                    % (user, t.net))
        done = ends(run(t, command, "-c", path), BAD_CONF)
        assert re.search(r'test\.conf:2: user is "%s", %s' % (user, what), done.stderr), done.stderr


def test_config_names_who_it_will_be(t):
    """Fed back it is the same."""
    first = ends(run(t, "config", "-c", file(t, "special_names = true;\n")), OK).stdout
    assert re.search(r'^user = "(courierdns|nobody)";$', first, re.M), first
    assert ends(run(t, "config", "-c", file(t, first, "again.conf")), OK).stdout == first


def test_a_reload_cannot_change_who_it_is(t):
    """Another account waits for the next start; one that there is not is refused."""
    need_root()
    dev = serving(t)
    text = open(dev.path, encoding="utf-8").read()
    dev.reload(text.replace('user = "nobody";', 'user = "daemon";'))
    t.until(lambda: 'user = "daemon" takes effect at the next start' in dev.stderr(), 3.0)
    assert ask_json(t, dev, "status")["reload"]["ok"] == 1
    dev.reload(text.replace('user = "nobody";', 'user = "dns-of-nobody-here";'))
    t.until(lambda: "an account that this system does not have" in dev.stderr(), 3.0)
    assert ask_json(t, dev, "status")["reload"]["error"] == 1
    check_left(dev, NOBODY.pw_uid, NOBODY.pw_gid, 0)


def test_OP_10_started_by_another_it_needs_no_root(t):
    """With the capability of its ports, as a unit gives it, and nothing more afterwards."""
    need_root()
    dev = serving(t, "user = \"nobody\";\n", listen=low("%s.1" % t.net), prefix=[
        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
        "--inh-caps", "+net_bind_service,+net_raw", "--ambient-caps", "+net_bind_service,+net_raw"])
    check_left(dev, 65534, 65534, BIND)
    assert "warning" not in dev.stderr(), dev.stderr()


def test_OP_10_anothers_pipe_for_its_lines_is_not_opened_again(t):
    """What it was not allowed to open at its start, it does not try later, when the filter of system
    calls would not let it."""
    need_root()
    read_fd, write_fd = os.pipe()
    dev = serving(t, start=False, prefix=[
        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])
    dev.stderr_fd = write_fd
    dev.start()
    os.close(write_fd)
    for number in signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR2:
        dev.process.send_signal(number)
        time.sleep(0.3 * SLOWER)
        assert dev.process.poll() is None, dev.process.returncode
    os.close(read_fd)


def test_who_cannot_become_another_is_told(t):
    need_root()
    dev = serving(t, 'user = "daemon";\n', prefix=[
        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])
    assert 'user = "daemon": only root can become another' in dev.stderr(), dev.stderr()
    crippled = serving(t, start=False, prefix=["setpriv", "--bounding-set", "-setuid"])
    crippled.exit_expected = 71
    crippled.start(wait=False)
    assert crippled.process.wait(5 * SLOWER) == 71
    assert "error: cannot become nobody: Operation not permitted" in crippled.stderr(), crippled.stderr()


def test_root_of_a_namespace_alone_keeps_nothing_of_it(t):
    """Who has no other account to become is not refused: it is nobody's root."""
    dev = serving(t, prefix=["unshare", "-r"])
    for status in statuses(dev):
        assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, status
    assert "there is no nobody in this user namespace" in dev.stderr(), dev.stderr()


# --- no way back ---------------------------------------------------------------------------

def test_OP_11_there_is_no_way_back(t):
    """Whatever runs in it is refused all that root may."""
    need_root()
    if SANITIZED:
        raise Skip("a sanitizer wants to be loaded first")
    dev = serving(t, listen=low("%s.1" % t.net), env={"LD_PRELOAD": os.environ["INTRUDER"]})
    t.until(lambda: "intruder: end" in dev.stderr(), 3.0, "nobody has tried")
    tried = re.findall(r"^notice: intruder: (\w+): (\w+)$", dev.stderr(), re.M)
    assert len(tried) == 9 and {how for _, how in tried} == {"refused"}, tried


def test_OP_11_the_same_attempts_succeed_as_root(t):
    """So they are attempts. But for what the filter refuses to everybody."""
    need_root()
    if SANITIZED:
        raise Skip("a sanitizer wants to be loaded first")
    dev = serving(t, 'user = "";\n', env={"LD_PRELOAD": os.environ["INTRUDER"]})
    t.until(lambda: "intruder: end" in dev.stderr(), 3.0, "nobody has tried")
    tried = dict(re.findall(r"^notice: intruder: (\w+): (\w+)$", dev.stderr(), re.M))
    assert tried["shadow"] == "DONE", tried
    for what in ("setuid", "setgroups", "write", "chroot"):
        assert tried[what] == ("refused" if FILTERED else "DONE"), tried


# --- files ---------------------------------------------------------------------------------

def control_at(path):
    return 'control = { socket = "%s"; };\n' % path


def test_OP_12_the_control_socket_is_the_accounts(t):
    """In a directory that is made for it; nobody else may open it. It moves, and goes at the end."""
    need_root()
    path = os.path.join(t.directory, "made", "control.sock")
    dev = serving(t, control_at(path))
    for made, mode in ((os.path.dirname(path), 0o755), (path, 0o660)):
        is_ = os.lstat(made)
        assert (is_.st_uid, is_.st_gid, stat.S_IMODE(is_.st_mode)) == (
            NOBODY.pw_uid, NOBODY.pw_gid, mode), (made, is_)
    other = os.path.join(t.directory, "made", "other.sock")
    dev.reload(open(dev.path, encoding="utf-8").read().replace(path, other))
    t.until(lambda: listens(other) and not os.path.exists(path), 3.0, "it does not move")
    dev.control = other
    assert ask_json(t, dev, "status")["pid"] == dev.pid
    assert dev.stop() is None
    assert os.listdir(os.path.dirname(path)) == []


@each([0o700, 0o755], oct)
def test_OP_12_the_control_socket_may_be_where_root_alone_makes_files(t, mode):
    """It is made before root is given up, and given away; what a daemon leaves there the next one replaces."""
    need_root()
    path = os.path.join(t.directory, "roots", "control.sock")
    os.mkdir(os.path.dirname(path))
    os.chmod(os.path.dirname(path), mode)
    os.chmod(t.directory, 0o755)
    dev = serving(t, control_at(path))
    for again in (True, False):
        is_ = os.lstat(path)
        assert (is_.st_uid, is_.st_gid, stat.S_IMODE(is_.st_mode)) == (
            NOBODY.pw_uid, NOBODY.pw_gid, 0o660), is_
        check_left(dev, NOBODY.pw_uid, NOBODY.pw_gid, 0)
        dev.control = path
        before = ask_json(t, dev, "status")["reload"]["ok"]
        dev.reload()
        t.until(lambda before=before: ask_json(t, dev, "status")["reload"]["ok"] == before + 1, 3.0, "no reload")
        assert ask_json(t, dev, "status")["pid"] == dev.pid
        assert "%s stays there when this ends" % path in dev.stderr(), dev.stderr()
        if again:
            assert dev.stop() is None
            dev.start()


@each([0o700, 0o755], oct)
def test_pages_may_be_where_root_alone_makes_files(t, mode):
    need_root()
    if os.environ.get("WEB") != "yes":
        raise Skip("built without")
    path = os.path.join(t.directory, "roots", "web.sock")
    os.mkdir(os.path.dirname(path))
    os.chmod(os.path.dirname(path), mode)
    os.chmod(t.directory, 0o755)
    dev = serving(t, 'web = { enabled = true; listen = "%s"; };\n' % path)
    for again in (True, False):
        is_ = os.lstat(path)
        assert (is_.st_uid, is_.st_gid, stat.S_IMODE(is_.st_mode)) == (
            NOBODY.pw_uid, NOBODY.pw_gid, 0o660), is_
        check_left(dev, NOBODY.pw_uid, NOBODY.pw_gid, 0)
        with socket.socket(socket.AF_UNIX) as page:
            page.settimeout(10 * SLOWER)
            page.connect(path)
            page.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert page.recv(64).startswith(b"HTTP/1."), "no page"
        assert ask_json(t, dev, "status")["pid"] == dev.pid
        assert "%s stays there when this ends" % path in dev.stderr(), dev.stderr()
        if again:
            assert dev.stop() is None
            dev.start()


@each(["port", "socket"])
def test_pages_are_served_by_the_account(t, kind):
    """Below 1024, and in a directory that is made for them; though they are opened after the ports."""
    need_root()
    if os.environ.get("WEB") != "yes":
        raise Skip("built without")
    path, address = os.path.join(t.directory, "pages", "web.sock"), t.address()
    dev = serving(t, 'web = { enabled = true; %s };\n' % (
        'listen = "%s";' % path if kind == "socket" else 'listen = "%s"; port = 80;' % address))
    with socket.socket(socket.AF_UNIX if kind == "socket" else socket.AF_INET) as page:
        page.settimeout(5 * SLOWER)
        page.connect(path if kind == "socket" else (address, 80))
        page.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert page.recv(4096).startswith(b"HTTP/1.1 200"), dev.stderr()
    check_left(dev, NOBODY.pw_uid, NOBODY.pw_gid, BIND if kind == "port" else 0)


@each(["file", "directory", "owned"])
def test_OP_12_planted_links_are_not_followed(t, kind):
    """Whoever can write where the socket is to be does not have root write elsewhere."""
    need_root()
    treasure = os.path.join(t.directory, "treasure")
    os.mkdir(treasure, 0o755)
    secret = file(t, "secret\n", "treasure/secret")
    os.chmod(secret, 0o600)
    theirs = os.path.join(t.directory, "theirs")
    os.mkdir(theirs, 0o755)
    path = os.path.join(theirs, "control.sock")
    if kind == "file":
        os.symlink(secret, path)
    elif kind == "directory":
        os.symlink(treasure, os.path.join(theirs, "run"))
        path = os.path.join(theirs, "run", "control.sock")
    else:
        path = os.path.join(theirs, "new", "control.sock")
    os.chown(theirs, 1, 1)  # somebody's, who is neither root nor nobody
    before = [os.lstat(treasure), os.lstat(secret), os.lstat(theirs)]
    dev = serving(t, control_at(path))
    t.until(lambda: "control socket %s: " % path in dev.stderr(), 3.0, "nothing is told")
    after = [os.lstat(treasure), os.lstat(secret), os.lstat(theirs)]
    for was, is_ in zip(before, after):
        assert (was.st_uid, was.st_gid, was.st_mode, was.st_mtime_ns, was.st_ino) == (
            is_.st_uid, is_.st_gid, is_.st_mode, is_.st_mtime_ns, is_.st_ino), (was, is_)
    assert open(secret, encoding="ascii").read() == "secret\n" and os.listdir(treasure) == ["secret"]
    if kind == "file":
        assert os.readlink(path) == secret
    if kind == "owned":
        assert os.listdir(theirs) == []     # made by root it would be in somebody's hands


def test_what_it_cannot_read_again_is_told_at_the_start(t):
    """A reload would fail, and does; the configuration in use stays."""
    need_root()
    included = file(t, "cache = { ttl_max = 5; };\n", "included.conf")
    resolv = file(t, "nameserver 192.0.2.1\n", "resolv.conf")
    for path in (included, resolv):
        os.chmod(path, 0o600)
    dev = serving(t, '@include "%s"\n' % included, start=False)
    text = open(dev.path, encoding="utf-8").read()
    dev.write(text.replace("upstreams = {", 'upstreams = {\n  file = { resolv_conf = "%s"; };' % resolv, 1))
    os.chmod(dev.path, 0o600)
    dev.start()
    told = dev.stderr()
    for path in (dev.path, included, resolv):
        assert re.search(r"^warning: %s: nobody cannot read it" % re.escape(path), told, re.M), told
    dev.reload()
    t.until(lambda: ask_json(t, dev, "status")["reload"]["error"] == 1, 3.0, "it does not fail")
    assert "Permission denied" in dev.stderr()[len(told):], dev.stderr()
    os.chmod(dev.path, 0o640)
    os.chown(dev.path, 0, NOBODY.pw_gid)
    os.chmod(included, 0o644)
    dev.reload()
    t.until(lambda: ask_json(t, dev, "status")["reload"]["ok"] == 1, 3.0, "it does not read again")


def test_nothing_is_told_where_all_can_be_read(t):
    need_root()
    dev = serving(t)
    assert "cannot read" not in dev.stderr(), dev.stderr()


def test_a_socket_that_cannot_be_given_away_is_told_once_an_address(t):
    """As in a container without CAP_CHOWN, of one address over UDP and TCP."""
    need_root()
    dev = serving(t, prefix=["setpriv", "--inh-caps", "-chown", "--bounding-set", "-chown"])
    dev.ask("inside.example.")
    said = dev.stderr()
    assert said.count(": its socket stays root's: Operation not permitted; more workers") == 1, said


# --- the sandbox ---------------------------------------------------------------------------

def test_OP_13_a_system_that_nothing_can_be_written_to(t):
    """Everything read-only but for the directory of the socket, /tmp and /dev of its own, and no way to
    what units close: it starts unprivileged, serves, reloads, is asked, and ends."""
    need_root()
    where = os.path.join(t.directory, "device0")
    script = ("mount --bind {0} {0} && mount -o remount,bind,ro / && for at in /home /root /var /run; do "
              "mount -t tmpfs -o ro none $at || exit 1; done && exec \"$@\"").format(where)
    dev = serving(t, prefix=[
        "unshare", "-mui", "sh", "-c", script, "sh", "setpriv", "--reuid", "65534", "--regid", "65534",
        "--clear-groups", "--no-new-privs", "--bounding-set", "-all"])
    dev.ask("inside.example.")
    dev.ask("inside.example.", tcp=True)
    dev.reload()
    t.until(lambda: ask_json(t, dev, "status")["reload"]["ok"] == 1, 3.0, "it does not read again")
    check_left(dev, 65534, 65534, 0)


def test_OP_13_the_filter_is_there_where_it_is_built(t):
    """Also of a program that is not root's, in each of its threads."""
    if not FILTERED:
        raise Skip("built without")
    dev = serving(t, 'user = "";\nworkers = 3;\n')
    assert [status["Seccomp"] for status in statuses(dev)] == ["2"] * 3
    assert "filter of system calls" not in dev.stderr(), dev.stderr()
