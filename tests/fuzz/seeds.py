#!/usr/bin/env python3
"""Writes the first corpus of the wire targets, from shapes seen in the field and from the malformed
ones that the catalogue of cases knows. Usage: seeds.py [CORPUS_FOLDER]"""

import os
import sys

A, NS, CNAME, SOA, PTR, MX, TXT, SIG, AAAA, SRV, NAPTR, DNAME, OPT = (
    1, 2, 5, 6, 12, 15, 16, 24, 28, 33, 35, 39, 41)
RRSIG, NSEC, NSEC3, SVCB, HTTPS, TKEY, TSIG, IXFR, ANY = 46, 47, 50, 64, 65, 249, 250, 251, 255
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x20, 0x10

COURIER = "courier.push.apple.com"
NUMBERED = "36-courier.push.apple.com"


def u8(*values):
    return bytes(values)


def u16(*values):
    return b"".join(value.to_bytes(2, "big") for value in values)


def u32(*values):
    return b"".join(value.to_bytes(4, "big") for value in values)


def name(text):
    """Bytes stay as they are; a text loses its dots."""
    if isinstance(text, bytes):
        return text
    return b"".join(u8(len(label)) + label.encode() for label in text.split(".") if label) + b"\0"


def pointer(offset):
    return u16(0xC000 | offset)


def question(owner=COURIER, type_=A, class_=1):
    return name(owner) + u16(type_, class_)


def record(owner, type_, ttl, rdata, class_=1, rdlength=None):
    return (name(owner) + u16(type_, class_) + u32(ttl)
            + u16(len(rdata) if rdlength is None else rdlength) + rdata)


def option(code, value=b""):
    return u16(code, len(value)) + value


def opt(size=1232, ttl=0, options=b"", rdlength=None):
    return record(".", OPT, ttl, options, size, rdlength)


def soa(minimum=180):
    return (name("internal.akadns.net") + name("hostmaster.akamai.com")
            + u32(1560251729, 90000, 90000, 90000, minimum))


def message(flags, questions=(), answer=(), authority=(), additional=(), ident=0x1234, counts=None):
    sections = (questions, answer, authority, additional)
    return (u16(ident, flags, *(counts or [len(section) for section in sections]))
            + b"".join(b"".join(section) for section in sections))


def query(*additional, type_=A, owner=COURIER, flags=RD, **more):
    return message(flags, [question(owner, type_)], additional=additional, **more)


def reply(answer=(), authority=(), additional=(), flags=QR | RD | RA, type_=A, owner=COURIER, **more):
    return message(flags, [question(owner, type_)], answer, authority, additional, **more)


SELF = pointer(12)
COOKIE = option(10, b"cookiexx")
ECS = option(8, u16(1) + u8(24, 0, 192, 0, 2))
TSIG_RECORD = record("key.example", TSIG, 0, name("hmac-sha256") + u16(0, 0x6000, 0, 300, 4)
                     + b"\1\2\3\4" + u16(0x1234, 0, 0), 255)
SIG0 = record(".", SIG, 0, u16(0) + u8(5, 0) + u32(0, 0, 0) + u16(1) + name("key.example") + b"sig", 255)
LONGEST = b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x3f" + b"c" * 63 + b"\x3d" + b"d" * 61 + b"\0"
MANY = b"\1x" * 127 + b"\0"

