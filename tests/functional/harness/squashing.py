"""Servers that squash, servers that do not, and what courierdns counts of them."""

import re
import time

from . import apple, compare, wire
from .shapes import COURIER, TARGET, a1, akadns_soa, r1
from .upstream import Act

CNAME = "%s 279 CNAME " % COURIER
DEVICE_ASKS = ("HTTPS", "A", "AAAA")    # in this order


def served(t, but=None, **how):
    """A server whose every word is kept: up.said[name, type] lists (time, message)."""
    up = t.upstream(**how)
    up.said = {}

    def act(asked):
        name, qtype = wire.text(wire.lower(asked.name)), asked.msg.qtype
        done = NotImplemented if but is None else but(asked, name, qtype)
        if done is NotImplemented:
            done = apple.truth(asked)
        said = done.data if isinstance(done, Act) else done
        if said is not None:
            up.said.setdefault((name, qtype), []).append((time.monotonic(), said))
        return done
    up.rule(None, None, act, times=None)
    return up


def told_by(up, reply):
    """The reply is what this server said to that question, as old as it is by now; its age."""
    name, qtype = wire.text(wire.lower(wire.Message(reply.query).qname)), reply.qtype
    problem = AssertionError("%s was not asked for %s %d" % (up.address, name, qtype))
    for when, said in reversed(up.said.get((name, qtype), [])):
        try:
            return compare.same(reply.wire, reply.query, said,
                                range(int(reply.got_at - when) + 2))
        except compare.Different as different:
            problem = different
    raise problem


def label(up):
    return "%s@%d" % (up.address, up.port)


def squashes(dev):
    """{(shape, server): how often}, as the counters say."""
    found = {}
    for labels, count in dev.metrics("courierdns_squashes_total"):
        assert set(labels) == {"family", "shape", "server"} and labels["family"] == "apple", labels
        if count:
            found[labels["shape"], labels["server"]] = count
    return found


def repairs(dev):
    """{how: how often}"""
    return {labels["how"]: count for labels, count in dev.metrics("courierdns_repairs_total")
            if count}


def alias(act, *types):
    """act(asked) for the alias, asked for one of these types, or for any."""
    wanted = [wire.rrtype(one) for one in types]

    def but(asked, name, qtype):
        return act(asked) if name == COURIER and (not wanted or qtype in wanted) else NotImplemented
    return but


def empty(asked):
    return asked.reply()


def soa_lost(asked):
    return asked.reply([CNAME + TARGET])


def nxdomain(asked):
    return asked.reply([], [akadns_soa()], rcode=wire.NXDOMAIN)


def servfail(asked):
    return asked.reply(rcode=wire.SERVFAIL)


def refused(asked):
    return asked.reply(rcode=wire.REFUSED)


def family(**settings):
    """The built-in family, with other settings; nothing is asked in advance."""
    settings = {"pre_resolve": '"off"', **settings}
    return """couriers = ( { name = "apple"; alias = "%s"; target = "%s";
  variants = [ "{n}-courier.push.apple.com", "{n}.courier-push-apple.com.akadns.net" ];
  count_txt = "push.apple.com"; count = 50; %s } );
""" % (COURIER.rstrip("."), TARGET.rstrip("."), " ".join(
        "%s = %s;" % one for one in settings.items()))


def short_lived(asked):
    """The truth, for a second."""
    return asked.reply(*r1(1, 1, 1))


def flattened(address):
    return lambda asked: asked.reply([a1(COURIER, address, 60)] if asked.msg.qtype == 1 else [])


def rewritten(to):
    return lambda asked: asked.reply([CNAME + to, "%s 60 A 198.51.100.9" % to])


def asked_alias(up):
    return [one for one in up.log if wire.text(wire.lower(one.name)) == COURIER]


def is_whole(reply):
    """As Apple has it, whoever said so."""
    return (reply.rcode, reply.types()) == (wire.NOERROR, ["CNAME", "SOA"])


def told(dev, up):
    """Lines of the log that say of this server that it squashes, or does no more."""
    return [line for line in dev.stderr().splitlines()
            if label(up) in line and re.search(r"\bsquash(es)?\b", line)]
