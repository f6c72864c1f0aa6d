"""DNS messages as bytes, written and read without any help from the program under test.

Queries and replies are built here byte by byte, because many tests need bytes that no library
would write. The text of records is read by dnspython (python3-dnspython), which also reads every
reply a second time (Reply.check), so that two independent readers agree about what we accept.
"""

import struct

import dns.exception
import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype

QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
BADVERS, BADCOOKIE = 16, 23
IN, CH, HS, ANY = 1, 3, 4, 255
DO = 0x8000
NSID, ECS, COOKIE, KEEPALIVE, PADDING, EDE = 3, 8, 10, 11, 12, 15

OPT = 41


def rrtype(text):
    """A number from a number, "A" or "TYPE65280"."""
    return text if isinstance(text, int) else int(dns.rdatatype.from_text(text))


def labels(text):
    """The labels of a name in text, with \\. and \\DDD; "." has none."""
    out, label, at = [], bytearray(), 0
    if text in (".", ""):
        return []
    while at < len(text):
        char = text[at]
        if char == "\\":
            if text[at + 1].isdigit():
                label.append(int(text[at + 1:at + 4]))
                at += 4
            else:
                label += text[at + 1].encode()
                at += 2
            continue
        if char == ".":
            out.append(bytes(label))
            label = bytearray()
        else:
            label += char.encode()
        at += 1
    if label:
        out.append(bytes(label))
    return out


def name(of):
    """Wire form, from text, from a list of labels, or as it is."""
    if isinstance(of, (bytes, bytearray)):
        return bytes(of)
    if isinstance(of, str):
        of = labels(of)
    return b"".join(bytes([len(label)]) + label for label in of) + b"\0"


def lower(wire_name):
    return bytes(b + 32 if 65 <= b <= 90 else b for b in wire_name)


def text(wire_name):
    out, at = [], 0
    while wire_name[at]:
        label = wire_name[at + 1:at + 1 + wire_name[at]]
        out.append("".join(chr(b) if 33 <= b <= 126 and b not in b".\\" else "\\%03d" % b
                           for b in label))
        at += 1 + wire_name[at]
    return ".".join(out) + "."


# --- records to write ----------------------------------------------------------------------

class Rec:
    """A record to be written: `parts` of its RDATA are bytes, or (name,) which may be compressed."""

    def __init__(self, owner, ttl, rtype, parts, rclass=IN):
        self.owner, self.ttl, self.rtype, self.rclass = name(owner), ttl, rrtype(rtype), rclass
        self.parts = [parts] if isinstance(parts, bytes) else parts


def _split(wire_name_list):
    """Several wire names one behind the other, and what follows them."""
    names, at = [], 0
    for _ in range(wire_name_list[1]):
        start = at
        while wire_name_list[0][at]:
            at += 1 + wire_name_list[0][at]
        at += 1
        names.append((wire_name_list[0][start:at],))
    return names, wire_name_list[0][at:]


def rr(line, rclass=IN):
    """A record from "OWNER TTL TYPE RDATA"; its names keep their letter case."""
    owner, ttl, kind, rdata = (line.split(None, 3) + [""])[:4]
    number = rrtype(kind)
    wire = dns.rdata.from_text(dns.rdataclass.IN, number, rdata).to_wire()
    # the types whose names RFC 1035 lets a server compress
    if kind in ("CNAME", "NS", "PTR"):
        parts = [(wire,)]
    elif kind == "SOA":
        names, rest = _split((wire, 2))
        parts = names + [rest]
    elif kind == "MX":
        parts = [wire[:2], (wire[2:],)]
    else:
        parts = [wire]
    return Rec(owner, int(ttl), number, parts, rclass)


def raw(owner, ttl, rtype, rdata, rclass=IN):
    return Rec(owner, ttl, rtype, rdata, rclass)


def _records(given):
    return [rr(one) if isinstance(one, str) else one for one in given]


def opt(size=1232, options=(), do=False, version=0, ext_rcode=0, flags=0):
    """An OPT record. `options` is a list of (code, bytes), or bytes taken as they are."""
    rdata = options if isinstance(options, bytes) else b"".join(
        struct.pack("!HH", code, len(data)) + data for code, data in options)
    return b"\0" + struct.pack("!HHBBHH", OPT, size, ext_rcode, version,
                               flags | (DO if do else 0), len(rdata)) + rdata


