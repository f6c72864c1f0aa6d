"""Both places that courierdns may have beside dnsmasq on a router, with the real dnsmasq: it has OpenWrt's
settings and what dnsmasq.sh changes of them, we have what uci.sh makes."""

import os

import dns.message

from harness import apple, client, wire
from harness.dnsmasq import Dnsmasq
from harness.doctor import ALIAS_CHECKS as ALIAS
from harness.doctor import at, checks, doctor
from harness.mark import each
from harness.netns import Network
from harness.shapes import COURIER, TARGET, a1
from harness.upstream import send
from test_control import ask_json
from test_openwrt import ENABLED, HERE, Router, content, good

ROUTER, WAN = "192.168.1.1", "203.0.113.254"
IPADS = {"192.168.1.20": "02:00:5e:10:00:01", "192.168.1.21": "02:00:5e:10:00:02"}
# What OpenWrt's init script makes of the dhcp configuration as installed, but for what is of DHCP.
AS_INSTALLED = ["domain-needed", "localise-queries", "expand-hosts", "bogus-priv", "stop-dns-rebind",
                "rebind-localhost-ok", "local=/lan/", "domain=lan", "edns-packet-max=1232", "cache-size=1000",
                "no-hosts"]
# the same without us: dnsmasq asks the provider itself
WITHOUT_US = ["no-resolv", "server=%s" % WAN]
NAMES = [(COURIER, "HTTPS"), (COURIER, "A"), (COURIER, "AAAA"), (TARGET, "A"), ("7-courier.push.apple.com.", "HTTPS"),
         ("7-courier.push.apple.com.", "A"), ("push.apple.com.", "TXT"), ("init.push.apple.com.", "A"),
         ("init.push.apple.com.", "HTTPS"), ("apple.com.", "NS"), ("absent.example.", "A"),
         ("absent.example.", "AAAA"), ("many.example.", "A"), ("private.example.", "A"),
         ("srv.example.", "SRV")]
SOA = "example. 900 SOA ns.example. admin.example. 1 7200 900 1209600 300"


def told(asked):
    """Apple's truth, and a few answers more."""
    name = wire.text(wire.lower(asked.name))
    if name == "many.example." and asked.msg.qtype == 1:
        # (nothing of 192.0.2.0/24, which is private for dnsmasq)
        whole = asked.reply([a1(name, "17.1.2.%d" % n) for n in range(1, 100)], aa=True)
        return send(whole if asked.tcp else asked.reply(aa=True, tc=True))
    if name == "private.example." and asked.msg.qtype == 1:
        return send(asked.reply([a1(name, "10.0.0.9")]))
    if name == "srv.example.":
        return send(asked.reply(["%s 300 SRV 1 2 443 MiXeD.example." % name]))
    if name == "absent.example.":
        return send(asked.reply([], [SOA], rcode=wire.NXDOMAIN))
    return send(apple.truth(asked))


