"""Answers that many tests use."""

import csv
import os
import struct

from . import wire

COURIER = "courier.push.apple.com."
TARGET = "courier-push-apple.com.akadns.net."
COURIER_36 = "36-courier.push.apple.com."


def soa(zone="example.", ttl=900, minimum=300, mname="ns.", serial=1):
    inside = "" if zone == "." else zone
    return "%s %d SOA %s%s admin.%s %d 7200 900 1209600 %d" % (
        zone, ttl, mname, inside, inside, serial, minimum)


def akadns_soa(ttl=49, minimum=180):
    return ("akadns.net. %d SOA internal.akadns.net. hostmaster.akamai.com. 1629813934 90000 90000 "
            "90000 %d" % (ttl, minimum))


def a1(qname, address="192.0.2.1", ttl=300):
    return "%s %d A %s" % (qname, ttl, address)


def r1(soa_ttl=49, minimum=180, cname_ttl=279):
    """The dangling alias: (answer, authority)."""
    return ["%s %d CNAME %s" % (COURIER, cname_ttl, TARGET)], [akadns_soa(soa_ttl, minimum)]


def r2(soa_ttl=49, minimum=180):
    """Two hops, then nothing: (answer, authority)."""
    return ["%s 28800 CNAME 36.courier-push-apple.com.akadns.net." % COURIER_36,
            "36.courier-push-apple.com.akadns.net. 60 CNAME "
            "pop-eur-benelux-courier.push-apple.com.akadns.net."], [akadns_soa(soa_ttl, minimum)]


def digest(qname, qtype):
    """Four bytes that belong to this question and no other."""
    import hashlib
    return hashlib.sha256(wire.lower(wire.name(qname)) + struct.pack("!H", qtype)).digest()[:4]


def digest_reply(asked, ttl=300):
    """An answer whose RDATA belongs to the asked name."""
    return asked.reply([wire.raw(asked.name, ttl, asked.msg.qtype,
                                 digest(asked.name, asked.msg.qtype))])


def svcb_rdata(priority, target, params):
    return struct.pack("!H", priority) + wire.name(target) + b"".join(
        struct.pack("!HH", key, len(value)) + value for key, value in params)


EVERY_KEY = [(0, b"\0\1\0\4"), (1, b"\2h2\2h3"), (2, b""), (3, struct.pack("!H", 8443)),
             (4, b"\xc0\0\2\1\xc0\0\2\2"), (5, bytes(range(256)) + b"e" * 44),
             (6, bytes(range(16))), (65535, b"\xc0\x0cwhatever")]

RRSIG = ("8 2 %d 20380101000000 20200101000000 12345 example. " + "c2lnbmF0dXJl" * 10)


