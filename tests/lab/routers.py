"""What stands between the devices and the world: courierdns, and others as Debian has them, configured as
somebody who cares would (../faults/peers.py), smartdns as it is."""

import json
import os
import re
import signal
import subprocess
import time

import peers
from world import PORT, ROUTER, pause

CONTROL = "control.sock"


class Router(peers.Server):
    """One at work in a world's router namespace, on both its addresses."""

    def __init__(self, world, rig):
        self.world = world
        super().__init__(rig, world.upstreams)

    def where(self, rig):
        return ROUTER[0], PORT

    def start(self):
        self.limits = self.world.router.prefix + self.limits
        super().start()

    def wait_ready(self, seconds=15.0):
        ended = self.process.popen.poll
        if not all(self.world.answers(address, seconds, ended) for address in ROUTER):
            raise RuntimeError("%s does not answer: %s" % (self.name, self.log()[-2000:]))

    def end(self):
        if not self.stop():
            raise RuntimeError("%s ended by itself: %s" % (self.name, self.log()[-2000:]))


class Courierdns(Router, peers.Courierdns):
    """With its defaults, but for `family`: settings of Apple's family; `groups` are more of upstreams,
    {name: [which of the world's]}, of which "default" is there by itself."""

    def __init__(self, world, rig, family=None, groups=None):
        self.other, self.groups = family or {}, groups or {"default": world.upstreams}
        super().__init__(world, rig)

    def text(self):
        text = 'listen = ( %s );\nuser = "";\ncontrol = { socket = "%s"; };\n' % (
            ", ".join('{ address = "%s"; port = %d; }' % (address, PORT) for address in ROUTER),
            os.path.join(self.directory, CONTROL))
        text += "upstreams = {\n%s};\n" % "".join("  %s = { servers = [ %s ]; };\n" % (
            name, ", ".join('"%s@%d"' % (up.address, up.port) for up in ups))
            for name, ups in self.groups.items())
        return text + (self.family(text) if self.other else "")

    def family(self, text):
        """Apple's, as the program has it built in, with other settings."""
        path = os.path.join(self.directory, "without")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        said = subprocess.run([self.program(), "config", "-c", path], capture_output=True, text=True,
                              check=True).stdout
        inside = re.search(r"couriers = \(\s*\{(.*?)\}\s*\);", said, re.S).group(1)
        for name, value in self.other.items():
            inside = re.sub(r"\b%s = .*?;" % name, "", inside) + "\t\t%s = %s;\n" % (
                name, json.dumps(value))
        return "couriers = ( {%s} );\n" % inside

    def number(self, name):
        """What it logs of its counters when it is asked to, the last time."""
        found = re.findall(r"courierdns_%s\{.*?\} (\d+)" % name, self.log())
        return int(found[-1]) if found else 0

    def wait_warm(self, seconds):
        """Until all its variants are in its cache."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pause(1)
            self.process.signal(signal.SIGUSR1)
            if 0 < self.number("preresolve_total") <= self.number("preresolve_warm"):
                return
        raise RuntimeError("not warm after %.0f s: %s" % (seconds, self.log()[-2000:]))


class Dnsmasq(Router, peers.Dnsmasq):
    def text(self):
        return super().text() + "listen-address=%s\n" % ROUTER[1]


class Unbound(Router, peers.Unbound):
    def text(self):
        return super().text() + "server:\n    interface: %s@%d\n    access-control: 10.0.0.0/8 allow\n" % (
            ROUTER[1], PORT)


class Smartdns(Router):
    name = binary = "smartdns"
    one = "server {address}:{port}\n"
    config = "".join("bind %s:%d\nbind-tcp %s:%d\n" % (address, PORT, address, PORT) for address in ROUTER) + """
log-file {directory}/log-file
cache-persist no
{servers}"""

    @classmethod
    def version(cls):
        if cls.program() is None:
            return None
        said = subprocess.run([cls.program(), "-v"], capture_output=True, text=True, check=False)
        return re.search(r"[\d.]+", said.stdout + said.stderr).group(0)

    def arguments(self):
        return ["-f", "-c", self.path, "-p", os.path.join(self.directory, "pid")]


ROUTERS = {router.name: router for router in (Courierdns, Dnsmasq, Unbound, Smartdns)}
