"""What only shows when two things meet."""

import os
import shutil
import signal
import subprocess
import time

from harness import shapes, wire
from harness.device import SLOWER
from harness.mark import Skip, each, limit
from harness.shapes import a1
from harness.upstream import send


@each(["silence", "servfail", "refused"])
def test_what_is_known_without_ad_is_better_than_nothing(t, how):
    """Kept from one who did not ask for AD; then upstream fails one who does, and who is told what is
    known, without AD. The others go on being answered from the cache."""
    up, qname = t.upstream(), t.fresh()
    up.answers(qname, "A", [a1(qname)])
    dev = t.device(up, timeout=1.0)
    assert dev.ask(qname).a() == ["192.0.2.1"]
    up.rule(qname, "A", lambda asked: None if how == "silence" else asked.reply(
        rcode=wire.SERVFAIL if how == "servfail" else wire.REFUSED), times=(1, 4))
    reply = dev.ask(qname, flags=wire.RD | wire.AD)
    if how == "refused":    # that is news
        assert reply.rcode == wire.REFUSED, reply
    else:
        assert reply.rcode == wire.NOERROR and reply.a() == ["192.0.2.1"], reply
        assert not reply.flags & wire.AD, reply
    asked = up.seen
    assert dev.ask(qname).a() == ["192.0.2.1"]
    up.saw(asked)


def test_a_question_after_sigterm_costs_no_answer(t):
    """One connection, one question in flight, and another that comes too late: the first is answered
    all the same."""
    up, qname = t.upstream(), t.fresh()
    up.rule(qname, "A", lambda asked: send(asked.reply([a1(qname)]), 0.6), times=(1, 2))
    dev = t.device(up)
    with dev.tcp() as tcp:
        query = wire.query(qname, ident=7)
        tcp.send(query)
        t.until(lambda: up.seen, what="not asked")
        dev.signal(signal.SIGTERM)
        time.sleep(0.2)
        tcp.send(wire.query(t.fresh(), ident=8))
        reply = tcp.recv_reply(query, time.monotonic(), 3.0 * SLOWER)
    assert reply.a() == ["192.0.2.1"], reply
    assert dev.process.wait(3.0 * SLOWER) == 0
    dev.stopped = True


@limit(60)
def test_the_same_name_is_answered_soon_after_upstream_returns(t):
    """A device that is stuck asks the same few names over and over: its failures are not kept for longer
    the longer the network is away. And what a server says then is judged as its first failure."""
    up, qname = t.upstream(), t.fresh()
    up.close()
    dev = t.device(up)
    end = time.monotonic() + 7
    while time.monotonic() < end:
        assert dev.ask(qname).rcode == wire.SERVFAIL
        time.sleep(0.3)
    up.rule(qname, "A", lambda asked: asked.reply(
        [a1(qname)] if asked.n > 0 else [], rcode=wire.NOERROR if asked.n > 0 else wire.SERVFAIL),
        times=2)
    up.open()
    back = time.monotonic()
    t.until(lambda: dev.ask(qname).rcode in range(3) and up.seen, 2.0, "not asked after its return")
    t.within(time.monotonic() - back, 0, 2.0)
    while dev.ask(qname).rcode != wire.NOERROR:
        t.within(time.monotonic() - back, 0, 8.0)
        time.sleep(0.2)


def test_a_zone_transfer_is_no_loss_to_others(t):
    """Each ends its connection to the server, because messages may follow that nobody waits for. What
    others have asked over TCP meanwhile is answered."""
    up = t.upstream()
    up.rule(None, "AXFR", lambda asked: asked.reply([shapes.soa(), shapes.soa()]), times=None)
    up.rule(None, "A", lambda asked: send(shapes.digest_reply(asked), 0.3), times=20)
    dev = t.device(up)
    with dev.tcp() as tcp:
        tcp.send(*[wire.query("other%d.example." % at, ident=at) for at in range(20)])
        t.until(lambda: up.seen >= 20, what="not asked")
        for _ in range(3):
            assert dev.ask("example.", "AXFR", tcp=True).rcode == wire.NOERROR
        for _ in range(20):
            reply = wire.Message(tcp.recv(3.0))
            assert reply.rcode == wire.NOERROR and reply.answer, reply
    assert len(up.connections) == 4, "%d connections" % len(up.connections)


def test_a_reload_without_name_servers_keeps_those_in_use(t):
    """The network went down, and its resolv.conf with it: what works is not let go of."""
    path = os.path.join(t.directory, "resolv.conf")
    enter = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', path]
    with open(path, "w", encoding="ascii") as file:
        file.write("nameserver %s.53\n" % t.net)
    if shutil.which("unshare") is None or subprocess.run(
            enter + ["true"], capture_output=True, check=False).returncode != 0:
        raise Skip("needs a mount namespace of its own")
    up = t.upstream(address="%s.53" % t.net, port=53)
    up.rule(None, "A", shapes.digest_reply, times=3)
    dev = t.device(prefix=enter, text='listen = ( { address = "%s.1"; port = 5300; } );' % t.net)
    assert dev.ask(t.fresh()).rcode == wire.NOERROR
    for text in ("", "nameserver %s.53\n" % t.net):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        said = dev.stderr().count("in use\n")
        dev.reload()
        t.until(lambda: dev.stderr().count("in use\n") > said, what="not reloaded")
        assert dev.ask(t.fresh()).rcode == wire.NOERROR
