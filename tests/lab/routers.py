"""What stands between the devices and the world: courierdns, and others as Debian has them, configured as
somebody who cares would (../faults/peers.py), smartdns as it is."""

import json
import os
import re
import subprocess
import time

import peers
from world import PORT, ROUTER

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
    """With its defaults; `pre_resolve` of Apple's family is another one where it is given."""

    def __init__(self, world, rig, pre_resolve=None):
        self.pre_resolve = pre_resolve
        super().__init__(world, rig)

    def text(self):
        text = 'listen = ( %s );\ncontrol = { socket = "%s"; };\n' % (
            ", ".join('{ address = "%s"; port = %d; }' % (address, PORT) for address in ROUTER),
            os.path.join(self.directory, CONTROL))
        text += "upstreams = { default = { servers = [ %s ]; }; };\n" % ", ".join(
            '"%s@%d"' % (up.address, up.port) for up in self.upstreams)
        if self.pre_resolve is not None:
            family = self.family()
            text += "couriers = ( %s );\n" % re.sub(
                r'(pre_resolve = )"\w+"', r'\1"%s"' % self.pre_resolve, family)
        return text

    def family(self):
        """Apple's, as the program has it built in."""
        path = os.path.join(self.directory, "empty")
        with open(path, "w", encoding="ascii"):
            pass
        said = subprocess.run([self.program(), "config", "-c", path], capture_output=True, text=True,
                              check=True).stdout
        return re.search(r"couriers = \(\s*(\{.*?\})\s*\);", said, re.S).group(1)

    def status(self):
        said = subprocess.run([self.program(), "status", "--json", "-s",
                               os.path.join(self.directory, CONTROL)], capture_output=True,
                              text=True, check=False)
        return json.loads(said.stdout) if said.returncode == 0 else None

    def wait_warm(self, seconds):
        """Until it says that all its variants are in its cache."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = self.status()
            family = status["families"][0] if status else {}
            if family.get("total", 0) > 0 and family.get("warm", 0) >= family["total"]:
                return
            time.sleep(0.5)
        raise RuntimeError("not warm after %.0f s: %s" % (seconds, self.status()))


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