QUERIES = {
    "plain": query(),
    "https": query(type_=HTTPS, owner=NUMBERED),
    "root-ns": query(type_=NS, owner="."),
    "edns": query(opt()),
    "edns-do": query(opt(4096, 0x8000), flags=RD | AD | CD),
    "edns-flags": query(opt(100, 0x00FF)),
    "all-flags": query(flags=AA | TC | RD | RA | 0x40 | AD | CD | 15),
    "cookie-keepalive-padding": query(opt(options=COOKIE + option(11) + option(12, b"\0" * 20))),
    "ecs": query(opt(options=ECS)),
    "unknown-option": query(opt(options=option(65002, b"ABCD") + COOKIE + ECS)),
    "hardware": query(opt(options=option(65001, b"\2\0\x5e\x10\0\1"))),
    "hardware-text": query(opt(options=option(65073, b"02:00:5e:10:00:01") + ECS)),
    "hardware-base64": query(opt(options=option(65073, b"AgBeEAAB"))),
    "hardware-odd": query(opt(options=option(65001, b"ABCD") + option(65073, b"02-00-5e-10-00-01")
                              + option(65073) + option(65002, b"x"))),
    "nsid-often": query(opt(options=(option(3) + COOKIE) * 12)),
    "tsig": query(opt(), TSIG_RECORD, type_=SOA),
    "tsig-not-last": query(TSIG_RECORD, opt(), type_=SOA),
    "sig0": query(SIG0),
    "tkey": query(record("key.example", TKEY, 0, b"tkey", 255), type_=TKEY),
    "ixfr": message(RD, [question(type_=IXFR)], authority=[record(COURIER, SOA, 0, soa())]),
    "longest-name": query(owner=LONGEST),
    "most-labels": query(opt(), owner=MANY),
    "raw-bytes": query(owner=b"\x0bwww.victim\0\3a.b\2\\ \0"),
    "UF-15-response": reply(),
    "CF-03-two-questions": message(RD, [question(), question("example.org")], additional=[opt()]),
    "CF-03-no-question": message(RD, additional=[opt()]),
    "CF-07-notify": query(flags=4 << 11 | RD),
    "CF-07-dso": message(6 << 11),
    "CF-08-update": message(5 << 11, [question(type_=SOA)],
                            authority=[record("a", A, 0, b"\1", 255)]),
    "CF-09-unfinished": message(RD, [b"\7courier\4pu"]),
    "CF-09-compressed": message(RD, [SELF + u16(A, 1)]),
    "CF-11-label-64": message(RD, [b"\x40" + b"a" * 64 + b"\0" + u16(A, 1)]),
    "CF-11-name-256": query(owner=LONGEST[:-63] + b"\x3e" + b"d" * 62 + b"\0"),
    "CF-12-answer": message(RD, [question()], [record(COURIER, A, 1, b"\6\6\6\6")], additional=[opt()]),
    "CF-13-type-0": query(type_=0),
    "CF-13-type-opt": query(type_=OPT),
    "CF-13-type-tsig": query(type_=TSIG),
    "ED-03-version-1": query(opt(ttl=0x00018000, options=b"\0\1")),
    "ED-07-two-opt": query(opt(), opt()),
    "ED-09-option-overruns": query(opt(options=u16(65001, 200) + b"x")),
    "ED-10-rdlength": query(opt(rdlength=65535)),
    "ED-14-uncounted-opt": query() + opt(),
    "short": b"\x12\x34\1\0\0\1",
}

R1 = ([record(SELF, CNAME, 279, name("courier-push-apple.com.akadns.net"))],
      [record("akadns.net", SOA, 49, soa())])
TARGET = "36.courier-push-apple.com.akadns.net"
R2 = ([record(SELF, CNAME, 28800, name(TARGET)),
       record(TARGET, CNAME, 60, name("pop-eur-benelux-courier.push-apple.com.akadns.net"))],
      [record("akadns.net", SOA, 49, soa())])


def typed(type_, rdata):
    return reply([record(SELF, type_, 300, rdata)], type_=type_)


def grown(pieces):
    """Owners that grow by 60 bytes each."""
    body, before, at = [], 12, 12 + len(question())
    for _ in range(pieces):
        body.append(record(b"\x3c" + b"x" * 60 + pointer(before), A, 60, b"\1\2\3\4"))
        before, at = at, at + len(body[-1])
    return reply(body)


AT = 12 + len(question())  # where the first record of a reply stands
PARAMETERS = (option(0, u16(1)) + option(1, b"\2h2\2h3") + option(2) + option(3, u16(443))
              + option(4, b"\xc0\0\2\1") + option(5, b"ech") + option(6, b"\x20\1\r\xb8" + b"\0" * 12)
              + option(65535, b"x"))