class Writer:
    """Writes names with or without compression, which here minds the letter case: a name is
    pointed to only where it stands in the very same letters."""

    def __init__(self, compress=True):
        self.out, self.compress, self.known = bytearray(), compress, {}

    def put_name(self, wire_name):
        at = 0
        while wire_name[at]:
            rest = wire_name[at:]
            if self.compress and rest in self.known:
                self.out += struct.pack("!H", 0xC000 | self.known[rest])
                return
            if len(self.out) < 0x4000:
                self.known.setdefault(rest, len(self.out))
            self.out += wire_name[at:at + 1 + wire_name[at]]
            at += 1 + wire_name[at]
        self.out += b"\0"

    def put_record(self, rec):
        self.put_name(rec.owner)
        self.out += struct.pack("!HHIH", rec.rtype, rec.rclass, rec.ttl, 0)
        start = len(self.out)
        for part in rec.parts:
            if isinstance(part, tuple):
                self.put_name(part[0])
            else:
                self.out += part
        self.out[start - 2:start] = struct.pack("!H", len(self.out) - start)


def query(qname, qtype="A", qclass=IN, ident=0, flags=RD, edns=None, do=False, options=(),
          **opt_fields):
    """A query. `edns` is the UDP size of its OPT record, None for none."""
    if edns is None and (do or options or opt_fields):
        edns = 1232
    wire = struct.pack("!HHHHHH", ident, flags, 1, 0, 0, 0 if edns is None else 1)
    wire += name(qname) + struct.pack("!HH", rrtype(qtype), qclass)
    if edns is not None:
        wire += opt(edns, options, do, **opt_fields)
    return wire


def reply(to, answer=(), authority=(), additional=(), rcode=0, aa=False, ra=True, tc=False, ad=False,
          cd=None, z=False, compress=True, edns=True, options=(), question=None):
    """The reply to a query's bytes. It has an OPT record where the query had one, unless `edns` is
    False; `edns` may be the bytes of another. `question` replaces the question's bytes."""
    asked = Message(to)
    own = to[12:asked.question_end] if question is None else question
    out = Writer(compress)
    flags = QR | (asked.flags & RD)
    for on, bit in ((aa, AA), (ra, RA), (tc, TC), (ad, AD), (z, Z),
                    (asked.flags & CD if cd is None else cd, CD)):
        flags |= bit if on else 0
    sections = [_records(answer), _records(authority), _records(additional)]
    opt_bytes = b""
    if isinstance(edns, bytes):
        opt_bytes = edns
    elif edns and asked.opt is not None:
        opt_bytes = opt(1232, options, do=asked.do, ext_rcode=rcode >> 4)
    out.out += struct.pack("!HHHHHH", asked.id, flags | (rcode & 15), 1 if own else 0,
                           len(sections[0]), len(sections[1]),
                           len(sections[2]) + (1 if opt_bytes else 0))
    if own:
        out.put_name(own[:-4])
        out.out += own[-4:]
    for section in sections:
        for rec in section:
            out.put_record(rec)
    return bytes(out.out) + opt_bytes


# --- reading -------------------------------------------------------------------------------

class Malformed(Exception):
    pass


def read_name(wire, at):
    """(uncompressed name, offset behind it as it stands). Pointers must go backwards."""
    out, behind, limit = bytearray(), None, at
    while True:
        if at >= len(wire):
            raise Malformed("a name leaves the message")
        size = wire[at]
        if size >= 0xC0:
            if at + 1 >= len(wire):
                raise Malformed("half a pointer")
            if behind is None:
                behind = at + 2
            to = (size & 0x3F) << 8 | wire[at + 1]
            if to >= limit:
                raise Malformed("a pointer that does not go backwards")
            at = limit = to
            continue
        if size >= 0x40:
            raise Malformed("label type %#x" % size)
        out += wire[at:at + 1 + size]
        at += 1 + size
        if size == 0:
            break
    if len(out) > 255:
        raise Malformed("a name of %d bytes" % len(out))
    return bytes(out), at if behind is None else behind


class Record:
    """A record as read: where it stands, and what it says. `owner` is uncompressed."""

    def __init__(self, wire, at):
        self.start = at
        self.owner, at = read_name(wire, at)
        if at + 10 > len(wire):
            raise Malformed("a record leaves the message")
        self.rtype, self.rclass, self.ttl, size = struct.unpack_from("!HHIH", wire, at)
        self.ttl_at, self.rdata_at, self.end = at + 4, at + 10, at + 10 + size
        if self.end > len(wire):
            raise Malformed("RDATA leaves the message")
        self.rdata = wire[self.rdata_at:self.end]
        self.wire = wire

    def target(self):
        """The name in the RDATA of a CNAME, NS or PTR record."""
        return text(read_name(self.wire, self.rdata_at)[0])

    def __str__(self):
        return "%s %d %s" % (text(self.owner), self.ttl, dns.rdatatype.to_text(self.rtype))


