"""Real servers and real tools: NSD and Knot serve a zone with the dangling shape, chains, twelve
records of each common type and signatures, unbound recurses to it; what is asked through the daemon
is what is asked directly."""

import os
import re
import subprocess
import time

from harness import compare, servers, wire
from harness.device import SLOWER
from harness.mark import each, limit

ORIGIN = "zone.example."


def zone_file(t):
    path = os.path.join(t.directory, "zone")
    with open(path, "w", encoding="ascii") as out:
        out.write(servers.zone_text(ORIGIN))
    return path


def serve(t, kind):
    if kind == "nsd":
        return servers.nsd(t, ORIGIN, zone_file(t))
    if kind == "nsd-signed":
        return servers.nsd(t, ORIGIN, servers.signed(t, ORIGIN))
    if kind == "nsd-signed-nsec3":
        return servers.nsd(t, ORIGIN, servers.signed(t, ORIGIN, nsec3=True))
    if kind == "knot":
        return servers.knot(t, ORIGIN, zone_file(t))
    return servers.knot(t, ORIGIN, zone_file(t), sign=True)


AUTHORITATIVE = ["nsd", "nsd-signed", "nsd-signed-nsec3", "knot", "knot-signed"]
WAYS = [{"tcp": tcp, "do": do, "edns": 1232} for tcp in (False, True) for do in (False, True)]


def ask_until_upstream_answers(device, *args, **how):
    """Packets to a real server can get lost on a busy machine; once more is what clients do."""
    reply = device.ask(*args, **how)
    return device.ask(*args, **how) if reply.rcode == wire.SERVFAIL else reply


@limit(60)
@each(AUTHORITATIVE)
def test_real_server_through_us_is_the_server_itself(t, kind):
    """To the byte, over UDP and TCP, with DO and without, on the miss and on the hit."""
    server = serve(t, kind)
    extra = [("", "DNSKEY")] if "signed" in kind else []
    todo = servers.questions(ORIGIN, extra)
    ways = []
    for how in WAYS:
        dev = t.device(server)
        ways.append((how, dev, {}))
    for qname, qtype in todo:
        for how, dev, first in ways:
            direct = server.ask(qname, qtype, **how)
            if direct.flags & wire.TC:      # we ask over TCP then, and pass on what fits
                direct = server.ask(qname, qtype, **{**how, "tcp": True})
                if not how["tcp"] and len(direct.wire) > 1232:
                    continue
            reply = ask_until_upstream_answers(dev, qname, qtype, **how)
            compare.same(reply.wire, reply.query, direct.wire)
            first[qname, qtype] = (direct, reply)
    time.sleep(1.05)
    for how, dev, first in ways:
        assert len(first) > 25
        for (qname, qtype), (direct, miss) in first.items():
            reply = dev.ask(qname, qtype, **how)
            ages = compare.possible_ages(miss.asked_at, miss.got_at, reply.asked_at, reply.got_at)
            if not any(record.rtype == 6 for record in miss.authority) and not any(
                    record.rtype == wire.rrtype(qtype) for record in miss.answer):
                ages = (0,)     # an alias out of the zone, a referral: not kept, asked for again
            compare.same(reply.wire, reply.query, direct.wire, ages)


def sections(message):
    """What a resolver says, TTLs aside, order aside."""
    return message.rcode, message.flags & ~wire.AD, [sorted(
        (wire.lower(record.owner), record.rtype, record.rdata if record.rtype not in NAMES
         else rdata_text(record)) for record in section if record.rtype != wire.OPT)
        for section in message.sections]


NAMES = {2, 5, 6, 12, 15}   # RDATA with names that may be compressed


def rdata_text(record):
    import dns.rdata
    return dns.rdata.from_wire(1, record.rtype, record.wire, record.rdata_at,
                               record.end - record.rdata_at).to_text().lower().encode()