MESSAGES = {
    "courier": reply(*R1),
    "courier-edns": reply(*R1, [opt(ttl=0x8000)]),
    "courier-chain": reply(*R2, owner=NUMBERED, type_=HTTPS),
    "courier-nxdomain": reply(*R1, flags=QR | RD | RA | 3),
    "courier-without-soa": reply(R1[0]),
    "address": reply([record(SELF, A, 300, b"\xc0\0\2\1"), record(SELF, A, 20, b"\xc0\0\2\2")],
                     additional=[opt()], flags=QR | RD | RA | AD),
    "empty": reply(),
    "header-only": message(QR | 1),
    "truncated": reply(flags=QR | RD | RA | TC),
    "extended-rcode": reply(additional=[opt(ttl=0x01000000)], flags=QR | RD | RA | 7),
    "ede": reply(additional=[opt(options=option(15, u16(22) + b"text"))], flags=QR | RD | RA | 2),
    "ttl-top-bit": reply([record(SELF, A, 0x80000001, b"\1\2\3\4"), record(SELF, A, 0, b"\1\2\3\4")]),
    "opt-first": reply(R1[0], (), [opt(options=option(3, b"id")),
                                   record("ns.example.net", A, 60, b"\1\2\3\4"),
                                   record(pointer(AT + 12 + 35 + 11 + 6 + 3), AAAA, 60, b"\1" * 16),
                                   record(SELF, SRV, 60, u16(1, 2, 3) + pointer(12))]),
    "opt-pointed-into": reply((), (), [opt(options=option(3, b"\1a\0")),
                                       record(pointer(AT + 11 + 4), A, 60, b"\1\2\3\4")]),
    "tsig": reply(*R1, [opt(), TSIG_RECORD], type_=SOA),
    "sig0": reply(*R1, [SIG0]),
    "tkey": reply([record(SELF, TKEY, 0, b"tkey", 255)], type_=TKEY),
    "mx-glue": reply([record(SELF, MX, 60, u16(10) + b"\2mx" + SELF)],
                     additional=[record(pointer(AT + 14), A, 60, b"\1\2\3\4")], type_=MX),
    "soa": typed(SOA, SELF + b"\4host" + SELF + u32(1, 2, 3, 4, 5)),
    "txt": typed(TXT, b"\3abc\0\2de"),
    "srv": typed(SRV, u16(1, 2, 3) + SELF),
    "naptr": typed(NAPTR, u16(1, 2) + b"\1u\7E2U+sip\3!a!" + SELF),
    "dname": reply([record("apple.com", DNAME, 60, name("example.net")),
                    record(SELF, CNAME, 0, name("courier.push.example.net"))]),
    "svcb-alias": typed(SVCB, u16(0) + name("example.net")),
    "https": typed(HTTPS, u16(1) + b"\0" + PARAMETERS),
    "rrsig": typed(RRSIG, u16(A) + u8(13, 2) + u32(300, 2, 1) + u16(7) + name("apple.com") + b"sig"),
    "nsec": typed(NSEC, name("a") + b"\0\1\x40\1\1\x40"),
    "nsec3": typed(NSEC3, u8(1, 0) + u16(10) + b"\2ab\4hash\0\1\x40"),
    "caa": typed(257, b"\0\5issueca.example"),
    "loc": typed(29, b"\0\x12\x16\x13" + b"\x89\x17\x2d\xd0" * 3),
    "minfo": typed(14, SELF + SELF),
    "opaque": typed(65280, b"\xc0\x0c\0opaque"),
    "class-ch": reply([record(SELF, A, 0, b"\2ch\0\1\2", 3)]),
    "longest-name": reply([record(SELF, A, 60, b"\1\2\3\4")], owner=LONGEST),
    "UF-18-pointer-to-itself": reply([record(pointer(AT), A, 60, b"\6\6\6\6")]),
    "UF-19-loop-of-two": reply([record(pointer(AT + 12), CNAME, 60, pointer(AT))]),
    "UF-19-forward": typed(CNAME, pointer(AT + 14)),
    "UF-19-into-header": typed(CNAME, pointer(2)),
    "UF-20-rdlength": reply([record(SELF, A, 60, b"\6\6\6\6", rdlength=400)]),
    "UF-21-a-of-three": typed(A, b"\1\2\3"),
    "UF-21-soa-short": typed(SOA, SELF + SELF + u32(1, 2)),
    "UF-21-https-short": typed(HTTPS, u16(1) + b"\0" + u16(1, 9) + b"\2h2"),
    "UF-22-counts-high": reply(R1[0], counts=[1, 9, 0, 0]),
    "UF-23-counts-low": reply(*R1, counts=[1, 1, 0, 0]),
    "UF-24-trailing": reply(*R1) + b"rest",
    "UF-25-grows-to-255": grown(3),
    "UF-25-grows-over-255": grown(5),
    "UF-26-label-type": reply([record(b"\x40", A, 60, b"\6\6\6\6")]),
    "ED-27-garbage-options": reply(*R1, [opt(0, 0x10000, u16(65001, 200) + b"x")]),
    "two-opt": reply(additional=[opt(), opt()]),
}

