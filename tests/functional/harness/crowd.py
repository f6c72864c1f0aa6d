"""Many clients that ask once each and wait: who was told what, and after how long."""

import random
import select
import time

from . import shapes, wire
from .device import SLOWER


class Told:
    """What became of one question. `kind` is right (the digest of the asked name), failed (SERVFAIL),
    silent, or wrong: anything else."""

    def __init__(self, qname, asked_at):
        self.qname, self.asked_at, self.took, self.msg = qname, asked_at, None, None

    @property
    def kind(self):
        if self.msg is None:
            return "silent"
        if self.msg.qname != wire.name(self.qname) or self.msg.trailing:
            return "wrong"
        if self.msg.rcode == wire.SERVFAIL and not self.msg.records():
            return "failed"
        data = [record.rdata for record in self.msg.records()]
        good = self.msg.rcode == wire.NOERROR and data == [
            shapes.digest(self.qname, self.msg.qtype)] and not self.msg.flags & wire.TC
        return "right" if good else "wrong"


class Outcome:
    def __init__(self, told):
        self.told = told

    def of(self, kind):
        return [one for one in self.told if one.kind == kind]

    def took(self, part):
        """Seconds within which that part of all was told anything; silence took for ever."""
        times = sorted(one.took if one.took is not None else float("inf") for one in self.told)
        return times[min(len(times) - 1, int(len(times) * part))]

    def __str__(self):
        counts = ", ".join("%d %s" % (len(self.of(kind)), kind)
                           for kind in ("right", "failed", "silent", "wrong"))
        odd = [one for one in self.told if one.kind != "right"][:3]
        return "%s of %d; p50 %.3f p95 %.3f p99 %.3f p100 %.3f s%s" % (
            counts, len(self.told), self.took(0.5), self.took(0.95), self.took(0.99), self.took(1),
            "".join("\n%s after %s s: %s" % (one.qname, one.took, one.msg) for one in odd))


def ask(dev, names, at_once=50, rate=None, patience=5.0, sources=4, between=None):
    """Asks each name once, type A, over UDP from so many sockets: `at_once` at a time, or, with a
    `rate`, so many a second, whether or not the earlier ones have been answered. `between` is called
    again and again meanwhile."""
    socks = [dev.udp() for _ in range(sources)]
    waiting, told, began, sent = {}, [], time.monotonic(), 0
    idents = random.sample(range(65536), min(len(names), 65536))
    while sent < len(names) or waiting:
        now = time.monotonic()
        due = len(names) if rate is None else min(len(names), int((now - began) * rate) + 1)
        while sent < due and (rate is not None or len(waiting) < at_once):
            one = Told(names[sent], time.monotonic())
            ident = idents[sent % len(idents)]
            waiting[ident] = one
            told.append(one)
            socks[sent % sources].send(wire.query(names[sent], ident=ident))
            sent += 1
        for sock in select.select([sock.sock for sock in socks], [], [],
                                  0.002 if rate is not None and sent < len(names) else 0.05)[0]:
            data = sock.recv(65535)
            got_at, ident = time.monotonic(), int.from_bytes(data[:2], "big")
            one = waiting.pop(ident, None)
            if one is None:
                raise AssertionError("a reply nobody waits for: %s" % wire.describe(data))
            one.took, one.msg = got_at - one.asked_at, wire.Message(data)
        if between:
            between()
        if rate is None or sent == len(names):
            for ident, one in list(waiting.items()):
                if time.monotonic() - one.asked_at > patience * SLOWER:
                    del waiting[ident]
    for sock in socks:
        sock.close()
    return Outcome(told)