class Home:
    """A router with the iPads behind it, each with an address and a cable of its own, and the provider's
    server. dnsmasq has the `lines` besides those of the router, but for what is `left` out of these."""

    def __init__(self, t, mode, lines=(), settings="", left=()):
        self.t, self.router, self.left = t, Network(t), left
        provider = Network(t, beside=self.router)
        self.router.cable(provider, ["203.0.113.1/24"], [WAN + "/24"])
        self.up = t.upstream(address=WAN, network=provider, port=53)
        self.rule = self.up.rule(None, None, told, times=None)
        self.router.run("ip", "link", "add", "br-lan", "type", "bridge")
        self.ipads = {}
        for at, (address, mac) in enumerate(IPADS.items()):
            ipad, end = Network(t, beside=self.router), "lan%d" % at
            self.router.run("ip", "link", "add", end, "type", "veth", "peer", "name", "eth0", "address", mac,
                            "netns", str(ipad.process.pid))
            self.router.run("ip", "link", "set", end, "master", "br-lan", "up")
            ipad.run("ip", "addr", "add", address + "/24", "dev", "eth0")
            ipad.run("ip", "link", "set", "eth0", "up")
            self.ipads[address] = ipad
        self.router.run("ip", "addr", "add", ROUTER + "/24", "dev", "br-lan")
        self.router.run("ip", "link", "set", "br-lan", "up")
        for address, ipad in self.ipads.items():
            self.router.run("ip", "neigh", "replace", address, "lladdr", IPADS[address], "dev", "br-lan")
        self.box = Router(t, dhcp=content(HERE, "dhcp", "01-as-installed"), settings=ENABLED % mode +
                          "\toption resolv_file '%s/resolv.conf'\n%s"
                          "config courier 'apple'\n\toption pre_resolve 'off'\n" % (t.directory, settings))
        with open(os.path.join(t.directory, "resolv.conf"), "w", encoding="ascii") as out:
            out.write("# Interface wan\nnameserver %s\n" % WAN)
        self.us = self.start_us(53 if mode == "replace" else 5153)
        self.box.start(mode)
        self.dnsmasq = self.start_dnsmasq(lines)

    def start_us(self, port):
        text = good(self.box.generate()).stdout.decode()
        path = os.path.join(self.t.directory, "control")
        us = self.t.device(text=text.replace("/var/run/courierdns/control.sock", path), address="127.0.0.1",
                           port=port, network=self.router)
        us.control = path
        return us

    def start_dnsmasq(self, lines):
        """With what its init script has written once we had taken over."""
        folder = os.path.join(self.box.root, "var/etc")
        name, = [name for name in os.listdir(folder) if name.startswith("dnsmasq.conf")]
        self.taken = taken = self.box.read("var/etc/" + name).split()
        at = ROUTER if not any(line.startswith("port=") for line in taken) else "127.0.0.1"
        port = int(([line[5:] for line in taken if line.startswith("port=")] + ["53"])[0])
        lines = [line for line in AS_INSTALLED + taken if line not in self.left and not line.startswith(
            ("port=", "dhcp-option="))] + list(lines)
        return Dnsmasq(self.t, lines, at, port, self.router)

    def ask(self, qname, qtype="A", who="192.168.1.20", at=ROUTER, port=53, tcp=False, **how):
        query = client.with_id(wire.query(qname, qtype, **how))
        with (client.Tcp if tcp else client.Udp)(at, port, make=self.ipads[who].socket) as sock:
            return sock.ask(query, 8)

    def us_to_dnsmasq(self, qname, qtype, tcp):
        """What dnsmasq tells us."""
        return self.dnsmasq.ask(qname, qtype, tcp=tcp)

    def devices(self):
        return {one["hardware"] or one["address"]: one for one in ask_json(self.t, self.us, "devices")["devices"]}


def plain(reply):
    """The bytes but for the ID, and for TTLs."""
    out = bytearray(reply.wire)
    out[0:2] = b"\0\0"
    for record in reply.msg.records():
        out[record.ttl_at:record.ttl_at + 4] = b"\0" * 4
    return bytes(out)


def same(t, one, other, what):
    """But for TTLs, which each counts down from its own beginning, in whole seconds."""
    assert plain(one) == plain(other), "%s\n%s\n%s" % (what, one, other)
    assert all(abs(mine - theirs) <= 4 + t.late for mine, theirs in zip(one.msg.ttls(), other.msg.ttls())), (
        what, str(one), str(other))


def records(reply):
    """What it says, in whichever order and however it is written."""
    return {(at, str(one.name).lower(), one.rdtype, rdata) for at, section in enumerate(
        dns.message.from_wire(reply.wire).sections[1:]) for one in section for rdata in one}


# --- forward -------------------------------------------------------------------------------

WAYS = {"udp": {}, "tcp": {"tcp": True}, "edns": {"edns": 1232}, "do": {"do": True}}


