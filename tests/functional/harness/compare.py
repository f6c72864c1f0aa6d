"""The one comparer: it knows the decisions D2 and D3 of the protocol, and nothing else.

D2, a miss: the client gets the bytes upstream sent, but the ID and the letter case of the question
are the client's own, and the OPT record is made anew: there if and only if the query had one.
D3, a hit: as D2, and every TTL but OPT's is less by the whole seconds since the reply came, never
below zero.
"""

import math
import struct

from . import wire


class Different(AssertionError):
    pass


def without_opt(message):
    """The bytes of a message but its OPT record, with ARCOUNT to match. Only for an OPT record that
    comes last, as everybody writes it: pointers stay good."""
    if message.opt is None:
        return message.wire[:message.end]
    if message.opt.end != message.end:
        raise Different("the OPT record is not the last one")
    counts = list(message.counts)
    counts[3] -= 1
    return message.wire[:4] + struct.pack("!HHHH", *counts) + message.wire[12:message.opt.start]


def dnspython_reads(message):
    try:
        wire.Message(message).check()
    except wire.Malformed:
        return False
    return True


def expected(sent, query, age):
    """What a client that sent `query` must be told (OPT aside) of what upstream sent `age` seconds
    ago."""
    asked, said = wire.Message(query), wire.Message(sent)
    out = bytearray(without_opt(said))
    out[0:2] = query[0:2]
    out[12:asked.question_end] = query[12:asked.question_end]
    for record in said.records():
        struct.pack_into("!I", out, record.ttl_at, max(0, record.ttl - age) if age else record.ttl)
    return bytes(out)


def opt_is_made_anew(got, query, sent):
    """There if and only if it was asked for, version 0, DO as asked, no unknown flags, and the
    upper bits of upstream's rcode."""
    asked, said, told = wire.Message(query), wire.Message(sent), wire.Message(got)
    if (told.opt is None) != (asked.opt is None):
        raise Different("OPT in the query: %s, in the reply: %s" % (
            asked.opt is not None, told.opt is not None))
    if len(told.opts) > 1:
        raise Different("%d OPT records" % len(told.opts))
    if told.opt is None:
        return
    want = (wire.DO if asked.do else 0) | (said.rcode >> 4) << 24
    if told.opt.ttl != want:
        raise Different("OPT flags %08x, should be %08x" % (told.opt.ttl, want))
    if told.opt.owner != b"\0":
        raise Different("OPT is not owned by the root")


def same(got, query, sent, ages=(0,)):
    """`got` is what the client of `query` must get of `sent`, at one of the `ages` in seconds.
    Returns that age."""
    told = wire.Message(got)
    if told.trailing:
        raise Different("%d bytes behind the last record" % told.trailing)
    if dnspython_reads(sent) and not dnspython_reads(got):
        raise Different("dnspython reads what upstream said, but not the reply\n" +
                        wire.describe(got))
    opt_is_made_anew(got, query, sent)
    body = without_opt(told)
    for age in ages:
        if body == expected(sent, query, age):
            return age
    raise Different("the reply is not what upstream said %s s ago\ngot  %s\nsent %s\nexpected body\n"
                    "  %s\ngot body\n  %s" % (
                        " or ".join(map(str, ages)), wire.describe(got), wire.describe(sent),
                        expected(sent, query, ages[0]).hex(), body.hex()))


def possible_ages(sent_at, miss_got_at, hit_asked_at, hit_got_at):
    """Whole seconds that may have passed in the cache, seen from outside: the reply entered it
    between `sent_at` and `miss_got_at`, and was read between the other two."""
    low = math.floor(max(0.0, hit_asked_at - miss_got_at))
    high = math.floor(hit_got_at - sent_at)
    return tuple(range(low, high + 1))