def cnames(*hops, soa_too=True, type_=A, **more):
    """A chain for COURIER: each hop is a pair of owner and target."""
    return reply([record(owner, CNAME, 60, name(target)) for owner, target in hops],
                 [record("akadns.net", SOA, 49, soa())] if soa_too else [], type_=type_, **more)


REPLIES = {
    "NG-01": reply(*R1),
    "NG-04-cname": cnames((SELF, "b"), type_=CNAME),
    "NG-04-any": cnames((SELF, "b"), type_=ANY),
    "NG-05": reply(*R2, owner=NUMBERED, type_=HTTPS),
    "NG-09": cnames((SELF, "b"), soa_too=False),
    "NG-10": reply(R1[0], [record("akadns.net", NS, 60, name("ns.akadns.net"))]),
    "NG-11": reply(*R1, flags=QR | RD | RA | 3),
    "NG-24": reply(),
    "NG-25": reply((), [record("apple.com", NS, 60, name("a.ns.apple.com"))]),
    "NG-26": reply([record("%d.b" % i if i else SELF, CNAME, 60, name("%d.b" % (i + 1)))
                    for i in range(16)] + [record("16.b", A, 60, b"\xc0\0\2\1")]),
    "NG-27": cnames((SELF, "b"), ("b", COURIER)),
    "NG-27-itself": cnames((SELF, COURIER), soa_too=False),
    "NG-27-tail": cnames((SELF, "b"), ("b", "c"), ("c", "b")),
    "NG-29": reply([record("c", A, 60, b"\xc0\0\2\1"), record("b", CNAME, 60, name("C")),
                    record(SELF, CNAME, 60, name("B"))]),
    "NG-30": reply([record(SELF, CNAME, 60, name("b")), record(SELF, A, 60, b"\xc0\0\2\1")]),
    "TR-23": reply([record("apple.com", DNAME, 60, name("b")),
                    record(SELF, CNAME, 60, name("courier.push.b")),
                    record("courier.push.b", A, 60, b"\xc0\0\2\1")]),
    "TR-28": reply(*R1, [opt(ttl=0x01000000)]),
    "address": reply([record(SELF, A, 60, b"\xc0\0\2\1")]),
    "nodata": reply((), R1[1]),
    "nxdomain": reply((), R1[1], flags=QR | RD | RA | 3),
    "refused": reply(flags=QR | RD | RA | 5),
    "two-cnames": cnames((SELF, "b"), (SELF, "c"), ("c", "d")),
    "other-class": reply([record(SELF, CNAME, 60, name("b"), 3), record(SELF, A, 60, b"\1\2\3\4")]),
    "any-class": message(QR | RD, [question(class_=255)], [record(SELF, A, 60, b"\2ch\0\1\2", 3)]),
    "no-question": message(QR, [], [record("a", CNAME, 60, name("b"))]),
    "long-cname": reply([record(SELF, CNAME, 60, name("b") + b"x")]),
    "opt-before-others": reply(*R1, [opt(), record("a", A, 60, b"\1\2\3\4")]),
}

