"""What a test is handed: a stage of its own, with loopback addresses, upstreams and daemons, all
torn down and looked at when the test ends."""

import os
import time

from . import compare
from .device import PORT, SANITIZED, SLOWER, Device, servers
from .upstream import Loop, Upstream

SOA = "example. 900 SOA ns.example. admin.example. 1 7200 900 1209600 300"

# Upstreams are asked what a test asks, and nothing ahead of time.
COLD = 'couriers = ( { name = "apple"; pre_resolve = "off"; } );\n'


class Stage:
    def __init__(self, net, title, directory):
        """`net` is the first three bytes of this test's loopback addresses, as text; `directory` is
        its own, and whoever made it removes it."""
        self.net, self.title = net, title
        self.next_host, self.next_fresh = 10, 0
        self.directory = directory
        self.loop = Loop()
        self.loop.start()
        self.upstreams, self.devices, self.closing = [], [], []
        self.notes = []

    # --- the cast ---

    def address(self):
        """A loopback address nobody else has."""
        self.next_host += 1
        return "%s.%d" % (self.net, self.next_host)

    def upstream(self, **how):
        up = Upstream(self.loop, how.pop("address", None) or self.address(), **how)
        self.upstreams.append(up)
        return up

    def config(self, upstreams=(), conf="", zones="", groups=None, timeout=None, listen=None,
               address=None, order=None):
        """The text of a configuration: listening on one address, asking `upstreams` in the default
        group and `groups` ({name: [Upstream]}) in others, all of them in that `order`; `zones` and
        `conf` are libconfig text. Nothing is
        pre-resolved unless `conf` has `couriers` of its own."""
        address = address or "%s.1" % self.net
        text = listen or 'listen = ( { address = "%s"; port = %d; } );\n' % (address, PORT)
        inside = ""
        for group, members in {"default": upstreams, **(groups or {})}.items():
            inside += "  %s = { servers = %s;%s%s };\n" % (
                group, servers(members), "" if timeout is None else " timeout = %s;" % timeout,
                "" if order is None else ' order = "%s";' % order)
        text += "upstreams = {\n%s};\n" % inside
        if zones:
            text += "zones = (\n%s\n);\n" % zones
        if "couriers" not in conf:
            text += COLD
        return text + conf + "\n"

    def device(self, *upstreams, start=True, address=None, args=None, env=None, prefix=(),
               rlimit_files=None, text=None, port=PORT, network=None, **how):
        """A daemon in front of these upstreams."""
        address = address or ("%s.%d" % (self.net, len(self.devices) + 1))
        if text is None:
            text = self.config(upstreams, address=address, **how)
        directory = os.path.join(self.directory, "device%d" % len(self.devices))
        os.mkdir(directory)
        os.chmod(directory, 0o777)
        device = Device(directory, text, address, port, args, env, prefix, rlimit_files,
                        network)
        device.upstreams = list(upstreams)
        self.devices.append(device)
        self.loop.watched.append(device)
        return device.start() if start else device

    def fresh(self, under="example."):
        """A name never used before."""
        self.next_fresh += 1
        return "f%d.%s.%s" % (self.next_fresh, self.title.split("_", 1)[0].lower(), under)

    # --- comparing ---

    def miss(self, reply, rule, sent=None):
        """The reply is what the rule's upstream sent just now (D2)."""
        compare.same(reply.wire, reply.query, rule.last if sent is None else sent)

    def hit(self, reply, first, rule, sent=None):
        """The reply is what the first one was, aged by the time since (D3)."""
        sent_at, data = rule.sent[-1]
        ages = compare.possible_ages(sent_at, first.got_at, reply.asked_at, reply.got_at)
        return compare.same(reply.wire, reply.query, data if sent is None else sent, ages)

    def miss_and_hit(self, device, rule, qname, qtype="A", wait=0.0, tcp=False, **how):
        """Asks twice; the second time from the cache. Returns both replies."""
        first = device.ask(qname, qtype, tcp=tcp, **how)
        self.miss(first, rule)
        if wait:
            time.sleep(wait)
        second = device.ask(qname, qtype, tcp=tcp, **how)
        self.hit(second, first, rule)
        return first, second

    # --- time ---

    @property
    def late(self):
        """How far a busy machine may set us back: the worst delay of our own loop and of the daemons,
        and that of a program under sanitizers."""
        return 3 * self.loop.lag + (0.4 if SANITIZED else 0.0)

    def prompt(self, reply, after=0.0):
        """The reply came within 100 ms of `after` seconds from asking, or within a tenth."""
        self.within(reply.took, after - 0.02, after + max(0.1, after / 10), "the reply took")

    def within(self, value, low, high, what="it took"):
        if not low <= value <= high + self.late:
            raise AssertionError("%s %.3f s, should be between %.3f and %.3f (and %.3f for the "
                                 "machine)" % (what, value, low, high, self.late))

    def until(self, true, seconds=3.0, what="it did not happen"):
        """Waits for what must come soon, as soon as the machine lets it."""
        end = time.monotonic() + seconds * SLOWER
        while not true():
            if time.monotonic() > end + self.late:
                raise AssertionError("%s within %.1f s" % (what, seconds * SLOWER))
            time.sleep(0.01)

    # --- the end ---

    def finish(self, failed):
        """Everything every test must end with. Returns complaints, none if all is well."""
        complaints = []
        for device in self.devices:
            if not failed and device.process and not device.stopped and not device.exit_expected:
                try:
                    device.check_alive()
                except (AssertionError, OSError) as error:
                    complaints.append("after the test: %s" % error)
        if not failed:
            time.sleep(0.05)    # a packet that should not come has this long to come
        for device in self.devices:
            complaint = device.stop(3.0 + self.late)
            if complaint:
                complaints.append(complaint)
            complaint = device.bad_news()
            if complaint:
                complaints.append(complaint)
        for close in self.closing:
            close()
        self.loop.stop()
        complaints += self.loop.errors
        for up in self.upstreams:
            complaints += up.complaints()
        return complaints

    def logs(self):
        return "".join("--- stderr of device %d\n%s" % (at, device.stderr()[-3000:])
                       for at, device in enumerate(self.devices) if device.stderr())