def positive_shapes():
    """(title, question name, type, answer, authority, additional, how to reply, how to ask): the
    positive answers whose second asking must be the first, aged."""
    n = "%s.shape.example."
    long_label = "%s." % ("x" * 63)
    longest = long_label * 3 + "y" * 61 + "."
    many = "1." * 127
    yield ("plain", n % "a", "A", [a1(n % "a")],
           ["shape.example. 600 NS ns1.shape.example.", "shape.example. 600 NS ns2.shape.example."],
           ["ns1.shape.example. 600 A 192.0.2.53", "ns2.shape.example. 600 AAAA 2001:db8::53"],
           {"aa": True}, {})
    yield ("unknown-type", n % "b", "TYPE65280",
           [wire.raw(n % "b", 300, 65280, b"\xc0\x0copaque")], [], [], {}, {})
    yield ("uncompressed", n % "c", "A", ["%s 60 CNAME www.%s" % (n % "c", n % "c"),
                                          a1("www." + n % "c")], [], [], {"compress": False}, {})
    for qtype in ("HTTPS", "SVCB"):
        alias, full = n % (qtype + "-alias"), n % (qtype + "-full")
        number = wire.rrtype(qtype)
        yield (qtype + "-alias", alias, qtype,
               [wire.raw(alias, 300, number, svcb_rdata(0, "target.example.", []))], [], [], {}, {})
        yield (qtype + "-every-key", full, qtype,
               [wire.raw(full, 300, number, svcb_rdata(1, ".", EVERY_KEY)),
                wire.raw(full, 300, number, svcb_rdata(2, "alt.example.", EVERY_KEY[1:2]))],
               [], [], {}, {})
    yield ("dname", "a.d.example.", "A",
           [wire.raw("d.example.", 300, "DNAME", wire.name("e.example.")),
            "a.d.example. 300 CNAME a.e.example.", a1("a.e.example.")], [], [], {}, {})
    yield ("dnssec", n % "e", "A",
           [a1(n % "e"), "%s 300 RRSIG A %s" % (n % "e", RRSIG % 300)],
           ["ck0pojmg874ljref7efn8430qvit8bsm.example. 300 NSEC3 1 0 10 ab "
            "gjeqe526plbf1g8mklp59enfd789njgi A RRSIG",
            "ck0pojmg874ljref7efn8430qvit8bsm.example. 300 RRSIG NSEC3 %s" % (RRSIG % 300)],
           [], {}, {"do": True})
    yield ("mx-with-glue", n % "f", "MX", ["%s 300 MX 10 mx1.%s" % (n % "f", n % "f"),
                                           "%s 300 MX 20 mx2.%s" % (n % "f", n % "f")], [],
           [a1("mx1." + n % "f"), a1("mx2." + n % "f", "192.0.2.2")], {}, {})
    yield ("root", ".", "NS", [". 518400 NS %s.root-servers.net." % letter
                               for letter in "abcdefghijklm"], [], [], {}, {})
    yield ("single-label", "localname.", "A", [a1("localname.")], [], [], {}, {})
    yield ("longest-name", longest, "A", [a1(longest)], [], [], {}, {})
    yield ("most-labels", many, "A", [a1(many)], [], [], {}, {})
    yield ("mixed-case", "MiXeD.Shape.Example.", "A", [a1("MiXeD.Shape.Example.")],
           ["SHAPE.Example. 600 NS Ns.shAPE.example."], [], {}, {})
    yield ("odd-bytes", wire.name([b"a.b", b"c\0d", b"e\\ f", b"example"]), "A",
           [wire.raw(wire.name([b"a.b", b"c\0d", b"e\\ f", b"example"]), 300, 1, b"\xc0\0\2\1")],
           [], [], {}, {})
    yield ("no-recursion-available", n % "g", "A", [a1(n % "g")], [], [], {"ra": False}, {})
    hops = ["%s %d CNAME %s" % ("h%d.shape.example." % at, 300 + at, "h%d.shape.example." % (at + 1))
            for at in range(16)]
    yield ("sixteen-hops", "h0.shape.example.", "A", hops + [a1("h16.shape.example.")], [], [],
           {"compress": False}, {"edns": 1232})
    yield ("wrong-order", n % "i", "A", [a1("t." + n % "i"), "%s 300 CNAME t.%s" % (
        n % "i", n % "i")], [], [], {}, {})


# --- the recorded answers of fixtures/apple.csv --------------------------------------------

class Recorded:
    """One answer as it was seen in the world: the records of a case."""

    def __init__(self, rows):
        self.case, self.qname, self.qtype = (rows[0][key] for key in ("case", "qname", "qtype"))
        self.rcode = {"NOERROR": wire.NOERROR, "NXDOMAIN": wire.NXDOMAIN}[rows[0]["rcode"]]
        self.size = int(rows[0]["size"]) if rows[0]["size"] else None
        self.answer = [self.line(row) for row in rows if row["section"] == "answer"]
        self.authority = [self.line(row) for row in rows if row["section"] == "authority"]

    @staticmethod
    def line(row):
        """Where the source printed no TTL it is 300 here, where it printed only a SOA's serial the
        other numbers are those all samples of that zone have."""
        ttl = "300" if row["ttl"] == "-" else row["ttl"]
        rdata = row["rdata"].replace("- - - -", "90000 90000 90000 180")
        return "%s %s %s %s" % (row["name"], ttl, row["type"], rdata)

    def as_type(self, qtype):
        """(answer, authority) for that type: as recorded for its own; else the shape such names have
        for types without data: the chain, and the SOA of the zone it ends in."""
        if qtype == self.qtype:
            return self.answer, self.authority
        chain = [line for line in self.answer if line.split()[2] == "CNAME"]
        soas = [line for line in self.authority if line.split()[2] == "SOA"]
        if not soas:
            end = chain[-1].split()[3] if chain else self.qname
            soas = [soa(".".join(end.split(".")[-3:]), 60, 180)]
        return chain, soas


def has_data(answer, qname, qtype):
    """Following the aliases from the asked name, is there a record of the asked type?"""
    at = qname.lower()
    for _ in range(len(answer) + 1):
        for line in answer:
            owner, _ttl, kind, rdata = line.split(None, 3)
            if owner.lower() == at and kind == qtype:
                return True
        nexts = [line.split()[3].lower() for line in answer
                 if line.split()[2] == "CNAME" and line.split()[0].lower() == at]
        if not nexts:
            return False
        at = nexts[0]
    return False


def recorded():
    path = os.path.join(os.path.dirname(__file__), "..", "fixtures", "apple.csv")
    cases = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cases.setdefault(row["case"], []).append(row)
    return [Recorded(rows) for rows in cases.values()]
