"""Addresses of answers in sets of the packet filter: the kernel's own, of a network made for the test, looked
at with nft."""

import json
import os
import re
import time

from harness import wire
from harness.device import SLOWER
from harness.mark import Skip, each
from harness.netns import Network
from test_control import ask, ask_json
from test_privileges import NOBODY, check_left, need_root

WITHOUT = os.environ.get("NFTSET") == "no"
ADMIN = 1 << 12
NAME = "ipad.sets.example."


class Router:
    """A network with a packet filter, and a daemon in there whose zone sets.example names sets."""

    def __init__(self, t, nftset='"inet#fw4#apple"', make=("apple { type ipv4_addr; flags timeout; }",),
                 as_root=False, conf="", **how):
        if WITHOUT:
            raise Skip("built without nft sets")
        self.t = t
        self.network = Network(t, as_root=as_root)
        self.network.run("nft", "add", "table", "inet", "fw4")
        for each_set in make:
            self.make(each_set)
        self.up = t.upstream(address="127.0.0.2", network=self.network)
        self.conf, self.how = conf, how
        self.dev = t.device(text=self.text(nftset), address="127.0.0.1", network=self.network, **how)

    def text(self, nftset):
        return self.t.config(
            [self.up], address="127.0.0.1", conf=self.conf,
            zones="" if nftset is None else '  { name = "sets.example"; nftset = %s; }' % nftset)

    def nft(self, *words):
        return self.network.run("nft", *words)

    def make(self, text):
        self.nft("add", "set", "inet", "fw4", *text.split(" ", 1))

    def elements(self, name="apple"):
        """{address: (timeout, expires)}, both None where the set has no timeouts."""
        found = json.loads(self.nft("-j", "list", "set", "inet", "fw4", name))["nftables"]
        told = {}
        for one in next(item["set"] for item in found if "set" in item).get("elem", []):
            elem = one["elem"] if isinstance(one, dict) and "elem" in one else {"val": one}
            told[elem["val"]] = (elem.get("timeout"), elem.get("expires"))
        return told

    def answers(self, records, qname=NAME, qtype="A"):
        return self.up.answers(qname, qtype, records, times=None)

    def count(self, what, name="inet#fw4#apple"):
        found = [count for labels, count in self.dev.metrics("courierdns_nftset_%s_total" % what)
                 if labels["set"] == name]
        assert len(found) == 1, found
        return found[0]

    def ask(self, qname=NAME, qtype="A", **how):
        """What is to be in the sets is there now; but where this machine was so slow that the answer has
        not waited for it, a moment later."""
        late = self.late
        reply = self.dev.ask(qname, qtype, **how)
        assert reply.rcode == wire.NOERROR, reply
        if self.late > late:
            time.sleep(1.0 * SLOWER)
        return reply

    @property
    def late(self):
        return self.dev.statistics()["nftset_late"]


def check_there(router, address, ttl, name="apple"):
    """At the moment that the answer is there, for the time that it says, or what is left of that."""
    elements = router.elements(name)
    assert address in elements, elements
    timeout, expires = elements[address]
    assert ttl - 30 <= expires <= timeout <= ttl, elements


def test_an_address_is_in_the_set_when_the_answer_is_there(t):
    router = Router(t)
    router.answers([NAME + " 600 CNAME x.cdn.example.", "x.cdn.example. 300 A 192.0.2.7",
                    "x.cdn.example. 300 A 192.0.2.8", "other.example. 300 A 192.0.2.9"])
    router.ask(NAME)
    check_there(router, "192.0.2.7", 300)
    check_there(router, "192.0.2.8", 300)
    assert len(router.elements()) == 2, router.elements()
    assert router.count("additions") == 2 and router.count("failures") == 0


def test_a_day_is_a_day_there_too(t):
    router = Router(t)
    router.answers([NAME + " 86400 A 192.0.2.7"])
    router.ask()
    check_there(router, "192.0.2.7", 86400)


def test_who_finds_no_room_takes_nobody_along(t):
    """One address of an answer is in the set, that is full; its time is made longer all the same."""
    router = Router(t, make=("apple { type ipv4_addr; flags timeout; size 2; }",))
    router.nft("add", "element", "inet", "fw4", "apple", "{ 192.0.2.1 timeout 1h, 192.0.2.7 timeout 90s }")
    router.answers([NAME + " 300 A 192.0.2.7", NAME + " 300 A 192.0.2.8"])
    router.ask()
    check_there(router, "192.0.2.7", 300)
    assert router.count("additions") == 1 and router.count("failures") == 1