@each([(way, identity) for way in sorted(WAYS) for identity in (0, 1)], lambda one: "%s-%d" % one)
def test_forward_is_as_dnsmasq_without_us(t, case):
    """Byte for byte, first and again: what dnsmasq alters it alters alone."""
    way, identity = case
    home = Home(t, "forward", settings="\toption client_from_edns '%d'\n" % identity)
    assert ("add-mac" in home.taken) == bool(identity)
    other = Dnsmasq(t, AS_INSTALLED + WITHOUT_US + ["add-mac"] * identity, ROUTER, 5301, home.router)
    changed = set()
    for again, (name, qtype) in [(again, one) for again in range(2) for one in NAMES]:
        mine, theirs = home.ask(name, qtype, **WAYS[way]), home.ask(name, qtype, port=5301, **WAYS[way])
        same(t, mine, theirs, (again, name, qtype))
        direct = home.us.ask(name, qtype, **WAYS[way])
        if plain(mine) != plain(direct):
            changed.add((again, name, qtype))
        if name == "private.example.":
            assert mine.rcode == wire.NOERROR and not mine.msg.answer and direct.a() == ["10.0.0.9"], mine
        elif (again, name, qtype, way) != (1, "7-courier.push.apple.com.", "A", "tcp"):
            assert records(mine) == records(direct), (again, name, qtype, str(mine), str(direct))
    dropped = {(again, "private.example.", "A") for again in range(2)}
    # told who asks, it keeps nothing, but what came over TCP; nor anything with DNSSEC
    if way == "do" or (identity and way != "tcp"):
        assert changed == dropped, changed
    else:
        # all records are there, written anew; but that over TCP it forgets the alias between two others
        assert (1, TARGET, "A") in changed and dropped < changed, changed
        assert not any(qtype in ("HTTPS", "TXT", "NS") for _, _, qtype in changed), changed


# --- replace -------------------------------------------------------------------------------

LEASE = "0 02:00:5e:10:00:01 192.168.1.20 ipad *\n"


def test_replace_is_byte_true_and_knows_the_house(t):
    """We have port 53; names of the house and of its addresses are dnsmasq's, by its leases too."""
    with open(os.path.join(t.directory, "leases"), "w", encoding="ascii") as out:
        out.write(LEASE)
    home = Home(t, "replace", ["host-record=nas.lan,192.168.1.7", "dhcp-range=192.168.1.100,192.168.1.150",
                               "interface=br-lan", "dhcp-leasefile=%s/leases" % t.directory])
    assert "port=5154" in home.taken and "dhcp-option=option:dns-server,0.0.0.0" in home.taken, home.taken
    for tcp in (False, True):
        for name, qtype in NAMES:
            same(t, home.ask(name, qtype, tcp=tcp), home.us.ask(name, qtype, tcp=tcp), (name, qtype))
    before = len(home.rule.sent)
    for n, (name, qtype) in enumerate([("%d-courier.push.apple.com." % n, "A") for n in range(20, 30)] + [
            (name, "SVCB") for name, kind in NAMES if kind == "A"]):
        first = home.ask(name, qtype, tcp=n % 2 == 1)
        t.miss(first, home.rule)
        t.hit(home.ask(name, qtype, tcp=n % 4 > 1), first, home.rule)
    assert len(home.rule.sent) > before
    before = len(home.up.log)
    for tcp in (False, True):
        assert home.ask("nas.lan.", tcp=tcp).a() == ["192.168.1.7"]
        assert home.ask("ipad.lan.", tcp=tcp).a() == ["192.168.1.20"]
        for number, name in ((7, "nas.lan."), (20, "ipad.lan.")):
            reply = home.ask("%d.1.168.192.in-addr.arpa." % number, "PTR", tcp=tcp)
            assert [one.target() for one in reply.msg.answer] == [name], reply
            same(t, reply, home.us_to_dnsmasq("%d.1.168.192.in-addr.arpa." % number, "PTR", tcp), name)
        assert home.ask("nobody.lan.", tcp=tcp).rcode == wire.NXDOMAIN
        assert home.ask("99.1.168.192.in-addr.arpa.", "PTR", tcp=tcp).rcode == wire.NXDOMAIN
    assert len(home.up.log) == before, "the provider hears of the house: %s" % home.up.log[before:]
    assert home.ask("private.example.").a() == ["10.0.0.9"], "dropped, which is dnsmasq's way"
    home.ask("init.push.apple.com.", who="192.168.1.21")
    assert set(home.devices()) == {*IPADS, "127.0.0.1"}, home.devices()


