"""What the daemon knows of the devices that ask it: whose word it takes on who they are, how they
come to be called ready, stalled or not DNS, and that nobody upstream hears of any of it."""

import os
import subprocess
import time

from harness import client, wire
from harness.device import SLOWER
from harness.mark import each
from harness.netns import MAC, Network
from harness.servers import program
from harness.shapes import COURIER, a1, r1, soa
from test_control import ask_json

IPAD = "02:00:5e:10:00:01"
RAW = bytes.fromhex(IPAD.replace(":", ""))
FORMS = {"six-bytes": (65001, RAW), "text": (65073, IPAD.encode()),
         "upper-case": (65073, IPAD.upper().encode()), "base64": (65073, b"AgBeEAAB")}


def lab(t, **how):
    up = t.upstream()
    up.rule(COURIER, "A", lambda asked: asked.reply(*r1()), times=None)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name), "17.57.146.132")]),
            times=None)
    up.rule(None, "HTTPS", lambda asked: asked.reply([], [soa("apple.com.")]), times=None)
    return t.device(up, **how), up


def known(t, dev):
    """{hardware or address: what is known}"""
    return {device["hardware"] or device["address"]: device
            for device in ask_json(t, dev, "devices")["devices"]}


def nothing_told(up):
    """No question that went upstream had a word of whom it was asked for."""
    assert up.log
    for asked in up.log:
        for code, _ in asked.msg.options:
            assert code not in (65001, 65073), asked
        for secret in (RAW, IPAD.encode(), IPAD.upper().encode(), b"AgBeEAAB"):
            assert secret not in asked.wire, asked


@each(sorted(FORMS))
def test_a_trusted_forwarder_is_believed_and_nobody_told(t, form):
    dev, up = lab(t)
    for tcp in (False, True):
        for name in ("captive.apple.com", "init.push.apple.com"):
            reply = dev.ask(name, tcp=tcp, options=[FORMS[form]])
            assert reply.a() and not reply.options, reply
    device, = known(t, dev).values()
    assert device["hardware"] == IPAD and device["address"].startswith("127."), device
    assert [stage["asked"] for stage in device["stages"]] == [2, 2], device
    nothing_told(up)


@each(sorted(FORMS))
def test_others_are_not_believed_and_nobody_told(t, form):
    dev, up = lab(t, conf='trusted = [ "192.0.2.0/24" ];')
    source = t.address()
    assert dev.ask("init.push.apple.com", source=source, options=[FORMS[form]]).a()
    device, = known(t, dev).values()
    assert device["hardware"] is None and device["address"] == source, device
    nothing_told(up)


def test_nonsense_makes_nobody_a_device_and_is_told_nobody(t):
    dev, up = lab(t)
    for option in ((65001, b""), (65001, b"ABCD"), (65001, b"\0" * 6), (65001, b"1234567"),
                   (65073, b""), (65073, b"02-00-5e-10-00-01"), (65073, b"00:00:00:00:00:00"),
                   (65073, b"AgBeEA=="), (65073, b"\xff" * 17), (65073, b"x" * 400)):
        assert dev.ask("time.apple.com", options=[option]).a(), option
    device, = known(t, dev).values()
    assert device["hardware"] is None and device["stages"][0]["asked"] == 10, device
    nothing_told(up)


def activate(dev, ask_more=()):
    """As a device does: HTTPS and A within a moment, no EDNS of its own."""
    for name in ("captive.apple.com", "time.apple.com", "albert.apple.com", "init.push.apple.com",
                 "17-courier.push.apple.com") + tuple(ask_more):
        for qtype in ("HTTPS", "A"):
            dev.ask(name, qtype, source=dev.ipad)


def test_a_device_is_ready_when_it_goes_on(t):
    dev, _ = lab(t)
    dev.ipad = t.address()
    activate(dev)
    assert known(t, dev)[dev.ipad]["verdict"] == "progressing"
    activate(dev, ["iprofiles.apple.com"])
    device = known(t, dev)[dev.ipad]
    assert device["verdict"] == "ready" and device["advice"], device
    stages = {stage["stage"]: stage for stage in device["stages"]}
    assert list(stages) == ["captive", "time", "activation", "bag", "variant", "enrolment"], stages
    for stage in stages.values():
        assert stage["told"] == "answered" and stage["address"] == "17.57.146.132", stage
        assert stage["told_by"] == ("upstream" if stage["asked"] == 2 else "cache"), stage


def test_couriers_enough_all_answered_are_not_dns(t):
    dev, _ = lab(t)
    dev.ipad = t.address()
    activate(dev, ["18-courier.push.apple.com"])
    assert known(t, dev)[dev.ipad]["verdict"] == "progressing"
    activate(dev, ["18-courier.push.apple.com", "2.courier-push-apple.com.akadns.net"])
    device = known(t, dev)[dev.ipad]
    assert device["verdict"] == "not_dns" and "5223" in device["advice"], device
    assert device["variants"] == device["variants_answered"] == 3, device


@each(["--add-mac", "--add-mac=text", "--add-mac=base64"])
def test_dnsmasq_in_front_tells_who_asks(t, option):
    """The real one, on a router, whose neighbour has the address that cables here have."""
    home = Network(t)
    lan = Network(t, beside=home)
    home.cable(lan, ["203.0.113.1/24"], ["203.0.113.2/24"])
    up = t.upstream(address="127.0.0.2", network=home, port=5301)
    up.rule(None, "A", lambda asked: asked.reply([a1(wire.text(asked.name), "17.57.146.132")]),
            times=None)
    dev = t.device(text="""listen = ( { address = "127.0.0.1"; port = 5300; } );
upstreams = { default = { servers = [ "127.0.0.2@5301" ]; }; };
control = { socket = "%s"; };
""" % os.path.join(t.directory, "c"), address="127.0.0.1", network=home)
    with open(os.path.join(t.directory, "dnsmasq.log"), "wb") as log:
        dnsmasq = subprocess.Popen(home.prefix + [
            program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
            "--no-hosts", "--bind-interfaces", "--user=root", "--group=", "--port=53",
            "--listen-address=203.0.113.1", "--log-facility=-", "--pid-file=%s" % os.path.join(t.directory, "pid"),
            "--cache-size=0", "--server=127.0.0.1#5300", option], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log)
    try:
        end = time.monotonic() + 15 * SLOWER
        while True:
            with client.Udp("203.0.113.1", 53, make=lan.socket) as udp:
                try:
                    reply = udp.ask(client.with_id(wire.query("init.push.apple.com")), 0.5)
                    break
                except (client.NoAnswer, OSError):
                    assert time.monotonic() < end and dnsmasq.poll() is None, "no dnsmasq"
    finally:
        dnsmasq.terminate()
        dnsmasq.wait(10)
    assert reply.a() == ["17.57.146.132"], reply
    dev.control = os.path.join(t.directory, "c")
    said = known(t, dev)
    assert list(said) == [MAC % 2] and said[MAC % 2]["address"] == "127.0.0.1", said
    for asked in up.log:
        assert not asked.msg.options, asked
