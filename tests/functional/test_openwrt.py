"""What OpenWrt has around the program (contrib/openwrt): its scripts, run by busybox's ash in a router made of
files, with what they call of OpenWrt written anew in tests/openwrt/stubs."""

import os
import re
import shutil
import subprocess

from harness.device import PROGRAM, SLOWER, environment
from harness.mark import each
from harness.shapes import a1

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = os.path.join(ROOT, "contrib/openwrt/courierdns/files")
HERE = os.path.join(ROOT, "tests/openwrt")
PLACES = {"uci.sh": "usr/lib/courierdns/uci.sh", "dnsmasq.sh": "usr/lib/courierdns/dnsmasq.sh",
          "courierdns.init": "etc/init.d/courierdns", "courierdns.config": "etc/config/courierdns",
          "capabilities.json": "etc/capabilities/courierdns.json",
          "capabilities-nftset.json": "etc/capabilities/courierdns-nftset.json"}
STUBS = {"functions.sh": "lib/functions.sh", "uci": "sbin/uci", "logger": "sbin/logger", "chown": "sbin/chown", "sleep": "sbin/sleep",
         "rc.common": "etc/rc.common", "dnsmasq.init": "etc/init.d/dnsmasq", "courierdns": "usr/sbin/courierdns"}
DHCP = "config dnsmasq\n\toption domain 'lan'\n"
ALIVE = {"forward": "listening      127.0.0.1@5153, ::1@5153\n", "replace": "listening      0.0.0.0@53, ::@53\n"}
ENABLED = "config courierdns 'main'\n\toption enabled '1'\n\toption dnsmasq_mode '%s'\n"


def names(folder, end=""):
    return sorted(name[:len(name) - len(end)] for name in os.listdir(os.path.join(HERE, folder))
                  if name.endswith(end))


def content(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


class Router:
    def __init__(self, t, dhcp=DHCP, settings=None):
        self.root = os.path.join(t.directory, "router")
        for source, places in ((FILES, PLACES), (os.path.join(HERE, "stubs"), STUBS)):
            for name, place in places.items():
                place = os.path.join(self.root, place)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                shutil.copyfile(os.path.join(source, name), place)
                os.chmod(place, 0o755)
        os.makedirs(os.path.join(self.root, "tmp"))
        self.applets = os.path.join(self.root, "bin")
        os.mkdir(self.applets)
        for name in ("sh", "grep", "sed", "tr", "sort", "cmp", "cat", "cp", "mv", "rm", "mkdir", "md5sum"):
            os.symlink(shutil.which("busybox"), os.path.join(self.applets, name))
        self.write("etc/config/dhcp", dhcp)
        if settings is not None:
            self.write("etc/config/courierdns", settings)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())

    def read(self, path):
        path = os.path.join(self.root, path)
        return content(path).decode("utf-8", "surrogateescape") if os.path.exists(path) else ""

    def remove(self, path):
        path = os.path.join(self.root, path)
        if os.path.exists(path):
            os.remove(path)

    def sh(self, *args, env=None):
        """Busybox's shell; what it starts is killed with it, where a stub says so."""
        return subprocess.run(
            ["busybox", "ash", *args], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=200 * SLOWER, start_new_session=True, cwd=self.root,
            env=environment({"PATH": "%s:%s/sbin:/usr/bin:/bin" % (self.applets, self.root), "LC_ALL": "C",
                             "COURIERDNS_ROOT": self.root, "COURIERDNS": PROGRAM, **(env or {})}))

    def init(self, action, *args, env=None):
        return self.sh(os.path.join(self.root, "etc/rc.common"),
                       os.path.join(self.root, "etc/init.d/courierdns"), action, *args, env=env)

    def dnsmasq(self, action):
        return self.sh(os.path.join(self.root, "usr/lib/courierdns/dnsmasq.sh"), action)

    def generate(self):
        return self.sh(os.path.join(self.root, "usr/lib/courierdns/uci.sh"))

    def effective(self, package="dhcp"):
        """What who reads the settings on this router finds."""
        done = subprocess.run([os.path.join(self.root, "sbin/uci"), "-P", self.root + "/var/state", "-S", "-n", "export",
                               package], capture_output=True, check=True,
                              env={"COURIERDNS_ROOT": self.root})
        return done.stdout.decode("utf-8", "surrogateescape")

    def start(self, mode):
        """Started, and the daemon listens; what the watch does next is done."""
        done = self.init("start")
        assert done.returncode == 0, (done, self.read("tmp/log"))
        self.write("tmp/alive", ALIVE[mode])
        return self.look()

    def look(self, rounds=1):
        """What the watch does in so many rounds; before the n-th the daemon is as tmp/alive.n says."""
        self.remove("tmp/slept")
        done = self.sh(os.path.join(self.root, "usr/lib/courierdns/dnsmasq.sh"), "watch", env={"ROUNDS": str(rounds)})
        assert done.returncode == 0, done
        return done

    def log(self):
        return self.read("tmp/log")


def good(done):
    assert done.returncode == 0, (done.returncode, done.stdout.decode(), done.stderr.decode())
    return done


# --- what the settings mean ------------------------------------------------------------------

@each(names("uci", ".uci"))
def test_settings_mean_what_is_written_down(t, name):
    router = Router(t, settings=content(HERE, "uci", name + ".uci"))
    done = good(router.generate())
    assert not done.stderr, done.stderr.decode()
    again = good(router.generate())
    assert done.stdout == again.stdout
    wanted = os.path.join(HERE, "uci", name + ".conf")
    if os.environ.get("RECORD"):
        router.write(wanted, done.stdout)
    assert done.stdout == content(wanted), done.stdout.decode()
    path = os.path.join(t.directory, "made.conf")
    router.write(path, done.stdout)
    checked = subprocess.run([PROGRAM, "check", "-c", path], capture_output=True, text=True, check=False,
                             env=environment())
    assert checked.returncode == 0, checked.stderr


def test_settings_as_installed_are_good_and_off(t):
    router = Router(t)
    good(router.init("check"))
    good(router.init("start"))
    assert "open" not in router.read("tmp/procd") and not router.read("tmp/dnsmasq")


def test_settings_of_the_readme_are_good(t):
    text = content(ROOT, "README.md").decode()
    blocks = re.findall(r"^```\n(config courierdns.*?)^```$", text, re.M | re.S)
    assert len(blocks) == 1
    done = good(Router(t, settings=blocks[0]).init("check"))
    assert b"are good" in done.stdout and not done.stderr, done