# --- who asks ------------------------------------------------------------------------------

TOLD = {"as-taken": ([], sorted(IPADS.values())), "text": (["add-mac=text"], sorted(IPADS.values())),
        "base64": (["add-mac=base64"], sorted(IPADS.values())),
        "subnet": (["add-subnet=32,128"], sorted(IPADS)),
        "all": (["add-subnet=32,128", "add-cpe-id=router"], sorted(IPADS.values())),
        "cpe-id": (["add-cpe-id=router"], None)}


@each(sorted(TOLD))
def test_forward_tells_devices_apart_and_nobody_else(t, form):
    """Whatever dnsmasq is told to tell: we know who asks, the provider hears none of it, and what one has
    been told is kept for the other."""
    lines, known = TOLD[form]
    home = Home(t, "forward", lines + ["cache-size=0"], left=["cache-size=1000"] + (
        [] if form in ("as-taken", "all") else ["add-mac"]))
    for who in IPADS:
        for tcp in (False, True):
            for name in ("captive.apple.com.", "init.push.apple.com.", COURIER):
                assert home.ask(name, "A", who=who, tcp=tcp).rcode == wire.NOERROR
    devices = home.devices()
    assert sorted(devices) == (known or ["127.0.0.1"]), devices
    if form == "all":
        assert sorted(one["address"] for one in devices.values()) == sorted(IPADS), devices
    for asked in home.up.log:
        assert not asked.msg.options, asked
    hits = home.us.statistics()["cache_hits"]
    assert hits >= 3 * 2 * len(IPADS) - 3, "asked again, though it was known: %d" % hits


def test_who_is_not_the_router_is_not_believed(t):
    """The iPad says itself who it is, past dnsmasq: neither believed nor told."""
    home = Home(t, "replace")
    for option in ((65001, bytes(6 * [2])), (65074, b"router")):
        assert home.ask("init.push.apple.com.", options=[option]).a()
    assert list(home.devices()) == ["192.168.1.20"], home.devices()
    for asked in home.up.log:
        assert not asked.msg.options, asked


# --- the doctor ----------------------------------------------------------------------------