RECORDS = {
    "a": b"@ 300 IN A 10.1.2.3",
    "aaaa": b"@ AAAA 2001:db8::1 ; comment",
    "cname": b"@ IN 60 CNAME a\\.b\\032c.example.",
    "mx": b"@ 300 IN MX 10 mail.example.",
    "srv": b"@ 300 IN SRV 0 5 443 host.example.",
    "soa": b"@ 300 IN SOA ns.example. admin.example. ( 1 1h 600 86400 60 )",
    "txt": b'@ TXT one "two; 2" "" \\065 "\\"q\\""',
    "caa": b'@ CAA 0 issue "ca.example"',
    "https": b'@ HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1 no-default-alpn',
    "svcb": b"@ SVCB 2 svc.example. mandatory=alpn alpn=h2 ech=AEP+DQA key65280=abc dohpath=/q{?dns}",
    "tlsa": b"@ TLSA DANE-EE SPKI SHA2-256 ab cd",
    "sshfp": b"@ SSHFP 1 2 123456",
    "ds": b"@ DS 60485 RSASHA1 1 2BB183AF",
    "dnskey": b"@ DNSKEY 256 3 8 AQID BAUG",
    "naptr": b'@ NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:a@b!" .',
    "cert": b"@ CERT PGP 1 RSASHA1 AQID",
    "cert-empty": b'@ CERT "" 1 RSASHA1 AQID',
    "uri": b'@ URI 10 1 "https://example/"',
    "eui48": b"@ EUI48 00-00-5e-00-53-2a",
    "generic": b"@ TYPE65280 \\# 3 01 0203",
    "loc": b"@ LOC \\# 2 ab0c",
    "dname": b"@ DNAME other.example",
}

NAMES = {
    "courier": b"courier.push.apple.com",
    "root": b".",
    "escapes": b"a\\.b\\\\c\\000\\255.\\032x.example.",
    "longest": b".".join([b"x" * 63] * 3 + [b"x" * 61]),
    "most-labels": b".".join([b"y"] * 127),
    "too-long": b".".join([b"x" * 63] * 4),
    "empty-label": b"a..b",
    "bad-escape": b"a\\256",
    "wire": reply(*R1),
    "wire-longest": query(owner=LONGEST),
    "wire-most-labels": query(owner=MANY),
    "wire-grown": grown(5),
    "UF-18": b"\0" * 12 + SELF,
    "UF-19": b"\0" * 12 + b"\1a" + pointer(16) + b"\1b" + pointer(12),
    "UF-26": b"\0" * 12 + b"\x40\0\x80\0\xbf\0",
    "pointers": b"\0" * 13 + b"".join(pointer(max(12, at - 2)) for at in range(13, 300, 2)),
}


def framed(*messages):
    return b"".join(u16(len(one)) + one for one in messages)


STREAMS = {
    "one": u16(0) + framed(query()),
    "three": u16(0x0107) + framed(query(), query(opt(), type_=AAAA), query(type_=HTTPS)),
    "stops-after-two": u16(0x4002) + framed(query(), query(), query()),
    "CT-09-tiny": u16(0x0300) + framed(b"", b"x", b"elevenbytes", query()),
    "CT-10-promise": u16(0x0200) + u16(7680) + b"x" * 40,
    "CT-12-cut": u16(0x2000) + u16(20) + query(),
    "half-a-prefix": u16(0x0500) + framed(query()) + b"\0",
    "large": u16(0x3f00) + framed(b"z" * 300),
}


GIVEN = message(QR | RD | RA, [question("time.apple.com")], [record(SELF, A, 60, b"\x11\x39\x92\x84")])


def event(pause, who, host, type_, told, by=0, wire=b""):
    """As fuzz_timeline.c has them: numbers of its tables."""
    return u8(pause, who, host, type_, told, by, len(wire)) + wire


def boot(who):
    return b"".join(event(2, who, host, 0, 0, 0, GIVEN) for host in (0, 1, 2, 4))


TIMELINES = {
    "ready": boot(1) + event(3, 1, 9, 0, 0, 0, GIVEN) + event(5, 1, 14, 0, 0, 1, GIVEN),
    "stalled": boot(1) + event(5, 1, 5, 3, 2) + event(5, 2, 0, 0, 6, 4) + event(6, 1, 4, 0, 7),
    "not-dns": boot(17) + b"".join(event(3, 17, host, 0, 0, 1, GIVEN) for host in (8, 9, 10)),
    "variants-fail": boot(1) + b"".join(event(3, 1, host, 0, 6, 4) for host in (8, 9, 10, 11)),
    "erased": boot(1) + event(3, 1, 9, 0, 0, 0, GIVEN) + event(5, 1, 0, 0, 0) + boot(1),
    "crowd": b"".join(event(2, who, 1, 0, 0, 1, GIVEN) for who in range(32)) + event(1, 0xf3, 1, 0, 0),
    "odd-replies": b"".join(event(1, 1, 1, 0, 0, 0, GIVEN[:end]) for end in (0, 5, 12, 31, 33, 40)),
}