MAIN = "config courierdns 'main'\n"
WRONG = {
    "enum": ("\toption dnsmasq_mode 'instead'\n", 'main.dnsmasq_mode: "instead", expected one of forward'),
    "bool": ("\toption prefetch 'maybe'\n", "main.prefetch"),
    "number": ("\toption inflight '12x'\n", 'main.inflight: "12x", expected 1 to 1000000'),
    "number-with-command": ("\toption workers '$(reboot)'\n", "main.workers"),
    "too-large": ("\toption edns_size '99999999999999999999'\n", "main.edns_size"),
    "port": ("\toption listen_port '0'\n", "main.listen_port"),
    "size": ("\toption cache_size '4 M'\n", "main.cache_size"),
    "size-out-of-quotes": ("\toption cache_size '4M\"; x = \"'\n", 'main.cache_size: "4M\\"; x = \\"", expected'),
    "forced-port": ("\toption force_dns_port '53 0'\n", 'main.force_dns_port: "0", expected 1 to 65535'),
    "forced-network": ("\tlist force_dns_interface 'l;an'\n", "main.force_dns_interface"),
    "address": ("\tlist listen '192.168.1.256'\n", 'main.listen: "192.168.1.256", expected an address'),
    "address6": ("\tlist listen 'fd00:::1'\n", "main.listen"),
    "address6-long": ("\tlist listen '1:2:3:4:5:6:7:8:9'\n", "main.listen"),
    "network": ("\tlist allow '10.0.0.0/33'\n", "main.allow"),
    "network-twice": ("\tlist allow '10.0.0.0/8'\n\tlist drop '10.0.0.0/8'\n", "main.allow"),
    "name-with-umlaut": ("\tlist rebind_domain 'bücher.example'\n\toption rebind_protection 1\n", "xn--"),
    "newline": ("\toption resolv_file '/tmp/x\n@include \"/etc/shadow\"'\n", 'main.resolv_file: "/tmp/x\\n@include'),
    "misspelt": ("\toption cache_sise '4M'\n", "main.cache_sise: unknown"),
    "misspelt-list": ("\tlist alow '10.0.0.0/8'\n\tlist alow '10.1.0.0/16'\n", "main.alow: unknown"),
    "static-without-servers": ("\toption upstream_source 'static'\n", "main.upstream_source: static"),
    "section": ("config zones\n\toption x 1\n", 'section "zones"'),
    "second-main": ("config courierdns 'other'\n", 'expected "main"'),
    "server": ("config upstream\n\tlist address 'dns.example'\n", 'address: "dns.example"'),
    "server-port": ("config upstream\n\tlist address '9.9.9.9@65536'\n", 'address: "9.9.9.9@65536"'),
    "no-server": ("config upstream 'corp'\n\tlist domain 'corp.example'\n", "corp.address: no server"),
    "group": ("config upstream\n\toption name 'a b'\n\tlist address '9.9.9.9'\n", 'name: "a b"'),
    "group-of-ours": ("config upstream 'wan'\n\tlist address '9.9.9.9'\n", "wan.name"),
    "timeout": ("config upstream\n\tlist address '9.9.9.9'\n\toption timeout '1.'\n", 'timeout: "1."'),
    "zone-without-name": ("config zone 'z'\n\toption action 'drop'\n", "z.name"),
    "zone-name": ("config zone 'z'\n\tlist name 'a..example'\n", 'z.name: "a..example"'),
    "zone-set": ("config zone 'z'\n\tlist name 'x'\n\tlist nftset 'inet#fw4'\n", 'z.nftset: "inet#fw4", expected FAMILY'),
    "zone-set-out-of-quotes": ("config zone 'z'\n\tlist name 'x'\n\tlist nftset 'ip#a#b\"; x = \"'\n", "z.nftset"),
    "zone-set-family": ("config zone 'z'\n\tlist name 'x'\n\tlist nftset 'ipx#a#b'\n", "z.nftset"),
    "zone-range": ("config zone 'z'\n\tlist name '{n}.example'\n\toption n '9-1'\n", "z.n"),
    "zone-record": ("config zone 'z'\n\tlist name 'x'\n\tlist record '@ A\n1.2.3.4'\n", "z.record"),
    "record-value": ("config record 'r'\n\toption name 'a.example'\n\toption value '1'\n", "r.type"),
    "record-address": ("config record 'r'\n\toption name 'a.example'\n\tlist address '1.2.3'\n", "r.address"),
    "courier": ("config courier 'apple'\n\toption repair 'always'\n", "apple.repair"),
    "enabled": ("config zone 'z'\n\toption enabled 'ja'\n\tlist name 'x'\n", "z.enabled"),
}


@each(list(WRONG))
def test_settings_that_are_wrong_are_named(t, case):
    text, wanted = WRONG[case]
    done = Router(t, settings=MAIN + text).generate()
    assert done.returncode == 1 and not done.stdout, done
    said = done.stderr.decode()
    assert wanted in said, said
    assert all(line.startswith("courierdns.") for line in said.splitlines()), said


def test_all_that_is_wrong_is_named_at_once(t):
    cases = ["bool", "size", "address", "section", "server", "group", "zone-range", "record-value", "courier"]
    done = Router(t, settings=MAIN + "".join(WRONG[case][0] for case in cases)).generate()
    said = done.stderr.decode()
    assert done.returncode == 1 and len(said.splitlines()) == len(cases), said
    assert not [case for case in cases if WRONG[case][1] not in said], said


def test_nothing_gets_out_of_its_quotes(t):
    """Each byte that a text can have, in a TXT record: the real program reads what was written."""
    odd = "".join(chr(code) for code in range(1, 127) if chr(code) not in "\r") + "äöü€"
    quoted = "'%s'" % odd.replace("'", "'\\''")
    router = Router(t, settings=MAIN + "config record\n\toption name 'a.example'\n\toption type 'TXT'\n"
                    "\toption value %s\n" % quoted)
    path = os.path.join(t.directory, "made.conf")
    router.write(path, good(router.generate()).stdout)
    text = subprocess.run([PROGRAM, "config", "-c", path], capture_output=True, check=True, env=environment()).stdout
    record = re.search(rb'records = \[\s*"(.*)"\s*\]', text).group(1)
    record = re.sub(rb"\\([\\\"])", rb"\1", record)
    for byte in "@ 300 IN TXT", "\\009", "\\010", "\\127" if chr(127) in odd else "\\031", "$", "`", "\\123n}"[:4], "ü", "€":
        assert byte.encode() in record, (byte, record)