PRIVATE = {"courier.push.apple.com.": "10.0.0.1", "init.push.apple.com.": "10.0.0.1"}
# {the option: (further lines, {check that fails or warns by it: how it is named})}
OPTIONS = {
    "filter-AAAA": ([], {"alias-aaaa": "filter-AAAA (filter_aaaa)"}),
    "filter-rr=HTTPS": ([], {"alias-https": "filter-rr (filter_rr)"}),
    "filter-rr=TXT": ([], {"count-txt": "filter-rr (filter_rr)"}),
    "filter-A": ([], dict.fromkeys(["variants-a", "bag", "activation", "enrolment"], "filter-A (filter_a)")),
    "bogus-nxdomain=17.0.0.0/8": ([], dict.fromkeys(["variants-a", "bag", "activation", "enrolment"],
                                                    "bogus-nxdomain (bogusnxdomain)")),
    "address=/push.apple.com/#": ([], dict.fromkeys(["alias-a", "alias-aaaa", "alias-tcp", "alias-again", "bag"],
                                                    "address (address)")),
    "address=/apple.com/": ([], dict.fromkeys([*ALIAS, "variants-https", "bag"], "address (address)")),
    "local=/apple.com/": ([], dict.fromkeys([*ALIAS, "count-txt", "bag"], "local (local)")),
    "server=/akadns.net/": ([], {"target": "server without an address (server)"}),
    "host-record=courier.push.apple.com,192.0.2.7": ([], dict.fromkeys(["alias-a", "alias-tcp"], "host-record")),
    "cname=courier.push.apple.com,foo.lan": ([], dict.fromkeys(ALIAS, "cname")),
    "alias=17.57.146.132,10.0.0.1": ([], {"variants-a": "alias"}),
    "txt-record=push.apple.com,hello": ([], {"count-txt": "txt-record"}),
    "dns-forward-max=1": ([], {"activation": "dns-forward-max (dnsforwardmax)"}),
    "ignore-address=17.57.146.132": ([], {"variants-a": "ignore-address"}),
    "stop-dns-rebind": (["cache-size=0"], dict.fromkeys(["alias-a", "bag"], "stop-dns-rebind (rebind_protection)")),
    "dnssec": (["trust-anchor=.,20326,8,2,E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"],
               dict.fromkeys([*ALIAS, "bag"], "dnssec (dnssec)")),
}
# What no check fails by: they alter nothing that a device would mind, or what it does not ask.
HARMLESS = ["cache-size=0", "filterwin2k", "bogus-priv", "domain-needed", "min-cache-ttl=600", "max-ttl=5", "no-negcache",
            "proxy-dnssec", "edns-packet-max=512", "localise-queries", "filter-rr=CNAME"]


def doctored(t, lines, act=NotImplemented):
    up = t.upstream()
    apple.truthful(up, lambda asked, name, qtype: act if act is NotImplemented else act(asked, name, qtype))
    chained = Dnsmasq(t, ["no-resolv", "no-hosts", "server=%s#%d" % (up.address, up.port)] + lines)
    return up, checks(doctor(t, at(chained), "--count", "1")[0])


def private(asked, name, qtype):
    return asked.reply([a1(name, PRIVATE[name])]) if name in PRIVATE and qtype == 1 else NotImplemented


def slow(asked, _name, _qtype):
    return [send(apple.truth(asked), 0.3)]


def named(found):
    return {name: check["dnsmasq_options"] for name, check in found.items() if check["dnsmasq_options"]}


@each(sorted(OPTIONS), lambda line: line.replace("/", "_"))
def test_the_doctor_names_the_option(t, line):
    lines, wanted = OPTIONS[line]
    act = {"stop-dns-rebind": private, "dns-forward-max=1": slow}.get(line, NotImplemented)
    _, found = doctored(t, lines + [line], act=act)
    for name, option in wanted.items():
        assert found[name]["result"] in ("fail", "warn"), (name, found[name])
        assert option in (found[name]["dnsmasq_options"] or ""), (name, found[name])


@each(HARMLESS)
def test_the_doctor_has_nothing_against(t, line):
    _, found = doctored(t, [line])
    assert not named(found), found
    # whoever asks it the same as another at that moment is told in the other's letter case
    assert all(check["result"] in ("ok", "info") for name, check in found.items() if name != "case"), found


def test_the_doctor_names_no_option_for_what_comes_from_further_up(t):
    """Neither of a server that is no dnsmasq, nor where the reference fails alike."""
    def lost(asked, name, qtype):
        return asked.reply() if name == COURIER else NotImplemented
    up, found = doctored(t, [], act=lost)
    assert set(named(found)) >= set(ALIAS), found
    found = checks(doctor(t, at(up), "--count", "1")[0])
    assert found["alias-a"]["result"] == "fail" and not named(found), found
    found = checks(doctor(t, at(up), "--count", "1", "--dnsmasq")[0])
    assert set(named(found)) >= set(ALIAS), "told so, for it may not say so itself"
    other = Dnsmasq(t, ["no-resolv", "no-hosts", "server=%s#%d" % (up.address, up.port)])
    found = checks(doctor(t, at(other), "--count", "1", "--reference", at(up)[1:])[0])
    assert found["alias-a"]["result"] == "fail" and not named(found), found
