"""The servers under test: courierdns with its defaults, and others as somebody who cares would
configure them as forwarders: every question goes to the given servers, answers are cached, nothing
is validated (the upstream is not signed), and where a default would decide the contest it is
raised to what courierdns has: 4,096 questions in flight, 256 TCP clients, one thread."""

import itertools
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from harness.servers import PATHS
from rig import HARD, PORT, PROGRAMS, ROUTER_PROGRAMS, SOFT, Process

INFLIGHT, TCP_CLIENTS = 4096, 256


class Server:
    """A running one. `nofile` is its limit of descriptors, `group` the control group that it is in."""

    name = binary = config = ""

    def __init__(self, rig, upstreams, nofile=None, group=None):
        self.address, self.port = self.where(rig)
        self.upstreams, self.nofile = upstreams, nofile
        self.directory = rig.place(self.name)
        self.path = os.path.join(self.directory, "conf")
        with open(self.path, "w", encoding="ascii") as file:
            file.write(self.text())
        self.limits = (group.entering() if group else []) + [
            "prlimit", "--nofile=%s" % (nofile or "%d:%d" % (SOFT, HARD))]
        self.start()
        self.wait_ready()

    def where(self, rig):
        """(address, port) to listen on."""
        return rig.addresses(1), PORT

    @classmethod
    def program(cls):
        return shutil.which(cls.binary, path=PATHS)

    @classmethod
    def on_a_router(cls):
        """What a router has of it."""
        return cls

    @classmethod
    def version(cls):
        """Its version, or None where it is not installed."""
        if cls.program() is None:
            return None
        for option in ("--version", "-V"):
            said = subprocess.run([cls.program(), option], capture_output=True, text=True,
                                  check=False)
            number = re.search(r"\d+\.\d+(\.\d+)?", said.stdout + said.stderr)
            if number:
                return number.group(0)
        return "?"

    def start(self):
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = Process(self.limits + [self.program()] + self.arguments(), log, log,
                                   self.directory)

    def wait_ready(self, seconds=15.0):
        """Until it says anything at all; its upstream may be losing packets."""
        end = time.monotonic() + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.address, self.port))
            sock.settimeout(0.1)
            for number in range(1000000):
                label = b"ready%d" % number
                try:
                    sock.send(b"\0\1\1\0\0\1\0\0\0\0\0\0" + bytes([len(label)]) + label
                              + b"\7example\0\0\1\0\1")
                    if sock.recv(4096):
                        return
                except ConnectionRefusedError:
                    time.sleep(0.01)
                except socket.timeout:
                    pass
                if time.monotonic() > end or self.process.popen.poll() is not None:
                    raise RuntimeError("%s does not start: %s" % (self.name, self.log()[-2000:]))

    def log(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def stop(self):
        """True if it was still there."""
        was_there = self.process.popen.poll() is None
        self.process.end()
        return was_there

    def rss(self):
        """Resident kB."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            found = re.search(r"VmRSS:\s+(\d+) kB", status.read())
        if found is None:
            raise RuntimeError("%s has ended by itself" % self.name)
        return int(found.group(1))

    def cpu(self):
        """Seconds of processor time so far, its ended children's too."""
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def waited(self):
        """Seconds for which it could have run and the machine did not let it."""
        try:
            with open("/proc/%d/schedstat" % self.process.pid, encoding="ascii") as file:
                return int(file.read().split()[1]) / 1e9
        except OSError:
            return 0.0

    def dropped(self):
        """Datagrams to it that the system threw away before it saw them."""
        place = "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(self.address))[0], self.port)
        with open("/proc/net/udp", encoding="ascii") as file:
            return sum(int(line.split()[-1]) for line in file if line.split()[1] == place)

    def text(self):
        return self.config.format(
            address=self.address, port=self.port, directory=self.directory, more=self.more,
            **self.amounts(),
            servers="".join(self.one.format(address=up.address, port=up.port)
                            for up in self.upstreams))

    def amounts(self):
        return {"inflight": INFLIGHT, "sockets": 2 * INFLIGHT, "tcp_clients": TCP_CLIENTS,
                "cache_names": 10000, "forwards": 600}

    one = ""    # how the configuration names a server to ask
    more = ""   # what else stands in it

    def arguments(self):
        raise NotImplementedError


class Courierdns(Server):
    name = "courierdns"
    config = """
listen = ( {{ address = "{address}"; port = {port}; }} );
upstreams = {{ default = {{ servers = ( {servers} ); }}; }};
control = {{ socket = ""; }};
user = "";
{more}"""

    @classmethod
    def program(cls):
        return os.path.join(PROGRAMS, "courierdns")

    @classmethod
    def version(cls):
        return subprocess.run([cls.program(), "version"], capture_output=True, text=True,
                              check=True).stdout.split()[0]

    def text(self):
        servers = ", ".join('{ address = "%s@%d"; }' % (up.address, up.port)
                            for up in self.upstreams)
        return self.config.format(address=self.address, port=self.port, servers=servers,
                                  more=self.more)

    def arguments(self):
        return ["run", "-c", self.path]


    @classmethod
    def on_a_router(cls):
        return RouterCourierdns


class RouterCourierdns(Courierdns):
    """Without what a router does without, and set up as the package for OpenWrt does it."""

    more = """
limits = { inflight = 1024; inflight_per_client = 1024; devices = 256; };
cache = { size = "4M"; };
"""

    @classmethod
    def program(cls):
        return os.path.join(ROUTER_PROGRAMS, "courierdns")


class Dnsmasq(Server):
    """all-servers: it asks every server at once, which is the best it can do about one that fails.
    fast-dns-retry: without it, it leaves asking again to its clients altogether. dns-forward-max:
    it walks through all of them for each packet, so more would make it slow."""

    name = binary = "dnsmasq"
    one = "server={address}#{port}\n"
    config = """
port={port}
listen-address={address}
bind-interfaces
no-resolv
no-hosts
user=root
pid-file=
log-facility=-
cache-size={cache_names}
edns-packet-max=1232
dns-forward-max={forwards}
max-tcp-connections={tcp_clients}
all-servers
fast-dns-retry=400,4500
{servers}"""

    def arguments(self):
        return ["-k", "-C", self.path]


class Unbound(Server):
    """infra-keep-probing: a server that was silent for a while is asked again sooner.
    outgoing-range, num-queries-per-thread and so-rcvbuf as its manual says for busy servers. It
    does not start with fewer descriptors than these could need, so they are made to fit."""

    name = binary = "unbound"
    one = '    forward-addr: {address}@{port}\n'
    config = """
server:
    interface: {address}@{port}
    do-ip6: no
    do-daemonize: no
    use-syslog: no
    logfile: ""
    chroot: ""
    username: ""
    directory: "{directory}"
    pidfile: "{directory}/pid"
    num-threads: 1
    module-config: "iterator"
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    local-zone: "example." transparent
    outgoing-range: {sockets}
    num-queries-per-thread: {inflight}
    incoming-num-tcp: {tcp_clients}
    so-rcvbuf: 4m
    edns-buffer-size: 1232
    infra-keep-probing: yes
    prefetch: yes
{more}remote-control:
    control-enable: no
forward-zone:
    name: "."
{servers}"""

    def amounts(self):
        if self.nofile is None:
            return super().amounts()
        return {**super().amounts(), "inflight": self.nofile // 4, "sockets": self.nofile // 4,
                "tcp_clients": self.nofile // 4}

    def arguments(self):
        return ["-d", "-c", self.path]


class Named(Server):
    """One thread (-n 1), as the others have. It listens on addresses that an interface says it has,
    which of 127.0.0.0/8 is the first alone."""

    name = binary = "named"
    one = "{address} port {port}; "
    config = """
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    allow-query {{ 127.0.0.0/8; }};
    recursion yes;
    forward only;
    forwarders {{ {servers}}};
    dnssec-validation no;
    empty-zones-enable no;
    recursive-clients {inflight};
    tcp-clients {tcp_clients};
    edns-udp-size 1232;
    max-cache-size 64m;
    notify no;
}};
controls {{ }};
logging {{ category lame-servers {{ null; }}; category default {{ null; }}; }};
"""

    def where(self, rig):
        for port in itertools.count(PORT + rig.next_port()):
            with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    tcp.bind(("127.0.0.1", port))
                    udp.bind(("127.0.0.1", port))
                    return "127.0.0.1", port
                except OSError:
                    pass
        raise AssertionError

    def arguments(self):
        return ["-f", "-n", "1", "-c", self.path]


OURS = Courierdns
PEERS = {peer.name: peer for peer in (Dnsmasq, Unbound, Named)}


def wanted(who, named, ours, others, say):
    """Ours and those of the others that are named, apart by spaces or commas, and installed."""
    kinds = [ours]
    for name in named.replace(",", " ").split():
        if name == "none":
            continue
        if name not in others:
            sys.exit("%s: PEERS are some of %s, or none" % (who, " ".join(others)))
        if others[name].version() is None:
            say("%s: %s is not installed" % (who, name))
        else:
            kinds.append(others[name])
    return kinds