# Of each kind of option what it may be, and what nobody expects there.
NASTY = ["$(touch %s)", "`touch %s`", "'; touch %s; '", '"; touch %s; "', "a\\", "\\", '"', "'", "*", "?", "[a-z]*", "~",
         "{n}", "{x}", "%s%n", "-n", "-e x", "a b", " ", "a\nb", "\n", "\t", "\r", "\x01", "\x7f", "ü", "日本", "\udcff",
         "@include \"/etc/passwd\"", "x\n@include \"/etc/passwd\"", "//", "/*", "#", ";", "};", "${PATH}", "$PATH", "0", "00",
         "-1", "1e9", "9" * 30, "a" * 70, "a" * 5000, ".", "..", "xn--", "::", "1.2.3.4.", "::ffff:1.2.3.4", "\\x41", "!"]
MODES, ADDRESSES = ["forward", "replace", "none"], ["9.9.9.9", "2620:fe::fe", "10.1.1.1@5300", "fe80::1%eth0", "9.9.9.9#53"]
DOMAINS = ["corp.example", "a.example.", "xn--bcher-kva.example", "lan", "_dns.x", "{n}.example", "."]
NUMBERS, BOOLS, TEXTS = ["0", "1", "30", "600", "007"], ["0", "1", "on", "no"], ["v=spf1 -all", "two words", "ü \"quoted\" \\"]
OPTIONS = {
    "courierdns 'main'": {
        "enabled": BOOLS, "dnsmasq_mode": MODES, "dnsmasq_port": ["5154", "1053"], "listen_port": ["53", "5153"],
        "listen": ADDRESSES[:2] + ["127.0.0.1@5300"], "workers": ["0", "1", "2"], "allow": ["10.0.0.0/8", "fd00::/8"],
        "refuse": ["192.168.9.0/24", "1.2.3.4"], "drop": ["2001:db8::/32"], "client_from_edns": BOOLS, "inflight": ["100"],
        "inflight_per_client": NUMBERS[1:], "tcp_clients": NUMBERS[1:], "rate_per_client": NUMBERS, "rate_burst": NUMBERS,
        "devices": NUMBERS, "cache_size": ["4M", "100K", "1G", "65536"], "cache_min_ttl": NUMBERS, "cache_max_ttl": ["600"],
        "cache_negative_ttl": NUMBERS, "serve_stale": NUMBERS, "prefetch": BOOLS, "upstream_source": ["wan", "both", "static"],
        "resolv_file": ["/tmp/resolv"], "edns_size": ["1232", "512"], "ecs": ["forward", "strip"], "special_names": BOOLS,
        "rebind_protection": BOOLS, "rebind_domain": DOMAINS, "log_level": ["notice", "debug"], "query_log": ["off", "all"],
        "force_dns": BOOLS, "force_dns_interface": ["lan"], "force_dns_port": ["53", "853"]},
    "upstream": {"enabled": BOOLS, "address": ADDRESSES, "port": ["53", "5300"], "source": ["192.0.2.1"],
                 "interface": ["eth0.2", "br-lan"], "order": ["fastest", "listed", "race"], "timeout": ["2", "0.5"],
                 "randomize_case": BOOLS, "domain": DOMAINS},
    "zone": {"enabled": BOOLS, "name": DOMAINS, "except": DOMAINS, "match": ["exact", "suffix"],
             "action": ["forward", "answer", "nxdomain", "nodata", "refuse", "drop"], "type": ["A", "AAAA", "TYPE65"],
             "client": ["10.0.0.0/8"], "record": ["@ 60 IN A 192.0.2.1", "@ 60 IN TXT \"ü\\\"\""], "n": ["0-250"],
             "cache": BOOLS, "ttl_min": NUMBERS, "ttl_max": ["600"], "stale": NUMBERS,
             "nftset": ["inet#fw4#apple", "6#ip6#a#b"]},
    "record": {"enabled": BOOLS, "name": DOMAINS[:3], "address": ["192.0.2.1", "2001:db8::1"], "type": ["TXT", "MX", "txt"],
               "value": TEXTS + ["10 mail.example."], "ttl": NUMBERS},
    "courier": {"enabled": BOOLS, "name": ["apple"], "alias": ["a-{n}.example"], "target": ["b.example"],
                "variant": ["c-{n}.example"], "count_txt": ["t.example"], "count": ["50"], "type": ["A", "AAAA"],
                "pre_resolve": ["off", "demand", "always"], "repair": ["off", "reask", "synthesize"]}}


LISTS = {"listen", "allow", "refuse", "drop", "rebind_domain", "force_dns_interface", "force_dns_port", "address", "domain",
         "except", "client", "record", "variant"}


def random_settings(random, nasty):
    lines = []
    kinds = ["courierdns 'main'"] + random.choices(list(OPTIONS)[1:], k=random.randrange(1, 6))
    for number, kind in enumerate(kinds):
        named = "" if " " in kind or random.random() < 0.5 else " 's%d'" % number
        lines.append("config %s%s\n" % (kind, named))
        options = OPTIONS[kind]
        must = [name for name in ("address", "name") if name in options]
        if kind == "record" and random.random() < 0.5:
            must += ["type", "value"]
        for name in dict.fromkeys(must + random.sample(sorted(options), k=random.randrange(0, min(6, len(options))))):
            word = "list" if (name in LISTS or kind == "zone" and name in ("name", "type")) and random.random() < 0.7 else "option"
            values = random.sample(options[name], k=random.randrange(1, len(options[name]) + 1) if word == "list" else 1)
            if options[name] is DOMAINS and random.random() < 0.1:
                values += ["d%d.example" % number for number in range(200)]
            for value in values:
                value = random.choice(nasty) if random.random() < 0.03 else value
                lines.append("\t%s %s '%s'\n" % (word, name, value.replace("'", "'\\''")))
    return "".join(lines)


@each(range(4))
def test_whatever_the_settings_are_they_are_read_or_refused(t, seed):
    """No value gets out of its quotes, into a shell or into the file: it is in use, or named."""
    from random import Random
    random = Random("uci %d" % seed)
    router = Router(t, settings="")
    made = os.path.join(t.directory, "made.conf")
    nasty = [one.replace("%s", router.root + "/touched") for one in NASTY]
    good_ones = 0
    for _ in range(int(os.environ.get("SETTINGS", "12"))):
        settings = random_settings(random, nasty)
        router.write("etc/config/courierdns", settings.encode("utf-8", "surrogateescape"))
        done = router.generate()
        said = done.stderr.decode("utf-8", "surrogateescape")
        context = (settings, done.stdout.decode("utf-8", "surrogateescape"), said)
        assert not os.path.exists(router.root + "/touched"), context
        if done.returncode != 0:
            assert done.returncode == 1 and not done.stdout and said, context
            assert all(re.match(r"courierdns\.[\w.]+: ", line) for line in said.splitlines()), context
            continue
        assert not said, context
        router.write(made, done.stdout)
        checked = subprocess.run([PROGRAM, "check", "-c", made], capture_output=True, check=False, env=environment())
        told = checked.stderr.decode("utf-8", "surrogateescape")
        assert checked.returncode in (0, 78) and "unknown setting" not in told and "syntax" not in told, (context, told)
        assert b"/etc/passwd" not in done.stdout or b'\\"/etc/passwd' in done.stdout, context
        good_ones += checked.returncode == 0
    assert good_ones > 0


