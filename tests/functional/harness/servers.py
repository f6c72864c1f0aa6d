"""Real name servers from Debian, each a private instance on a loopback address, in the foreground,
ended by its process id."""

import os
import random
import shutil
import socket
import subprocess
import time

from . import client, wire
from .mark import Skip

PORT = 5300
PATHS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

TYPES = {     # twelve records of each common type
    "A": "192.0.2.%d", "AAAA": "2001:db8::%x", "MX": "%d mx.many", "TXT": '"text number %d" "two"',
    "SRV": "%d 5 443 host.many", "PTR": "host%d.many", "CAA": '0 issue "ca%d.example.net"',
    "NAPTR": '%d 10 "u" "E2U+sip" "!^.*$!sip:info@example.net!" .',
    "HTTPS": '%d host.many alpn="h2,h3" ipv4hint=192.0.2.1',
    "SVCB": "%d host.many port=8443", "TLSA": "3 1 1 " + "ab" * 31 + "%02x",
    "SSHFP": "4 2 " + "cd" * 31 + "%02x", "URI": '%d 1 "https://example.net/"',
    "HINFO": '"cpu%d" "os"', "LOC": "52 %d 0.000 N 13 24 0.000 E 10m",
    "DS": "%d 13 2 " + "ef" * 32, "NS": "ns%d.elsewhere.net.",
}

def zone_text(origin):
    lines = ["$ORIGIN %s" % origin, "$TTL 3600",
             "@ 900 IN SOA ns admin 1 7200 900 1209600 180", "@ 86400 NS ns", "ns A 192.0.2.53",
             "courier.push 300 CNAME courier-target", "courier-target TXT \"no address here\"",
             "36-courier.push 28800 CNAME 36.courier-target", "36.courier-target 60 CNAME pop",
             "pop HINFO none none", "nowhere 300 CNAME not.there", "outside 300 CNAME out.example.net.",
             "full 300 CNAME a.many", "*.wild 60 A 192.0.2.77", "down DNAME many", "MiXeD A 192.0.2.9",
             "child NS ns.child", "ns.child A 192.0.2.54", "mx.many A 192.0.2.10",
             "host.many AAAA 2001:db8::10"]
    for rtype, rdata in TYPES.items():
        for at in range(1, 13):
            lines.append("%s.many 600 %s %s" % (rtype.lower(), rtype, rdata % at))
    return "\n".join(lines) + "\n"

def questions(origin, extra=()):
    """(name, type) of what is asked of such a zone."""
    out = [("courier.push", qtype) for qtype in ("A", "AAAA", "HTTPS", "TXT")]
    out += [("36-courier.push", "A"), ("36-courier.push", "HTTPS"), ("36.courier-target", "A"),
            ("courier-target", "A"), ("nowhere", "A"), ("outside", "A"), ("full", "A"), ("full", "AAAA"),
            ("x.wild", "A"), ("x.wild", "TXT"), ("a.down", "A"), ("mixed", "A"), ("MIXED", "AAAA"),
            ("www.child", "A"), ("absent", "A"), ("many", "A"), ("", "SOA"), ("", "NS")]
    out += [("%s.many" % rtype.lower(), rtype) for rtype in TYPES] + list(extra)
    return [("%s.%s" % (name, origin) if name else origin, qtype) for name, qtype in out]

def program(name):
    path = shutil.which(name, path=PATHS)
    if path is None:
        raise Skip("%s is not installed" % name)
    return path