@each([False, True], title=lambda tcp: "tcp" if tcp else "udp")
def test_an_answer_of_the_cache_is_in_the_set_again(t, tcp):
    """Which a reload of the firewall has emptied, or in which its time is nearly over."""
    router = Router(t)
    router.answers([NAME + " 300 A 192.0.2.7"])
    router.ask(NAME, tcp=tcp)
    router.nft("flush", "set", "inet", "fw4", "apple")
    router.ask(NAME, tcp=tcp)
    assert "192.0.2.7" in router.elements()
    router.nft("flush", "set", "inet", "fw4", "apple")
    router.nft("add", "element", "inet", "fw4", "apple", "{ 192.0.2.7 timeout 90s }")
    assert router.elements()["192.0.2.7"][0] == 90
    router.ask(NAME, tcp=tcp)
    assert router.elements()["192.0.2.7"][0] > 100, router.elements()
    assert len(router.up.log) == 1


def test_each_family_goes_where_it_is_taken(t):
    """What a set does not take is no failure."""
    router = Router(t, '[ "inet#fw4#apple", "inet#fw4#apple6", "4#inet#fw4#also" ]', (
        "apple { type ipv4_addr; flags timeout; }", "apple6 { type ipv6_addr; flags timeout; }",
        "also { type ipv4_addr; flags timeout; }"))
    router.answers([NAME + " 300 A 192.0.2.7"])
    router.answers([NAME + " 200 AAAA 2001:db8::7"], qtype="AAAA")
    router.ask(NAME)
    router.ask(NAME, "AAAA")
    check_there(router, "192.0.2.7", 300)
    check_there(router, "192.0.2.7", 300, "also")
    check_there(router, "2001:db8::7", 200, "apple6")
    for name in ("apple", "apple6", "also"):
        assert len(router.elements(name)) == 1
        assert router.count("additions", "inet#fw4#" + name) == 1
        assert router.count("failures", "inet#fw4#" + name) == 0


def test_sets_of_every_kind_are_filled(t):
    """With intervals, in which a larger one may have it already; without timeouts, which is told."""
    router = Router(t, '[ "inet#fw4#spans", "inet#fw4#merged", "inet#fw4#plain" ]', (
        "spans { type ipv4_addr; flags interval,timeout; }",
        "merged { type ipv4_addr; flags interval; auto-merge; }", "plain { type ipv4_addr; }"))
    router.nft("add", "element", "inet", "fw4", "merged", "{ 192.0.2.0/25 }")
    router.answers([NAME + " 300 A 192.0.2.7", NAME + " 300 A 255.255.255.255", NAME + " 300 A 192.0.2.200"])
    for _ in range(2):
        router.ask(NAME)
    for address in ("192.0.2.7", "192.0.2.200", "255.255.255.255"):
        check_there(router, address, 300, "spans")
        assert address in router.elements("plain"), router.elements("plain")
    said = router.nft("list", "set", "inet", "fw4", "merged")
    assert "192.0.2.0/25" in said and "192.0.2.200" in said and "255.255.255.255" in said, said
    for name in ("spans", "merged", "plain"):
        assert router.count("failures", "inet#fw4#" + name) == 0
    told = re.findall(r"^warning: nft set (\S+): has no timeouts", router.dev.stderr(), re.M)
    assert sorted(told) == ["inet#fw4#merged", "inet#fw4#plain"], told


def test_two_names_of_one_address_have_it_stay_for_the_longer(t):
    router = Router(t)
    router.answers([NAME + " 300 A 192.0.2.7"])
    router.answers(["b.sets.example. 20 A 192.0.2.7"], qname="b.sets.example.")
    router.ask(NAME)
    router.ask("b.sets.example.")
    assert router.elements()["192.0.2.7"][1] > 100, router.elements()


def test_a_set_that_is_missing_hinders_nobody_and_is_told_once(t):
    """Nor the set beside it; and made later, it is filled."""
    router = Router(t, '[ "inet#fw4#nope", "inet#fw4#apple" ]')
    router.answers([NAME + " 300 A 192.0.2.7"])
    for _ in range(3):
        router.ask(NAME)
    check_there(router, "192.0.2.7", 300)
    lines = re.findall(r"^warning: nft set inet#fw4#nope: there is no such set .*", router.dev.stderr(), re.M)
    assert len(lines) == 1, router.dev.stderr()
    assert router.count("failures", "inet#fw4#nope") == 3
    assert router.count("failures") == 0
    router.make("nope { type ipv4_addr; flags timeout; }")
    router.ask(NAME)
    assert "192.0.2.7" in router.elements("nope")
    t.until(lambda: len(re.findall(r"^notice: nft set inet#fw4#nope: works again", router.dev.stderr(), re.M)) == 1)


@each([("maps", "maps { type ipv4_addr : verdict; }", "it is no set of"),
       ("ports", "ports { type inet_service; }", "it is no set of"),
       ("full", "full { type ipv4_addr; flags timeout; size 1; elements = { 192.0.2.1 timeout 1h }; }", "it is full")],
      title=lambda case: case[0])
def test_what_the_kernel_refuses_is_told_by_why(t, case):
    name, text, why = case
    router = Router(t, '"inet#fw4#%s"' % name, ())
    router.nft("add", "map" if name == "maps" else "set", "inet", "fw4", *text.split(" ", 1))
    router.answers([NAME + " 300 A 192.0.2.7"])
    assert router.ask(NAME)is not None
    assert router.count("failures", "inet#fw4#" + name) == 1
    t.until(lambda: "warning: nft set inet#fw4#%s: %s" % (name, why) in router.dev.stderr())


