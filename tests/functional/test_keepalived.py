"""Two servers side by side: contrib/keepalived/keepalived.conf, as it stands, with the real keepalived,
in networks of their own."""

import os
import re
import shutil
import signal
import subprocess
import time

from harness import client, netns, servers, wire
from harness.device import SLOWER
from harness.manager import ROOT
from harness.mark import Skip, heavy, limit

EXAMPLE = os.path.join(ROOT, "contrib", "keepalived", "keepalived.conf")
SHARED = ["192.168.1.53", "fd00:1::53"]


def text():
    with open(EXAMPLE, encoding="ascii") as file:
        return file.read()


def needed(*programs):
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            raise Skip("%s is not installed" % program)
    if os.getuid() != 0:
        raise Skip("keepalived needs root")


class Server:
    """One of the two, on the cable that clients are on."""

    def __init__(self, t, clients, at, name):
        self.t, self.name, self.process = t, name, None
        self.network = netns.Network(t, beside=clients, as_root=True)
        cable = "to%d" % at
        clients.run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns",
                    str(self.network.process.pid))
        clients.run("ip", "link", "set", cable, "master", "lan", "up")
        self.network.run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad")
        self.network.run("ip", "addr", "add", "192.168.1.%d/24" % at, "dev", "eth0")
        self.network.run("ip", "addr", "add", "fd00:1::%d/64" % at, "dev", "eth0", "nodad")
        self.network.run("ip", "link", "set", "eth0", "up")
        # each says who it is
        self.config = re.search(r"^#\t(listen = .*)\n#\t(web = .*)$", text(), re.M).expand("\\1\n\\2\n")
        self.config += ('upstreams = { default = { servers = [ "127.0.0.1@5399" ]; }; };\n'
                        'zones = ( { name = "who.example"; action = "answer"; '
                        'records = [ "@ 60 IN A 192.0.2.%d" ]; } );\n' % at)
        self.device = t.device(start=False, text=self.config, address="127.0.0.1", port=53,
                               network=self.network)
        self.directory = os.path.join(t.directory, name)
        os.mkdir(self.directory)

    def start(self):
        self.device.start()
        return self

    def start_keepalived(self):
        with open(os.path.join(self.directory, "said"), "wb") as out:
            self.process = subprocess.Popen(
                self.network.prefix + ["keepalived", "-n", "-l", "-D", "-P", "-f", EXAMPLE, "-i", self.name,
                                       "-p", self.directory + "/pid", "-r", self.directory + "/vrrp.pid"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.t.closing.append(self.end)

    def end(self):
        if self.process is not None:
            servers.end_process(self.process)

    def said(self):
        with open(os.path.join(self.directory, "said"), encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def has(self, address):
        return " %s/" % address in self.network.run("ip", "addr", "show", "dev", "eth0")


def who_answers(clients, address):
    """The last number of the server's address, or None."""
    with client.Udp(address, 53, make=clients.socket) as udp:
        try:
            reply = udp.ask(client.with_id(wire.query("who.example.")), 0.3)
        except (client.NoAnswer, OSError):
            return None
        return int(reply.a()[0].split(".")[3])


@heavy
@limit(180)
def test_the_shared_addresses_are_where_a_server_is_well(t):
    needed("keepalived", "curl")
    if os.environ.get("WEB") == "no":
        raise Skip("the health check is a page of `web`, which is not built in")
    clients = netns.Network(t, as_root=True)
    clients.run("ip", "link", "add", "lan", "type", "bridge")
    clients.run("ip", "addr", "add", "192.168.1.9/24", "dev", "lan")
    clients.run("ip", "addr", "add", "fd00:1::9/64", "dev", "lan", "nodad")
    clients.run("ip", "link", "set", "lan", "up")
    first, second = (Server(t, clients, at, "ns%d" % at).start() for at in (1, 2))
    upstreams = [t.upstream(address="127.0.0.1", port=5399, network=one.network) for one in (first, second)]
    for up in upstreams:
        up.rule(None, None, lambda asked: asked.reply(), times=None)
    for one in (first, second):
        one.start_keepalived()

    def until_at(number, seconds, what):
        try:
            t.until(lambda: all(who_answers(clients, address) == number for address in SHARED),
                    seconds, what)
        except AssertionError as error:
            raise AssertionError("%s\nns1: %s\nns2: %s" % (error, first.said(), second.said())) from error
        t.until(lambda: all((first if number == 1 else second).has(one) and
                            not (second if number == 1 else first).has(one) for one in SHARED), 5)

    until_at(1, 20, "ns1 does not answer at the shared addresses")
    # its daemon ends
    first.device.signal(signal.SIGTERM)
    began = time.monotonic()
    assert first.device.process.wait(5 * SLOWER) == 0
    until_at(2, 10, "ns2 does not take over")
    took = time.monotonic() - began
    first.device.start()
    until_at(1, 20, "ns1 is well and does not get them back")
    # it hangs
    first.device.signal(signal.SIGSTOP)
    until_at(2, 10, "ns2 does not take over from one that hangs")
    first.device.signal(signal.SIGCONT)
    until_at(1, 20, "ns1 goes on and does not get them back")
    # its network is gone, and the other one's is not; then that too
    for at, one in ((0, first), (1, second)):
        upstreams[at].close()
        for number in range(8):     # so that it is noticed
            one.device.ask("lost%d.example." % number)
        until_at(2 - at, 15, "ns%d, without a server, and it is where it was" % (at + 1))
    for at, one in ((0, first), (1, second)):
        upstreams[at].open(True, True)
        for number in range(4):
            one.device.ask("found%d.example." % number)
    until_at(1, 30, "ns1 is well and does not get them back")
    # the machine itself is gone
    clients.run("ip", "link", "set", "to1", "down")
    began = time.monotonic()
    t.until(lambda: all(who_answers(clients, address) == 2 for address in SHARED), 10, "not taken over")
    t.within(time.monotonic() - began, 0, 2.0, "until the other one noticed")
    t.within(took, 0, 5.0, "until the other had the addresses")


def test_what_the_readme_says_of_the_example_is_in_it(t):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        assert "contrib/keepalived/keepalived.conf" in file.read()
    assert "/readyz" in text() and "weight -20" in text()


def test_keepalived_understands_the_example(t):
    """What it says of a mistake, it does not say of this. Its exit status is no news: see there."""
    needed("keepalived", "curl")
    network = netns.Network(t, as_root=True)
    network.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other")
    for change, is_fine in ((("", ""), True), (("weight -20", "wieght -20"), False)):
        path = os.path.join(t.directory, "keepalived.conf")
        with open(path, "w", encoding="ascii") as out:
            out.write(text().replace(*change))
        done = subprocess.run(network.prefix + ["keepalived", "-t", "-l", "-f", path, "-i", "ns1"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        assert (done.stdout.strip() in ("", "Terminated")) == is_fine, done.stdout