def test_what_dnsmasq_has_of_the_same_name_is_not_taken_for_ours(t):
    """Both files may have a section "lan"."""
    dhcp = DHCP + "config dhcp 'lan'\n\toption interface 'lan'\n\toption timeout '9'\n\tlist domain 'x.example'\n"
    settings = ENABLED % "replace" + "config upstream 'lan'\n\tlist address '9.9.9.9'\n"
    made = good(Router(t, dhcp=dhcp, settings=settings).generate()).stdout
    assert b"interface" not in made and b"timeout" not in made and b"x.example" not in made, made.decode()
    assert b'names = [ "lan", "10.in-addr' in made, made.decode()


# --- the service -----------------------------------------------------------------------------

def test_an_instance_is_told_what_it_needs_and_no_more(t):
    router = Router(t, settings=ENABLED % "forward")
    router.write("sbin/ujail", "")
    os.chmod(os.path.join(router.root, "sbin/ujail"), 0o755)
    good(router.init("start"))
    told = router.read("tmp/procd").replace(router.root, "")
    for line in ("set command /usr/sbin/courierdns run -c /var/etc/courierdns/courierdns.conf "
                 "-s /var/run/courierdns/control.sock", "set file /var/etc/courierdns/courierdns.conf",
                 "set reload_signal HUP", "set user courierdns", "set group courierdns", "set no_new_privs 1",
                 "set capabilities /etc/capabilities/courierdns.json", "jail courierdns log procfs",
                 "mount /var/etc/courierdns /tmp/resolv.conf.d", "mount_rw /var/run/courierdns",
                 "set respawn 3600 2 0", "set command /usr/lib/courierdns/dnsmasq.sh watch"):
        assert line in told.splitlines(), (line, told)
    assert os.path.isdir(os.path.join(router.root, "tmp/resolv.conf.d")), "a jail does not start without"
    assert "courierdns:courierdns %s/var/run/courierdns" % router.root in router.read("tmp/chown")
    mode = os.stat(os.path.join(router.root, "var/etc/courierdns/courierdns.conf")).st_mode & 0o777
    assert mode == 0o640, oct(mode)


def test_without_a_jail_it_starts_all_the_same(t):
    """Nobody gives it a capability then: root it is that starts, and the daemon that becomes another."""
    router = Router(t, settings=ENABLED % "none")
    good(router.init("start"))
    told = router.read("tmp/procd")
    assert "jail" not in told and "set user" not in told and "capabilities" not in told and "watch" not in told, told
    assert "\nuser" not in router.read("var/etc/courierdns/courierdns.conf")


def test_what_makes_it_look_again(t):
    router = Router(t, settings=ENABLED % "none" + "\tlist interface_wan 'wan'\n\tlist interface_wan 'lte'\n")
    good(router.init("triggers"))
    told = router.read("tmp/procd").splitlines()
    assert told == ["trigger courierdns dhcp network",
                    "interface_trigger interface.* wan /etc/init.d/courierdns reload",
                    "interface_trigger interface.* lte /etc/init.d/courierdns reload"], told


def test_wrong_settings_leave_what_is_in_use(t):
    router = Router(t, settings=ENABLED % "forward")
    router.start("forward")
    before, dnsmasq = router.read("var/etc/courierdns/courierdns.conf"), router.effective()
    router.write("etc/config/courierdns", ENABLED % "forward" + "\toption cache_size 'much'\n")
    good(router.init("reload"))
    assert router.read("var/etc/courierdns/courierdns.conf") == before
    assert router.effective() == dnsmasq and "127.0.0.1#5153" in dnsmasq
    assert "open daemon" in router.read("tmp/procd")
    log = router.log()
    assert 'courierdns.main.cache_size: "much"' in log and "what was in use before stays" in log, log
    left = os.listdir(os.path.join(router.root, "var/etc/courierdns"))
    assert left == ["courierdns.conf"], left


@each([("\toption listen_port '5200'\n", "forward"), ("", "replace"), ("\toption enabled '1'\n", "none"),
       ("\tlist dnsmasq_instance 'none such'\n", "forward"),
       ("config zone\n\tlist name 'x'\n\tlist nftset 'inet#fw4#x'\n", "forward")],
      lambda case: (case[0].split() or ["x", "mode"])[1])
def test_of_wrong_settings_nothing_is_in_use(t, case):
    """Neither the daemon nor dnsmasq: it would be pointed at a port where nobody is."""
    text, mode = case
    router = Router(t, settings=ENABLED % "forward")
    router.start("forward")
    before, calls = router.effective(), router.read("tmp/dnsmasq")
    router.write("etc/config/courierdns", ENABLED % mode + text + "\toption cache_size 'much'\n")
    good(router.init("reload"))
    told = router.read("tmp/procd")
    assert "killed" not in told and "open daemon" in told and "open watch" in told, told
    router.look(4)
    assert router.effective() == before and router.read("tmp/dnsmasq") == calls
    assert "does not listen" not in router.log(), router.log()
    router.write("etc/config/courierdns", ENABLED % mode + text)
    good(router.init("reload"))
    assert router.effective() != before, "what was wrong is put right"


def test_another_port_is_opened_before_dnsmasq_is_pointed_at_it(t):
    router = Router(t, settings=ENABLED % "forward")
    before = router.effective()
    router.start("forward")
    router.write("etc/config/courierdns", ENABLED % "forward" + "\toption listen_port '5200'\n")
    good(router.init("reload"))
    assert router.effective() == before, "neither the old one is there nor the new one yet"
    router.write("tmp/alive", ALIVE["forward"].replace("5153", "5200"))
    router.look()
    assert "127.0.0.1#5200" in router.effective()


def test_what_only_check_finds_is_logged_as_well(t):
    """The generator knows of no duplicates; the program does."""
    twice = "config zone\n\tlist name 'a.example'\n\toption action 'drop'\n"
    router = Router(t, settings=ENABLED % "forward" + twice + twice)
    done = router.init("start")
    assert done.returncode == 1 and "open" not in router.read("tmp/procd")
    assert "the configuration:" in router.log() and "a.example" in router.log(), router.log()
    assert "not started" in router.log() and not router.read("tmp/dnsmasq")


