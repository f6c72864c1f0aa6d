"""Where an activation takes place: a network of devices, a router, and the wide world with the servers
that the router asks; three namespaces joined by two cables, for each run its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(os.path.dirname(HERE), name) for name in ("faults", "functional")]

from harness.netns import Network  # noqa: E402
from rig import PROGRAMS, Process, options  # noqa: E402

ROUTER = ["10.77.0.1", "10.77.0.2"]         # a router has two addresses, so that devices have two servers
DEVICES, FIRST_DEVICE = "10.77.16.0/20", "10.77.16.1"
SERVERS = ["10.78.0.2", "10.78.0.3"]        # of the wide world
PORT = 53


stopping = threading.Event()


def pause(seconds):
    """Sleeps, unless all is to end."""
    if stopping.wait(seconds):
        raise RuntimeError("stopped")


class Upstream:
    """A scripted server (apple.c) of the wide world."""

    def __init__(self, world, address, **how):
        self.address, self.port = address, PORT
        command = world.wide.prefix + [os.path.join(PROGRAMS, "lab", "apple"), "--listen",
                                       "%s@%d" % (address, PORT)]
        self.process = Process(command + options(how), subprocess.PIPE, None)
        if self.process.popen.stdout.readline() != b"ready\n":
            raise RuntimeError("the upstream did not start")

    def counts(self):
        self.process.signal(signal.SIGUSR1)
        return json.loads(self.process.popen.stdout.readline())


class World:
    """`upstreams` are the command lines of the servers, in the order in which the router is told of
    them."""

    def __init__(self, rig, upstreams):
        self.rig, self.closing, self.upstreams = rig, [], []
        pause(0)
        try:
            self.devices = Network(self, as_root=True)
            self.router = Network(self, self.devices)
            self.wide = Network(self, self.devices)
            self.join()
            for address, how in zip(SERVERS, upstreams):
                self.upstreams.append(Upstream(self, address, seed=rig.next_seed(), **how))
        except BaseException:
            self.close()
            raise

    def join(self):
        self.devices.cable(self.router, ["10.77.0.3/24"], ["%s/24" % one for one in ROUTER], "lan")
        self.router.cable(self.wide, ["10.78.0.1/24"], ["%s/24" % one for one in SERVERS], "wan")
        # all addresses of devices are here, without one being set by itself
        self.devices.run("ip", "route", "add", "local", DEVICES, "dev", "lo")
        self.router.run("ip", "route", "add", DEVICES, "via", "10.77.0.3")
        # whoever tries which address is near (smartdns does) finds somebody out there
        self.router.run("ip", "route", "add", "default", "via", SERVERS[0])
        self.wide.run("ip", "route", "add", "local", "default", "dev", "lo")

    def asked(self):
        """Questions that came to the servers so far."""
        counts = [up.counts() for up in self.upstreams]
        return sum(count["udp"] + count["tcp"] for count in counts)

    def answers(self, address, seconds, ended):
        """Waits until the router answers; False if it does not, or ended() says what it ended with."""
        end = time.monotonic() + seconds
        with self.devices.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((address, PORT))
            sock.settimeout(0.3)
            while time.monotonic() < end and ended() is None:
                try:
                    sock.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\5ready\7example\0\0\1\0\1")
                    if sock.recv(4096):
                        return True
                except ConnectionRefusedError:
                    time.sleep(0.02)
                except socket.timeout:
                    pass
        return False

    def activate(self, devices, patience):
        """All devices at once; what came of it (devices.c), "questions" about those for couriers."""
        command = self.devices.prefix + [
            os.path.join(PROGRAMS, "lab", "devices"), "--from", FIRST_DEVICE, "--devices",
            str(devices), "--patience", str(patience), "--seed", str(self.rig.next_seed())]
        for address in ROUTER:
            command += ["--server", "%s@%d" % (address, PORT)]
        pause(0)
        process = Process(command, subprocess.PIPE, None)
        try:
            said = process.popen.communicate(timeout=patience + 60)[0].splitlines()
        finally:
            process.end(0)
        if process.popen.returncode != 0:
            raise RuntimeError("the devices failed")
        return json.loads(said[0]), json.loads(said[1])

    def close(self):
        for upstream in self.upstreams:
            upstream.process.end(0)
        for close in reversed(self.closing):
            close()