def test_explain_names_the_sets_of_a_name(t):
    router = Router(t, '[ "inet#fw4#apple", "6#inet#fw4#apple6" ]')
    said = ask_json(t, router.dev, "explain", NAME)
    assert said["forward"]["nftset"] == ["inet#fw4#apple", "6#inet#fw4#apple6"]
    assert re.search(r"^nft sets: +inet#fw4#apple\n +6#inet#fw4#apple6$", ask(t, router.dev, "explain", NAME), re.M)
    assert ask_json(t, router.dev, "explain", "b.example")["forward"]["nftset"] == []


def test_a_reload_has_who_asks_for_a_new_family_watched(t):
    """Though the name is kept, from when nobody was."""
    router = Router(t)
    router.answers([NAME + " 300 A 192.0.2.7"])
    router.ask()
    assert ask_json(t, router.dev, "devices")["devices"] == []
    router.conf = """couriers = ( { name = "corp"; alias = "ipad.sets.example"; target = "to.example"; count = 3;
      variants = [ "{n}-ipad.sets.example" ]; pre_resolve = "off"; } );"""
    router.dev.reload(router.text('"inet#fw4#apple"'))
    t.until(lambda: re.search("^notice: reload: the new", router.dev.stderr(), re.M), 5.0)
    router.ask()
    assert len(ask_json(t, router.dev, "devices")["devices"]) == 1
    assert len(router.up.log) == 1


def test_a_reload_changes_the_sets(t):
    """With a name that is kept: out of the cache it goes to where the new rules say."""
    router = Router(t, '"inet#fw4#apple"', ("apple { type ipv4_addr; flags timeout; }",
                                            "other { type ipv4_addr; flags timeout; }"))
    router.answers([NAME + " 300 A 192.0.2.7"])
    router.ask()
    router.nft("flush", "set", "inet", "fw4", "apple")
    for nftset, there in (('"inet#fw4#other"', True), (None, False)):
        done = len(re.findall("^notice: reload: the new", router.dev.stderr(), re.M))
        router.dev.reload(router.text(nftset))
        t.until(lambda: len(re.findall("^notice: reload: the new", router.dev.stderr(), re.M)) > done, 5.0)
        router.nft("flush", "set", "inet", "fw4", "other")
        router.ask()
        assert router.elements() == {} and bool(router.elements("other")) == there
    assert len(router.up.log) == 1


def test_of_root_that_is_left_which_a_set_takes(t):
    """In each thread, the one that fills sets too; and not where no rule names one at the start: then it is told
    what to do."""
    need_root()
    router = Router(t, as_root=True, conf='user = "nobody";\n')
    router.answers([NAME + " 300 A 192.0.2.7"])
    router.ask()
    check_there(router, "192.0.2.7", 300)
    workers = int(os.environ.get("WORKERS") or 1)
    assert len(check_left(router.dev, NOBODY.pw_uid, NOBODY.pw_gid, ADMIN)) > workers
    late = Router(t, None, as_root=True, conf='user = "nobody";\n')
    late.answers([NAME + " 300 A 192.0.2.7"])
    check_left(late.dev, NOBODY.pw_uid, NOBODY.pw_gid, 0)
    late.dev.reload(late.text('"inet#fw4#apple"'))
    t.until(lambda: "reload: the new" in late.dev.stderr(), 5.0)
    for _ in range(2):
        late.ask()
    assert late.elements() == {} and late.count("failures") == 2
    assert len(re.findall("^warning: nft set inet#fw4#apple: this program may not change it.*start it anew;",
                          late.dev.stderr(), re.M)) == 1


def test_a_table_of_another_family_is_another_table(t):
    router = Router(t, '"ip#fw4#apple"')
    router.answers([NAME + " 300 A 192.0.2.7"])
    router.ask(NAME)
    assert router.elements() == {}
    assert router.count("failures", "ip#fw4#apple") == 1


def test_many_who_ask_at_once_each_find_it(t):
    router = Router(t, conf="workers = 2;\n")
    router.answers([NAME + " 300 A 192.0.2.7"] + [NAME + " 300 A 198.51.100.%d" % i for i in range(69)])
    router.ask(NAME, tcp=True)
    assert len(router.elements()) == 70
    for burst in range(5):
        late = router.late
        router.nft("flush", "set", "inet", "fw4", "apple")
        sockets = [router.network.socket() for _ in range(40)]
        for at, one in enumerate(sockets):
            one.connect(("127.0.0.1", router.dev.port))
            one.send(wire.query(NAME, ident=at, edns=1232))
        for one in sockets:
            one.settimeout(5.0 * SLOWER)
            assert len(one.recv(4096)) > 1000
            one.close()
        if router.late > late:
            time.sleep(1.0 * SLOWER)
        assert len(router.elements()) == 70, burst
    assert router.count("failures") == 0