def test_a_change_is_in_place_before_the_daemon_is_told(t):
    router = Router(t, settings=ENABLED % "forward")
    router.start("forward")
    router.write("etc/config/courierdns", ENABLED % "forward" + "\toption cache_size '2M'\n")
    good(router.init("reload"))
    assert 'size = "2M";' in router.read("var/etc/courierdns/courierdns.conf")
    told = router.read("tmp/procd")
    assert "killed" not in told and "set reload_signal HUP" in told, told


def test_it_may_change_the_packet_filter_where_a_zone_names_a_set(t):
    """As no signal would let it: that is of the things for which it is started anew."""
    router = Router(t, settings=ENABLED % "none")
    router.write("sbin/ujail", "")
    os.chmod(os.path.join(router.root, "sbin/ujail"), 0o755)
    good(router.init("start"))
    assert "/etc/capabilities/courierdns.json" in router.read("tmp/procd")
    router.write("etc/config/courierdns", ENABLED % "none" + "config zone\n\tlist name 'push.apple.com'\n"
                 "\tlist nftset 'inet#fw4#apple'\n")
    good(router.init("reload"))
    assert "/etc/capabilities/courierdns-nftset.json" in router.read("tmp/procd")
    own = 'zones = ( { name = "a.example"; nftset = "inet#fw4#apple"; } );\n'
    router.write("etc/own/courierdns.conf", own)
    router.write("etc/config/courierdns", ENABLED % "none" + "\toption manual_conf '1'\n\toption conf_file "
                 "'/etc/own/courierdns.conf'\n")
    router.write("tmp/procd", "")
    good(router.init("reload"))
    assert "/etc/capabilities/courierdns-nftset.json" in router.read("tmp/procd")


def test_another_file_of_ones_own_starts_it_anew(t):
    router = Router(t, settings=ENABLED % "none")
    good(router.init("start"))
    own = 'special_names = false;\n'
    router.write("etc/own/courierdns.conf", own)
    os.chmod(os.path.join(router.root, "etc/own/courierdns.conf"), 0o600)
    router.write("etc/config/courierdns", ENABLED % "none" + "\toption manual_conf '1'\n\toption conf_file "
                 "'/etc/own/courierdns.conf'\n\toption cache_size 'nobody cares'\n")
    good(router.init("reload"))
    assert router.read("var/etc/courierdns/courierdns.conf") == own
    mode = os.stat(os.path.join(router.root, "var/etc/courierdns/courierdns.conf")).st_mode & 0o777
    assert mode == 0o640, "the daemon reads it, and nobody else"
    router.write("etc/own/courierdns.conf", "special_nam = false;\n")
    done = router.init("check")
    assert done.returncode == 1 and b"special_names" in done.stdout and b"/etc/own/courierdns.conf:1" in done.stdout, done
    good(router.init("reload"))
    assert router.read("var/etc/courierdns/courierdns.conf") == own, "it may have to start again with it"
    assert "/etc/own/courierdns.conf:1" in router.log() and "what was in use before stays" in router.log(), router.log()


def test_a_file_of_ones_own_that_is_not_there_is_named(t):
    router = Router(t, settings=ENABLED % "none" + "\toption manual_conf '1'\n")
    assert router.init("start").returncode == 1
    assert "/etc/courierdns.conf is not there" in router.log(), router.log()


FIREWALL = "config zone\n\toption name 'inside'\n\tlist network 'lan'\n\tlist network 'guest'\n"


def test_nobody_gets_round_it_who_is_not_to(t):
    forced = "\toption force_dns '1'\n\tlist force_dns_interface 'guest'\n\tlist force_dns_interface 'iot'\n" \
             "\toption force_dns_port '53 853'\n"
    router = Router(t, settings=ENABLED % "none" + forced)
    router.write("etc/config/firewall", FIREWALL)
    good(router.init("start"))
    told = router.read("tmp/procd")
    rules = told[told.index("open_data\narray firewall\n"):told.index("close_data")].split("object\n")[1:]
    assert [re.findall(r"string src (\S+)", rule)[0] for rule in rules] == ["inside", "inside", "iot", "iot"], rules
    for rule in rules[::2]:
        for line in "type redirect", "target DNAT", "src_dport 53", "dest_port 53", "proto tcp udp":
            assert "string %s\n" % line in rule, rule
    for rule in rules[1::2]:
        for line in "type rule", "target REJECT", "dest *", "dest_port 853":
            assert "string %s\n" % line in rule, rule
    assert router.read("tmp/config_changed") == "firewall\n"
    router.write("etc/config/courierdns", ENABLED % "none" + "\toption cache_size 'much'\n")
    good(router.init("reload"))
    assert "array firewall" in router.read("tmp/procd"), "wrong settings change nothing"
    router.remove("tmp/config_changed")
    router.write("etc/config/courierdns", ENABLED % "none")
    for _ in range(2):
        good(router.init("reload"))
        assert "firewall" not in router.read("tmp/procd")
        assert router.read("tmp/config_changed") == "firewall\n", "told once that it is gone"
    router.write("etc/config/courierdns", ENABLED % "none" + forced)
    good(router.init("reload"))
    router.remove("tmp/config_changed")
    for _ in range(2):
        good(router.init("stop"))
        assert router.read("tmp/config_changed") == "firewall\n"


def test_commands(t):
    router = Router(t, settings=ENABLED % "forward", dhcp="config dnsmasq\n\toption filterwin2k '1'\n"
                    "\toption rebind_protection '0'\n\toption max_ttl '60'\n")
    done = router.init("doctor", "--count", "1")
    assert done.returncode == 1 and b"doctor --dnsmasq @127.0.0.1 --reference 127.0.0.1@5153 --count 1" in done.stdout, done
    assert b"filterwin2k: " in done.stdout and b"max_ttl is 60" in done.stdout, done.stdout
    assert b"rebind_protection" not in done.stdout
    done = router.init("devices", "192.168.1.7")
    assert b"devices -s %s/var/run/courierdns/control.sock 192.168.1.7" % router.root.encode() in done.stdout, done
    assert b"The settings are good." in good(router.init("check")).stdout


def test_the_real_program_runs_from_what_the_settings_say(t):
    """What the router would be told to run is run, and answers as the settings have it."""
    up = t.upstream()
    router = Router(t, settings=ENABLED % "none" + "\tlist listen '%s.1@5300'\nconfig upstream\n\tlist address "
                    "'%s@%d'\nconfig record\n\toption name 'nas.example'\n\tlist address '192.0.2.7'\n"
                    "config courier 'apple'\n\toption pre_resolve 'off'\n" % (t.net, up.address, up.port))
    good(router.init("start"))
    assert "set command %s/usr/sbin/courierdns run -c " % router.root in router.read("tmp/procd")
    dev = t.device(up, text=router.read("var/etc/courierdns/courierdns.conf").replace(
        "/var/run/courierdns", os.path.join(t.directory, "device0")), port=5300)
    assert dev.ask("nas.example.").answer[0].rdata == bytes([192, 0, 2, 7])
    up.answers("b.example.", "A", [a1("b.example.")])
    assert dev.ask("b.example.").answer[0].rdata == bytes([192, 0, 2, 1])


