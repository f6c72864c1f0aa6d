"""A server that tells what Apple's servers told when they were recorded, in short: all that a device
asks while it is activated."""

import re

from . import wire
from .shapes import COURIER, TARGET, a1, akadns_soa, r1, soa
from .upstream import send

REGION = "eu-north-courier-4.push-apple.com.akadns.net."
COURIERS = ["17.57.146.132", "17.57.146.133", "17.57.146.136"]
NAMES = {"init.push.apple.com.": "17.188.168.12", "time.apple.com.": "17.253.38.253"}
FRONT = "17.253.39.204"
APPLE = ("apple.com.", "icloud.com.", "apple-dns.net.", "akadns.net.", "digicert.com.")


def under(name, zones):
    return any(name == zone or name.endswith("." + zone) for zone in zones)


def chain(name, numbered):
    """The CNAMEs that lead from a numbered name to its region."""
    second = "%s.%s" % (numbered, TARGET)
    hops = ["%s 60 CNAME %s" % (second, REGION)]
    return hops if name == second else ["%s 7107 CNAME %s" % (name, second)] + hops


def records(name, qtype):
    """(answer, authority, rcode) for this question."""
    numbered = re.fullmatch(r"(\d+)(-courier\.push\.apple\.com\.|\.%s)" % re.escape(TARGET), name)
    if name == COURIER:
        return r1() + (wire.NOERROR,)
    if numbered or name == REGION:
        hops = chain(name, numbered.group(1)) if numbered else []
        if qtype == "A":
            return hops + ["%s 60 A %s" % (REGION, one) for one in COURIERS], [], wire.NOERROR
        return hops, [akadns_soa()], wire.NOERROR
    if (name, qtype) == ("push.apple.com.", "TXT"):
        return ['push.apple.com. 300 TXT "count=50"'], [], wire.NOERROR
    if qtype == "NS" and name == "apple.com.":
        return ["apple.com. 300 NS a.ns.apple.com.", "apple.com. 300 NS b.ns.apple.com."], [], 0
    if (name, qtype) == ("apple.com.", "SOA"):
        return [soa("apple.com.")], [], wire.NOERROR
    if name == "mask-h2.icloud.com." or name == "mask.icloud.com.":
        return ["%s 300 CNAME mask.apple-dns.net." % name] + (
            [a1("mask.apple-dns.net.", "17.248.214.30")] if qtype == "A" else []), (
                [] if qtype == "A" else [soa("apple-dns.net.")]), wire.NOERROR
    if name in (TARGET, "push.apple.com.") or not under(name, APPLE):
        zone = "akadns.net." if name == TARGET else name.split(".", 1)[1] or "."
        code = wire.NOERROR if name == "." or under(name, APPLE) else wire.NXDOMAIN
        return [], [akadns_soa() if name == TARGET else soa(zone)], code
    if qtype == "A":
        return [a1(name, NAMES.get(name, FRONT))], [], wire.NOERROR
    return [], [soa("apple.com.")], wire.NOERROR


def truth(asked):
    """The reply to whatever is asked, a message."""
    qtype = {1: "A", 2: "NS", 6: "SOA", 16: "TXT", 28: "AAAA", 64: "SVCB", 65: "HTTPS"}.get(
        asked.msg.qtype, "other")
    name = wire.text(wire.lower(asked.name))
    answer, authority, rcode = records(name, qtype)
    return asked.reply(answer, authority, rcode=rcode)


def truthful(up, but=None):
    """Has the upstream answer so; `but(asked, name, type)` may return something else to do, None for
    silence, or NotImplemented for the truth."""
    def act(asked):
        if but is not None:
            done = but(asked, wire.text(wire.lower(asked.name)), asked.msg.qtype)
            if done is not NotImplemented:
                return done
        return send(truth(asked))
    up.rule(None, None, act, times=None)
    return up