def made(asked, *pairs, rcode=0, soa_too=1, any_class=0, with_opt=0):
    """As made_chain.h has it: (owner, target, type) of each record; types: 0 CNAME, 1 the asked one."""
    return (u8(asked | rcode << 3 | soa_too << 5 | any_class << 6 | with_opt << 7)
            + b"".join(u8(owner, target | type_ << 6) for owner, target, type_ in pairs))


UPPER, SAME, OTHER_CASE, BY_ZONE, CHAOS = 8, 1 << 4, 2 << 4, 3 << 4, 3 << 6
CHAINS = {
    "data": made(0, (SAME, 0, 1), (SAME, 0, 1), with_opt=1),
    "empty": made(0),
    "nxdomain": made(0, rcode=1),
    "dangling": made(1, (SAME, 1, 0)),
    "dangling-nxdomain": made(1, (SAME, 1, 0), rcode=1),
    "chain": made(0, (SAME, 1, 0), (SAME | 1, BY_ZONE | 2, 0), (SAME | 2, 0, 1)),
    "other-case": made(0, (SAME, UPPER | 1, 0), (OTHER_CASE | 1, 2, 0), (UPPER | 2, 0, 1)),
    "reversed": made(0, (2, 0, 1), (1, SAME | 2, 0), (SAME, SAME | 1, 0)),
    "data-before-its-cname": made(0, (1, 0, 1), (SAME, SAME | 1, 0)),
    "data-behind-its-cname": made(0, (SAME, 1, 0), (SAME, 0, 1)),
    "two-cnames": made(0, (SAME, 1, 0), (SAME, 2, 0), (SAME | 2, 0, 1)),
    "later-cname-first": made(0, (1, 2, 0), (SAME, SAME | 1, 0), (SAME | 1, 3, 0), (SAME | 3, 0, 1)),
    "circle": made(0, (SAME, 1, 0), (SAME | 1, SAME, 0)),
    "circle-then-data": made(0, (SAME, 1, 0), (SAME | 1, SAME, 0), (SAME, 0, 1)),
    "circle-then-cname": made(0, (SAME, 1, 0), (SAME | 1, UPPER, 0), (SAME, 2, 0), (SAME | 2, 0, 1)),
    "itself": made(0, (SAME, SAME, 0), soa_too=0),
    "seven-hops": made(0, *((SAME | at, at + 1, 0) for at in range(7)), (SAME | 7, 0, 1)),
    "cname-asked": made(3, (SAME, 1, 0), (SAME | 1, 2, 0)),
    "any-asked": made(4, (1, 2, 0), (SAME, 1, 0)),
    "any-class": made(0, (CHAOS | SAME, 1, 0), (SAME | 1, 0, 1), any_class=1),
    "chaos": made(0, (CHAOS | SAME, 1, 0), (SAME, 0, 1)),
    "data-and-cname-of-what-is-not": made(0, (SAME, 0, 1), (SAME, 1, 0), rcode=1),
    "strangers": made(0, (1, 0, 1), (2, 0, 3), (SAME, 0, 1)),
    "odd": made(0, (SAME, 1, 0), (SAME | 1, 0x3f, 2), (SAME | 7, 0, 1)),
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "corpus")
    corpora = {"query_view": QUERIES, "message": MESSAGES, "name": NAMES, "frame": STREAMS,
               "classify": REPLIES, "chain": CHAINS, "record": RECORDS, "timeline": TIMELINES}
    for target, inputs in corpora.items():
        os.makedirs(os.path.join(folder, target), exist_ok=True)
        for title, content in inputs.items():
            with open(os.path.join(folder, target, title), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()