# --- dnsmasq ---------------------------------------------------------------------------------

def sections(text):
    """{name: {option: [value]}} of what `uci export` prints"""
    found, at = {}, None
    for line in text.splitlines():
        word = re.match(r"config dnsmasq '(.*)'", line)
        if line.startswith("config "):
            at = found.setdefault(word.group(1), {}) if word else None
        elif at is not None and re.match(r"\t(option|list) ", line):
            option, value = re.match(r"\t\w+ (\S+) '(.*)'?$", line).groups()
            at.setdefault(option, []).append(value.rstrip("'"))
    return found


def given_back(router, dhcp, before):
    """As if we had never been there: the file to the byte, and what lies over it."""
    assert content(router.root, "etc/config/dhcp") == dhcp
    assert router.effective() == before, router.effective()
    assert not router.read("var/state/dhcp"), router.read("var/state/dhcp")
    assert not os.path.exists(os.path.join(router.root, "var/lib/courierdns/dnsmasq.taken"))
    assert "commit" not in router.read("tmp/uci.calls")


def told_dnsmasq(router, before):
    """What dnsmasq's own script last made of its settings, and whether it has been called since `before`."""
    return len(router.read("tmp/dnsmasq").splitlines()) > before


ROUND_TRIPS = [(name, mode) for name in names("dhcp") for mode in ("forward", "replace")]


@each(ROUND_TRIPS, "-".join)
def test_dnsmasq_is_taken_over_and_given_back(t, case):
    name, mode = case
    dhcp = content(HERE, "dhcp", name)
    router = Router(t, dhcp=dhcp, settings=ENABLED % mode)
    before = router.effective()
    router.start(mode)
    assert content(router.root, "etc/config/dhcp") == dhcp
    was, now = sections(before), sections(router.effective())
    assert set(was) == set(now)
    for section, options in now.items():
        port = was[section].get("port", ["53"])[0]
        if mode == "forward" and port != "0":
            assert options["noresolv"] in (["1"], ["on"]) and options["server"][-1] == "127.0.0.1#5153", options
            kept = [one for one in was[section].get("server", []) if one.startswith("/") and not one.startswith("/#/")]
            assert options["server"][:-1] == kept, (options["server"], kept)
            assert "server=127.0.0.1#5153" in router.read("var/etc/dnsmasq.conf." + section)
        elif mode == "replace" and port == "53":
            assert options["port"] == ["5154"], options
            told = " ".join(options["dhcp_option"])
            assert "option:dns-server" in told or re.search(r"(^| )6,", told), told
        else:
            assert options == was[section]
        untouched = {"noresolv", "server", "addmac", "localuse"} if mode == "forward" else {"port", "dhcp_option"}
        assert {key: value for key, value in options.items() if key not in untouched} == \
            {key: value for key, value in was[section].items() if key not in untouched}
    good(router.init("stop"))
    given_back(router, dhcp, before)
    if was != now:
        for section, options in was.items():
            told = router.read("var/etc/dnsmasq.conf." + section)
            assert ("127.0.0.1#5153" in told) == ("127.0.0.1#5153" in options.get("server", [])), told


@each([("07-two-instances", "replace"), ("05-servers", "forward")], "-".join)
def test_a_crash_in_the_middle_loses_nothing(t, case):
    """Killed before each step that changes anything, of uci, of what it remembers and of dnsmasq, going there or
    back, and then given back, or taken over anew."""
    name, mode = case
    dhcp, number, ended = content(HERE, "dhcp", name), 0, False
    router = Router(t, dhcp=dhcp, settings=ENABLED % mode)
    before = router.effective()
    library = os.path.join(router.root, "usr/lib/courierdns/dnsmasq.sh")
    for step in "rm", "mv", "sort":
        os.remove(os.path.join(router.applets, step))
        shutil.copy(os.path.join(HERE, "stubs/step"), os.path.join(router.applets, step))
    router.write("var/lib/courierdns/dnsmasq.wanted", "")
    good(router.dnsmasq("take"))
    wanted = router.effective()
    assert wanted != before
    good(router.dnsmasq("give"))
    while not ended:
        number += 1
        router.remove("tmp/uci.count")
        done = router.sh("-c", 'busybox ash "$0" take && busybox ash "$0" give', library,
                         env={"STUB_DIE_AT": str(number)})
        ended = done.returncode == 0
        assert content(router.root, "etc/config/dhcp") == dhcp
        if number % 2:
            good(router.dnsmasq("take"))
            assert router.effective() == wanted, router.effective()
        good(router.dnsmasq("give"))
        given_back(router, dhcp, before)
        told = "".join(router.read("var/etc/dnsmasq.conf." + section) for section in sections(before))
        assert "127.0.0.1#5153" not in told and "port=5154" not in told, (number, told)
    assert number > 10, number


def test_a_crash_before_dnsmasq_was_told_is_made_good(t):
    """It was changed, and nobody said so: whoever takes over next does."""
    router = Router(t, settings=ENABLED % "forward")
    router.start("forward")
    router.remove("var/lib/courierdns/dnsmasq.told")
    calls = len(router.read("tmp/dnsmasq").splitlines())
    good(router.dnsmasq("take"))
    assert told_dnsmasq(router, calls)


def test_after_the_power_was_gone_nothing_is_left(t):
    """All that we do to dnsmasq lies in memory."""
    router = Router(t, settings=ENABLED % "forward")
    before = router.effective()
    router.start("forward")
    assert router.effective() != before
    for gone in "var", "tmp":
        shutil.rmtree(os.path.join(router.root, gone))
    assert router.effective() == before
    for name, place in PLACES.items():
        assert content(router.root, place) == (content(FILES, name) if name != "courierdns.config" else
                                               (ENABLED % "forward").encode()), place
    assert sorted(os.listdir(os.path.join(router.root, "etc/config"))) == ["courierdns", "dhcp"]
    assert content(router.root, "etc/config/dhcp") == DHCP.encode()