class Message:
    """A message as read, strictly; Malformed where it cannot be."""

    def __init__(self, wire):
        if len(wire) < 12:
            raise Malformed("%d bytes are no message" % len(wire))
        self.wire = bytes(wire)
        self.id, self.flags, questions, *counts = struct.unpack_from("!HHHHHH", wire)
        self.counts = (questions, *counts)
        self.questions, at = [], 12
        for _ in range(questions):
            qname, at = read_name(wire, at)
            if at + 4 > len(wire):
                raise Malformed("a question leaves the message")
            self.questions.append((qname, *struct.unpack_from("!HH", wire, at)))
            at += 4
        self.question_end = at
        self.sections = []
        for count in counts:
            self.sections.append([])
            for _ in range(count):
                record = Record(self.wire, at)
                self.sections[-1].append(record)
                at = record.end
        self.answer, self.authority, self.additional = self.sections
        self.end, self.trailing = at, len(wire) - at
        opts = [record for record in self.additional if record.rtype == OPT]
        self.opts = opts
        self.opt = opts[0] if opts else None

    @property
    def opcode(self):
        return self.flags >> 11 & 15

    @property
    def rcode(self):
        """With the upper bits of OPT (RFC 6891 section 6.1.3)."""
        return (self.flags & 15) | (self.opt.ttl >> 24 << 4 if self.opt else 0)

    @property
    def do(self):
        return bool(self.opt and self.opt.ttl & DO)

    @property
    def qname(self):
        return self.questions[0][0]

    @property
    def qtype(self):
        return self.questions[0][1]

    @property
    def qclass(self):
        return self.questions[0][2]

    @property
    def options(self):
        """[(code, bytes)] of the OPT record."""
        out, at = [], 0
        rdata = self.opt.rdata if self.opt else b""
        while at < len(rdata):
            if at + 4 > len(rdata):
                raise Malformed("half an option")
            code, size = struct.unpack_from("!HH", rdata, at)
            if at + 4 + size > len(rdata):
                raise Malformed("an option leaves the OPT record")
            out.append((code, rdata[at + 4:at + 4 + size]))
            at += 4 + size
        return out

    def option(self, code):
        """The bytes of the first option of that code, or None."""
        return next((data for number, data in self.options if number == code), None)

    @property
    def ede(self):
        """The INFO-CODEs of the extended errors."""
        return [struct.unpack_from("!H", data)[0] for code, data in self.options if code == EDE]

    def records(self):
        """Every record but OPT, in order."""
        return [record for section in self.sections for record in section if record.rtype != OPT]

    def ttls(self):
        return [record.ttl for record in self.records()]

    def a(self):
        """The IPv4 addresses of the answer section."""
        return [".".join(map(str, record.rdata)) for record in self.answer if record.rtype == 1]

    def types(self):
        return [dns.rdatatype.to_text(record.rtype) for record in self.records()]

    def check(self):
        """A second reader (dnspython) takes it too, to the last byte."""
        try:
            dns.message.from_wire(self.wire, ignore_trailing=False)
        except dns.exception.DNSException as error:
            raise Malformed("dnspython: %r" % error)

    def __str__(self):
        bits = [bit for bit in ("QR", "AA", "TC", "RD", "RA", "Z", "AD", "CD")
                if self.flags & globals()[bit]]
        lines = ["id %d rcode %d opcode %d %s counts %s, %d bytes" % (
            self.id, self.rcode, self.opcode, " ".join(bits), "/".join(map(str, self.counts)),
            len(self.wire))]
        lines += ["  %s %s" % (text(qname), dns.rdatatype.to_text(qtype))
                  for qname, qtype, _ in self.questions]
        for title, section in zip(("answer", "authority", "additional"), self.sections):
            lines += ["  %s: %s" % (title, record) for record in section]
        return "\n".join(lines)


def describe(wire):
    """For a failure's message: what the bytes say, and the bytes."""
    try:
        said = str(Message(wire))
    except (Malformed, struct.error, IndexError) as error:
        said = "malformed: %s" % error
    return "%s\n  %s" % (said, wire.hex() if len(wire) <= 600 else wire[:600].hex() + "...")
