"""Networks of our own: namespaces with addresses that loopback cannot give, joined by a cable.

Made without being root, in a user namespace; as root where there are none. Where neither works the
test fails: what it shows cannot be seen elsewhere. Nothing leaves the machine, for the cable's other
end is a namespace too.
"""

import array
import json
import os
import socket
import subprocess
import sys

# What runs inside: makes sockets there and hands them out, and runs commands. It ends with us.
HELPER = r"""
import array, json, socket, subprocess, sys
talk = socket.socket(fileno=0)
while True:
    asked = talk.recv(65536)
    if not asked:
        break
    kind, *rest = json.loads(asked)
    if kind == "socket":
        with socket.socket(*rest) as made:
            talk.sendmsg([b"0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                   array.array("i", [made.fileno()]))])
    else:
        done = subprocess.run(rest, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        talk.send(json.dumps([done.returncode, done.stdout[-40000:]]).encode())
"""

MAC = "02:00:00:00:00:%02d"


class Network:
    """One namespace, with loopback up. The second and later ones of a test are made `beside` the
    first, whose user namespace they share. `as_root`: without one where that can be, for programs
    that want to be another user."""

    def __init__(self, t, beside=None, as_root=False):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.talk = ours
        ways = [["unshare", "-rn"], ["unshare", "-n"]] if beside is None else [
            beside.prefix + ["unshare", "-n"]]
        if as_root:
            ways.reverse()
        for way in ways:
            self.process = subprocess.Popen(way + [sys.executable, "-c", HELPER], stdin=theirs,
                                            stderr=subprocess.DEVNULL)
            try:
                self.run("ip", "link", "set", "lo", "up")
                break
            except (OSError, ValueError):
                self.process.kill()
                self.process.wait()
        else:
            raise AssertionError("no network namespace: neither user namespaces nor root")
        theirs.close()
        t.closing.append(self.close)

    @property
    def prefix(self):
        """Before a command, has it run in here."""
        user = os.readlink("/proc/%d/ns/user" % self.process.pid) != os.readlink("/proc/self/ns/user")
        return ["nsenter", "-t", str(self.process.pid), "-n"] + (
            ["-U", "--preserve-credentials"] if user else [])

    def run(self, *command):
        """Runs it in here; what it said. AssertionError where it fails."""
        self.talk.send(json.dumps(["run", *command]).encode())
        self.talk.settimeout(20)
        status, said = json.loads(self.talk.recv(65536))
        if status != 0:
            raise AssertionError("%s: %s" % (" ".join(command), said))
        return said

    def wait_for(self, *addresses):
        """Until the system leads to them: to one of IPv6 a moment after it is there."""
        names = [socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, one))
                 for one in addresses if ":" in one]
        self.run("sh", "-c", "for one; do until ip -6 route show table local | grep -qF \"local $one dev\"; "
                 "do sleep 0.01; done; done", "sh", *names)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM):
        """A socket that lives in here, for all that it is used out there."""
        self.talk.send(json.dumps(["socket", int(family), int(kind)]).encode())
        fds = array.array("i")
        _, control, _, _ = self.talk.recvmsg(10, socket.CMSG_SPACE(fds.itemsize))
        fds.frombytes(control[0][2][:fds.itemsize])
        return socket.socket(family, kind, fileno=fds[0])

    def cable(self, other, mine, theirs, name="veth0"):
        """Joins two networks; the addresses are ["192.0.2.1/24", ...] for this end and that."""
        self.run("ip", "link", "add", name, "address", MAC % 1, "type", "veth", "peer", "name", name,
                 "address", MAC % 2, "netns", str(other.process.pid))
        for network, addresses in ((self, mine), (other, theirs)):
            # nobody else is there, so no address has to be tried out for a second
            network.run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/%s/accept_dad" % name)
            for address in addresses:
                network.run("ip", "addr", "add", address, "dev", name,
                            *(["nodad"] if ":" in address else []))
        for network in (self, other):
            network.run("ip", "link", "set", name, "up")
        for network, mac, addresses in ((self, 2, theirs), (other, 1, mine)):
            for address in addresses:   # looking for a neighbour may cost the first packet
                network.run("ip", "neigh", "replace", address.split("/")[0], "lladdr", MAC % mac,
                            "dev", name, "nud", "permanent")
        for network, addresses in ((self, mine), (other, theirs)):
            network.wait_for(*[address.split("/")[0] for address in addresses])

    def close(self):
        self.talk.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