@each(["forward", "replace"])
def test_what_others_change_meanwhile_stays(t, mode):
    """A lease is added, and a section in front, while dnsmasq is ours: the names that uci has for sections move."""
    router = Router(t, settings=ENABLED % mode)
    router.start(mode)
    changed = "config host\n\toption ip 192.168.1.9\n" + DHCP + "\tlist server '/corp/10.0.0.1'\n"
    router.write("etc/config/dhcp", changed)
    good(router.init("reload"))
    now = sections(router.effective())
    assert len(now) == 1
    options = list(now.values())[0]
    if mode == "forward":
        assert options["server"] == ["/corp/10.0.0.1", "127.0.0.1#5153"], options
        assert "addmac" not in options, options
    else:
        assert options["port"] == ["5154"], options
    good(router.init("stop"))
    assert content(router.root, "etc/config/dhcp") == changed.encode()
    assert not router.read("var/state/dhcp"), router.read("var/state/dhcp")


def test_what_others_keep_in_the_state_stays(t):
    router = Router(t, settings=ENABLED % "forward")
    router.write("var/state/dhcp", "dhcp.cfg01411c.up='1'\n")
    router.start("forward")
    good(router.init("stop"))
    assert router.read("var/state/dhcp") == "dhcp.cfg01411c.up='1'\n"


@each(["upgrade", "removal", "disabled"])
def test_it_is_given_back_at(t, what):
    router = Router(t, settings=ENABLED % "forward")
    before = router.effective()
    router.start("forward")
    assert router.effective() != before
    if what == "disabled":
        router.write("etc/config/courierdns", ENABLED.replace("'1'", "'0'") % "forward")
        good(router.init("reload"))
        assert "killed" in router.read("tmp/procd").splitlines()[-1]
    else:
        # what the package manager calls before either
        good(router.init("stop"))
    given_back(router, DHCP.encode(), before)
    if what == "upgrade":
        router.start("forward")
        assert "127.0.0.1#5153" in router.effective()


@each(["forward", "replace", "none"])
def test_it_can_be_ticked_again(t, mode):
    """Unticked, or its settings wrong from the start: procd goes on to know what makes it look again."""
    router = Router(t, settings=(ENABLED % mode).replace("'1'", "'0'"))
    before = router.effective()
    good(router.init("start"))
    for number in range(2):
        known = router.read("tmp/triggers")
        assert "trigger courierdns dhcp network" in known, known
        router.write("etc/config/courierdns", ENABLED % mode)
        good(router.init("reload"))
        assert "open daemon" in router.read("tmp/procd")
        router.write("tmp/alive", ALIVE.get(mode, ""))
        if mode != "none":
            router.look()
            assert router.effective() != before
        router.write("etc/config/courierdns", (ENABLED % mode).replace("'1'", "'0'"))
        good(router.init("reload"))
        assert "open" not in router.read("tmp/procd")
        given_back(router, DHCP.encode(), before)
    router.write("etc/config/courierdns", ENABLED % mode + "\toption cache_size 'much'\n")
    for gone in "etc", "lib":
        shutil.rmtree(os.path.join(router.root, "var", gone, "courierdns"))
    assert router.init("start").returncode == 1
    assert "trigger courierdns" in router.read("tmp/triggers")


@each([("forward", "none"), ("forward", "replace"), ("replace", "forward"), ("replace", "none")], "-to-".join)
def test_another_mode_undoes_the_first(t, modes):
    router = Router(t, settings=ENABLED % modes[0])
    before = router.effective()
    router.start(modes[0])
    router.write("etc/config/courierdns", ENABLED % modes[1])
    good(router.init("reload"))
    assert "killed" in router.read("tmp/procd") or modes[1] != "none" or router.effective() == before
    if modes[1] == "none":
        given_back(router, DHCP.encode(), before)
        return
    router.write("tmp/alive", ALIVE[modes[1]])
    router.look()
    options = list(sections(router.effective()).values())[0]
    assert ("port" in options) == (modes[1] == "replace"), options
    assert ("server" in options) == (modes[1] == "forward"), options


def test_dnsmasq_waits_until_the_daemon_listens(t):
    router = Router(t, settings=ENABLED % "forward")
    before = router.effective()
    good(router.init("start"))
    router.look()
    router.write("tmp/alive", "listening      ::1@5153\n")
    router.look(2)
    assert router.effective() == before
    router.write("tmp/alive", "listening      127.0.0.1@51530\n")
    router.look(2)
    assert router.effective() == before and not router.read("tmp/dnsmasq")
    router.write("tmp/alive", ALIVE["forward"])
    router.look()
    assert "127.0.0.1#5153" in router.effective()


def test_dnsmasq_is_not_told_again_what_it_knows(t):
    """Nor is anything touched: whoever reads the settings meanwhile finds all of them."""
    router = Router(t, settings=ENABLED % "forward")
    router.start("forward")
    calls, asked = router.read("tmp/dnsmasq"), router.read("tmp/uci.calls")
    router.look(3)
    assert router.read("tmp/dnsmasq") == calls
    more = router.read("tmp/uci.calls")[len(asked):].splitlines()
    assert all("export courierdns" in one for one in more), more
    router.write("etc/config/dhcp", DHCP + "config host\n\toption ip '192.168.1.9'\n")
    router.look()
    assert router.read("tmp/dnsmasq") == calls + "reload\n"


@each(["forward", "replace"])
def test_a_dnsmasq_that_is_stopped_stays_so(t, mode):
    """Somebody stopped it, or the router is starting: it finds what it is to do when it comes."""
    router = Router(t, settings=ENABLED % mode)
    before = router.effective()
    router.write("var/etc/dnsmasq.conf.cfg01411c", "of long ago\n")
    router.write("tmp/dnsmasq.stopped", "")
    router.start(mode)
    router.look(2)
    assert not router.read("tmp/dnsmasq") and router.effective() != before and not router.log(), router.log()
    router.remove("tmp/dnsmasq.stopped")
    router.sh(os.path.join(router.root, "etc/init.d/dnsmasq"), "start")
    assert ("port=5154" if mode == "replace" else "server=127.0.0.1#5153") in router.read("var/etc/dnsmasq.conf.cfg01411c")
    router.write("tmp/dnsmasq.stopped", "")
    good(router.init("stop"))
    assert router.read("tmp/dnsmasq") == "start\n"
    given_back(router, DHCP.encode(), before)


def test_in_the_place_of_dnsmasq_its_port_is_waited_for(t):
    """It ends a moment after it was told; and where somebody else has the port that is for the daemon to say."""
    router = Router(t, settings=ENABLED % "replace")
    router.write("proc/net/udp", "  sl  local_address rem_address\n  77: 00000000:0035 00000000:0000 07\n")
    good(router.init("start"))
    assert router.read("tmp/slept").split() == ["1"] * 5 and "open daemon" in router.read("tmp/procd")
    router.remove("tmp/slept")
    router.write("proc/net/udp", "  sl  local_address rem_address\n  77: 00000000:1435 00000000:0000 07\n")
    good(router.init("restart"))
    assert not router.read("tmp/slept")