def signed(t, origin, nsec3=False):
    """Path of the zone, signed by ldns-signzone."""
    keygen, signzone = program("ldns-keygen"), program("ldns-signzone")
    directory = os.path.join(t.directory, "keys")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "zone")
    with open(path, "w", encoding="ascii") as out:
        out.write(zone_text(origin))
    made = subprocess.run([keygen, "-a", "ECDSAP256SHA256", "-k", origin.rstrip(".")], cwd=directory,
                          capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run([signzone] + (["-n", "-t", "0"] if nsec3 else []) + ["zone", made], cwd=directory,
                   capture_output=True, text=True, check=True)
    return path + ".signed"

def end_process(process):
    """Asks it to, and does not wait for ever."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

class Server:
    """A process that answers on `address`; `origin` is what it is asked for until it does."""

    def __init__(self, t, command, address, origin, port=PORT):
        self.address, self.port, self.udp_sock = address, port, None
        self.log = open(os.path.join(t.directory, "server.%s.log" % address), "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd=t.directory)
        t.closing.append(self.stop)
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError("%s ended: %s" % (command[0], self.said()))
            try:
                if self.ask(origin, "SOA", timeout=0.5).answer:
                    return
            except (client.NoAnswer, OSError):
                time.sleep(0.05)
        raise AssertionError("%s is not ready: %s" % (command[0], self.said()))

    def said(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def ask(self, qname, qtype, tcp=False, timeout=3.0, **how):
        query = client.with_id(wire.query(qname, qtype, **how))
        with (client.Tcp if tcp else client.Udp)(self.address, self.port) as sock:
            return sock.ask(query, timeout)

    def stop(self):
        end_process(self.process)
        self.log.close()

def place(t, name):
    directory = os.path.join(t.directory, name)
    os.makedirs(directory)
    return directory

def conf(directory, text):
    path = os.path.join(directory, "conf")
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    return path

def nsd(t, origin, zone):
    """NSD, which keeps no state between runs here."""
    address, directory = t.address(), place(t, "nsd")
    path = conf(directory, """
server:
    ip-address: {address}@{port}
    do-ip6: no
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{directory}"
    database: ""
    pidfile: "{directory}/pid"
    xfrdfile: "{directory}/xfrd"
    xfrdir: "{directory}"
    zonelistfile: "{directory}/zones"
    rrl-ratelimit: 0
    verbosity: 1
remote-control:
    control-enable: no
zone:
    name: "{origin}"
    zonefile: "{zone}"
""".format(address=address, port=PORT, directory=directory, origin=origin, zone=zone))
    return Server(t, [program("nsd"), "-d", "-c", path], address, origin)

def knot(t, origin, zone, sign=False):
    """Knot, which can sign for itself."""
    address, directory = t.address(), place(t, "knot")
    path = conf(directory, """
server:
    rundir: "{directory}"
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    automatic-acl: off
database:
    storage: "{directory}"
log:
  - target: stderr
    any: warning
policy:
  - id: here
    algorithm: ecdsap256sha256
    nsec3: on
    nsec3-iterations: 0
zone:
  - domain: {origin}
    storage: "{directory}"
    file: "{zone}"
    zonefile-sync: -1
    journal-content: none
    dnssec-signing: {sign}
    dnssec-policy: here
""".format(address=address, port=PORT, directory=directory, origin=origin, zone=zone,
           sign="on" if sign else "off"))
    return Server(t, [program("knotd"), "-c", path], address, origin)

# By itself, in the foreground, in a folder of its own; what is added goes on in the same section.
UNBOUND = """
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
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
"""

def unbound(t, origin, behind):
    """unbound, recursing to the server `behind` for that zone and to nobody else."""
    address, directory = t.address(), place(t, "unbound")
    path = conf(directory, (UNBOUND + """\
    module-config: "iterator"
    rrset-roundrobin: no
    qname-minimisation: no
    root-hints: ""
    local-zone: "example." transparent
    domain-insecure: "{origin}"
remote-control:
    control-enable: no
stub-zone:
    name: "{origin}"
    stub-addr: {behind}@{port}
    stub-prime: no
forward-zone:
    name: "."
    forward-addr: {behind}@{port}
""").format(address=address, port=PORT, directory=directory, origin=origin, behind=behind.address))
    return Server(t, [program("unbound"), "-d", "-c", path], address, origin)

def dnsmasq(t, origin, behind):
    """dnsmasq, as it is, in front of the server `behind`."""
    address, directory = t.address(), place(t, "dnsmasq")
    return Server(t, [program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                      "--no-hosts", "--bind-interfaces", "--except-interface=none", "--user=",
                      "--listen-address=%s" % address, "--port=%d" % PORT, "--log-facility=-",
                      "--pid-file=%s" % os.path.join(directory, "pid"),
                      "--server=%s#%d" % (behind.address, PORT)], address, origin)

def unbound_forwarding(t, origin, behind):
    """unbound as it is installed, but for its trust anchor, for the server `behind` signs nothing;
    it resolves what that one tells it once more."""
    address, directory = t.address(), place(t, "unbound")
    path = conf(directory, (UNBOUND + """\
    root-hints: ""
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: {behind}@{port}
""").format(address=address, port=PORT, directory=directory, behind=behind.address))
    return Server(t, [program("unbound"), "-d", "-c", path], address, origin)

def free_port(address):
    """Below those that the system gives away by itself, so that nobody else gets it meanwhile."""
    for _try in range(100):
        port = random.randrange(20000, 32000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as free:
                    free.bind((address, port))
            return port
        except OSError:
            pass
    raise AssertionError("no port of %s is free" % address)


def named(t, origin, behind):
    """BIND's named, forwarding only. It listens on addresses that interfaces have and on no others,
    so on a port that is free."""
    address, directory = "127.0.0.1", place(t, "named")
    port = free_port(address)
    path = conf(directory, """
options {{
    directory "{directory}";
    pid-file "{directory}/pid";
    session-keyfile "{directory}/key";
    managed-keys-directory "{directory}";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    forwarders {{ {behind} port {theirs}; }};
    forward only;
    dnssec-validation no;
    recursion yes;
    empty-zones-enable no;
    allow-query {{ any; }};
}};
controls {{ }};
""".format(address=address, port=port, directory=directory, behind=behind.address, theirs=PORT))
    return Server(t, [program("named"), "-g", "-n", "1", "-c", path], address, origin, port)

def installed(path, without):
    """The lines of a configuration as the package has it, but those that begin so."""
    try:
        with open(path, encoding="utf-8") as file:
            return "".join(line for line in file if not line.startswith(without))
    except FileNotFoundError:
        raise Skip("%s is not installed" % path) from None

def smartdns(t, origin, behind):
    """smartdns as it is installed, in front of the server `behind`; it does not listen on TCP so."""
    address, directory = t.address(), place(t, "smartdns")
    path = conf(directory, installed("/etc/smartdns/smartdns.conf", "bind ") + """
bind {address}:{port}
server {behind}:{port}
log-file {directory}/log
cache-persist no
""".format(address=address, port=PORT, directory=directory, behind=behind.address))
    return Server(t, [program("smartdns"), "-f", "-c", path, "-p", os.path.join(directory, "pid")],
                  address, origin)

def kresd(t, origin, behind):
    """Knot Resolver as it is installed, but for its trust anchor: the server `behind`, which it
    forwards to, signs nothing."""
    address, directory = t.address(), place(t, "kresd")
    path = conf(directory, installed("/etc/knot-resolver/kresd.conf", "net.listen(") + """
net.listen('{address}', {port}, {{ kind = 'dns' }})
trust_anchors.remove('.')
policy.add(policy.all(policy.FORWARD('{behind}@{port}')))
""".format(address=address, port=PORT, behind=behind.address))
    return Server(t, [program("kresd"), "-n", "-c", path, directory], address, origin)