@limit(60)
def test_real_resolver_through_us_agrees_with_itself(t):
    """unbound counts TTLs down and may turn records round: all else is the same."""
    resolver = servers.unbound(t, ORIGIN, servers.nsd(t, ORIGIN, zone_file(t)))
    for how in WAYS:
        dev = t.device(resolver)
        for _again in (False, True):
            for qname, qtype in servers.questions(ORIGIN):
                if qname.startswith(("outside", "www.child", "ns.many")):
                    continue    # leads out of what this resolver can reach
                direct = resolver.ask(qname, qtype, **how)
                if direct.flags & wire.TC:
                    direct = resolver.ask(qname, qtype, **{**how, "tcp": True})
                reply = ask_until_upstream_answers(dev, qname, qtype, **how)
                if reply.flags & wire.TC:
                    continue
                assert sections(reply.msg) == sections(direct.msg), "%s\n%s" % (reply, direct)


# --- what the tools of the trade show ------------------------------------------------------

TOOLS = {
    "dig": lambda at, port, qname, qtype, tcp, do: ["@" + at, "-p", str(port), "+tries=1", "+time=4"]
    + ["+tcp"] * tcp + ["+dnssec"] * do + [qname, qtype],
    "kdig": lambda at, port, qname, qtype, tcp, do: ["@" + at, "-p", str(port), "+retry=0", "+edns",
                                                     "+time=4"]
    + ["+tcp"] * tcp + ["+dnssec"] * do + [qname, qtype],
    "drill": lambda at, port, qname, qtype, tcp, do: ["-p", str(port), "-b", "1232"] + ["-t"] * tcp
    + ["-D"] * do + [qname, "@" + at, qtype],
}


def shown(tool, address, port, qname, qtype, tcp, do):
    """(rcode, flags, {section: lines}) as the tool prints them."""
    command = [servers.program(tool)] + TOOLS[tool](address, port, qname, qtype, tcp, do)
    out = subprocess.run(command, capture_output=True, text=True, timeout=10 * SLOWER,
                         check=False).stdout
    rcode = re.search(r"(?:status|rcode): (\w+)", out)
    flags = re.search(r"(?i)flags: ([a-z ]*);", out)
    assert rcode and flags, "%s\n%s" % (command, out)
    found, section = {}, None
    for line in out.splitlines():
        header = re.match(r";; (\w+) SECTION:", line)
        if header:
            section = found.setdefault(header.group(1), [])
        elif not line.strip() or line.startswith(";;"):
            section = None
        elif section is not None and not re.match(r"; .*EDNS|; COOKIE|;.*udp", line):
            section.append(" ".join(line.split()))
    found.pop("QUESTION", None)
    found.pop("PSEUDO", None)
    return rcode.group(1), flags.group(1).split(), found


@limit(60)
@each(sorted(TOOLS))
def test_real_tool_sees_no_difference(t, tool):
    server = serve(t, "nsd-signed")
    dev = t.device(server)
    asked = 0
    for qname, qtype in servers.questions(ORIGIN):
        if qtype in ("URI", "NAPTR", "LOC", "SSHFP", "SRV", "PTR", "HINFO"):
            continue    # seen to the byte above; each run of a tool takes its time
        for tcp, do in ((False, False), (True, asked % 2 == 0)):
            direct = shown(tool, server.address, server.port, qname, qtype, tcp, do)
            ours = shown(tool, dev.address, dev.port, qname, qtype, tcp, do)
            if "tc" in direct[1] or "tc" in ours[1]:
                continue
            assert settle(ours) == settle(direct), "%s %s\n%s\n%s" % (qname, qtype, ours, direct)
        asked += 1


def settle(seen):
    """TTLs may have counted down by now on our side, where it was asked before: each line's may be a
    little less, which is checked to the second elsewhere."""
    rcode, flags, found = seen
    return rcode, flags, {section: [re.sub(r"^(\S+) \d+ ", r"\1 TTL ", line) for line in lines]
                          for section, lines in found.items()}