def test_the_router_s_own_questions_go_where_they_went(t):
    """Where dnsmasq has servers from another file the router itself does not ask it."""
    router = Router(t, dhcp=DHCP + "\toption resolvfile '/tmp/own'\n", settings=ENABLED % "forward")
    router.start("forward")
    assert "option localuse '0'" in router.effective()
    good(router.init("stop"))
    assert "localuse" not in router.effective()


def test_root_follows_no_link_of_the_daemon_s(t):
    """What the scripts remember is not in the daemon's directory."""
    router = Router(t, settings=ENABLED % "forward")
    router.start("forward")
    assert os.listdir(os.path.join(router.root, "var/run/courierdns")) == []
    assert router.read("tmp/chown").splitlines() == [
        "courierdns:courierdns %s/var/run/courierdns" % router.root,
        "root:courierdns %s/var/etc/courierdns/courierdns.conf.new" % router.root]


def test_a_daemon_that_is_gone_is_gone_round(t):
    """Three times not there, and dnsmasq has its servers back; there again, and it is asked again."""
    router = Router(t, settings=ENABLED % "forward")
    before = router.effective()
    router.start("forward")
    taken = router.effective()
    router.write("tmp/alive.1", "")
    router.look(3)
    assert router.effective() == taken, "given back before the third time"
    router.write("tmp/alive", ALIVE["forward"])
    router.remove("tmp/alive.1")
    router.write("tmp/alive.2", "")
    router.look(5)
    assert router.effective() == before and "dnsmasq goes without it" in router.log(), router.log()
    assert router.log().count("goes without it") == 1
    assert router.read("tmp/slept").split() == ["10", "10", "2", "2", "2"], router.read("tmp/slept")
    router.remove("tmp/alive.2")
    router.write("tmp/alive.4", ALIVE["forward"])
    router.look(6)
    assert router.effective() == taken and "there again" in router.log(), router.log()


def test_a_short_pause_is_none(t):
    router = Router(t, settings=ENABLED % "forward")
    router.start("forward")
    taken, calls = router.effective(), router.read("tmp/dnsmasq")
    router.write("tmp/alive.1", "")
    router.write("tmp/alive.3", ALIVE["forward"])
    router.look(6)
    assert router.effective() == taken and router.read("tmp/dnsmasq") == calls and not router.log()


def test_in_the_place_of_dnsmasq_a_daemon_that_is_gone_gives_the_port_back(t):
    router = Router(t, settings=ENABLED % "replace")
    before = router.effective()
    router.start("replace")
    os.symlink(os.path.join(router.root, "etc/rc.common"), os.path.join(router.applets, "rc.common"))
    router.write("etc/init.d/courierdns.real", content(FILES, "courierdns.init"))
    router.write("etc/init.d/courierdns", '#!/bin/sh\nexec "$COURIERDNS_ROOT/etc/rc.common" '
                 '"$COURIERDNS_ROOT/etc/init.d/courierdns.real" "$@"\n')
    os.chmod(os.path.join(router.root, "etc/init.d/courierdns"), 0o755)
    router.remove("tmp/alive")
    router.look(4)
    given_back(router, DHCP.encode(), before)
    assert "dnsmasq has port 53 back" in router.log() and "killed" in router.read("tmp/procd")
    assert "trigger courierdns" in router.read("tmp/triggers")


@each(["forward", "replace"])
def test_a_dnsmasq_that_does_not_listen_is_left_alone(t, mode):
    """Its configuration is not what was asked for: nothing of ours stays."""
    router = Router(t, settings=ENABLED % mode)
    before = router.effective()
    router.write("var/etc/dnsmasq.conf.cfg01411c", "no-hosts\n")
    router.write("var/etc/dnsmasq.conf.cfg02411c", "server=127.0.0.1#5153\nport=5154\n")
    router.write("tmp/dnsmasq.deaf", "")
    done = router.init("start")
    router.write("tmp/alive", ALIVE[mode])
    if mode == "forward":
        good(done)
        router.look(3)
    else:
        assert done.returncode == 1 and "open" not in router.read("tmp/procd")
    given_back(router, DHCP.encode(), before)
    assert router.log().count("dnsmasq does not do as it is told") == 1, router.log()


def test_a_dnsmasq_that_is_not_started_need_not_do_anything(t):
    dhcp = DHCP + "config dnsmasq second\n\toption disabled '1'\n"
    router = Router(t, dhcp=dhcp, settings=ENABLED % "forward")
    router.write("var/etc/dnsmasq.conf.second", "of long ago\n")
    stub = router.read("etc/init.d/dnsmasq").replace("one() { # SECTION", "one() { # SECTION\n\t[ $1 != second ] || return 0")
    router.write("etc/init.d/dnsmasq", stub.replace("rm -f", ": keep"))
    router.start("forward")
    assert router.effective().count("127.0.0.1#5153") == 2 and not router.log(), router.log()


@each([("cfg01411c", 0), ("second", 1), ("@dnsmasq[1]", 1), ("1", 1), ("none such", None)], lambda case: case[0])
def test_of_several_instances_one(t, case):
    instance, number = case
    dhcp = DHCP + "config dnsmasq second\n\toption domain 'guest'\n"
    router = Router(t, dhcp=dhcp, settings=ENABLED % "forward" + "\tlist dnsmasq_instance '%s'\n" % instance)
    before = router.effective()
    router.start("forward")
    taken = [index for index, options in enumerate(sections(router.effective()).values()) if "server" in options]
    assert taken == ([] if number is None else [number]), router.effective()
    good(router.init("stop"))
    given_back(router, dhcp.encode(), before)


@each([("", True), ("\tlist server '/lan/'\n", True), ("\tlist server '8.8.8.8'\n", True),
       ("\tlist server '/corp/10.0.0.1'\n", False), ("\toption serversfile '/tmp/list'\n", False)],
      lambda case: case[0].strip() or "nothing")
def test_who_asks_is_told_to_us_alone(t, case):
    """Servers of some domains would be told, too."""
    text, wanted = case
    router = Router(t, dhcp=DHCP + text, settings=ENABLED % "forward")
    router.start("forward")
    assert ("option addmac '1'" in router.effective()) == wanted, router.effective()


def test_who_asks_is_not_told_where_we_do_not_want_it(t):
    router = Router(t, settings=ENABLED % "forward" + "\toption client_from_edns '0'\n")
    router.start("forward")
    assert "addmac" not in router.effective() and "127.0.0.1#5153" in router.effective()


# Shells start many programs: on a machine that is busy that takes as long as it takes.
for _name, _function in list(globals().items()):
    if _name.startswith("test_"):
        _function.limit = 240.0
