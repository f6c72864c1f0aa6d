"""The real dnsmasq from Debian, with the settings that a router has, or with any others."""

import os
import subprocess
import time

from . import client, wire
from .device import SLOWER
from .servers import end_process, program

PORT = 5300


class Dnsmasq:
    """Listens on `address`, in the `network` where there is one; `lines` are those of its
    configuration, a list. It has started when it says its version, which it asks nobody for."""

    def __init__(self, t, lines, address=None, port=PORT, network=None):
        self.address, self.port = address or t.address(), port
        self.make = network.socket if network else None
        directory = os.path.join(t.directory, "dnsmasq.%s.%d" % (self.address, port))
        os.mkdir(directory)
        self.path = os.path.join(directory, "conf")
        with open(self.path, "w", encoding="ascii") as out:
            out.write("\n".join(["bind-interfaces", "except-interface=none", "listen-address=%s" % self.address,
                                 "port=%d" % port, "user=root" if network else "user=", "group=",
                                 "pid-file=%s/pid" % directory, "log-facility=-"] + lines) + "\n")
        self.log = open(os.path.join(directory, "log"), "wb")
        self.process = subprocess.Popen(
            (network.prefix if network else []) + [program("dnsmasq"), "--keep-in-foreground", "-C", self.path],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=directory)
        t.closing.append(self.stop)
        end = time.monotonic() + 15 * SLOWER
        while True:
            try:
                self.ask("version.bind.", "TXT", qclass=wire.CH, timeout=0.5)
                return
            except (client.NoAnswer, OSError):
                assert time.monotonic() < end and self.process.poll() is None, self.said()
                time.sleep(0.02)

    def said(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask(self, qname, qtype="A", tcp=False, timeout=4.0, source=None, make=None, **how):
        """As a device does, which has a socket made by `make`."""
        query = client.with_id(wire.query(qname, qtype, **how))
        make = make or self.make
        how = {"make": make} if make else {}
        with (client.Tcp if tcp else client.Udp)(self.address, self.port, source, **how) as sock:
            return sock.ask(query, timeout * SLOWER)

    def stop(self):
        end_process(self.process)
        self.log.close()
