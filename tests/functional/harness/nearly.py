"""Replies that are nearly right: to another question, with another ID, or put together by hand."""

import struct

from . import wire
from .shapes import a1

EVIL = "evil.example."
RR_A = struct.pack("!HHIH", 1, 1, 300, 4)   # type, class, TTL and length: an owner goes before it


def other_question(qname, qtype="A", qclass=wire.IN):
    return wire.name(qname) + struct.pack("!HH", wire.rrtype(qtype), qclass)


def xor_id(asked):
    wrong = asked.reply([a1(wire.text(asked.name), "6.6.6.6")])
    return bytes([wrong[0] ^ 0x55, wrong[1] ^ 0x55]) + wrong[2:]


def own_question(asked):
    return asked.wire[12:asked.msg.question_end]


def raw_reply(asked, rest, ancount=1, flags=0x8180, qdcount=1):
    return asked.wire[:2] + struct.pack("!HHHHH", flags, qdcount, ancount, 0, 0) + (
        own_question(asked) if qdcount else b"") + rest


def as_long(asked):
    """Another name of the same length."""
    return "z" + wire.text(asked.name)[1:]
