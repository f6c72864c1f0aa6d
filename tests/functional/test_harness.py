"""The scripted upstream itself, where tests lean on it without looking: probes."""

from harness import client, wire
from harness.mark import each
from harness.shapes import a1

PROBE = wire.query(".", "NS", ident=7, edns=1232)


def asked(up, query=PROBE):
    with client.Udp(up.address, up.port) as udp:
        udp.send(query)
        data = udp.recv(0.2)
        return data and wire.Message(data)


def test_probe_is_answered_and_not_counted(t):
    up = t.upstream()
    up.answers(t.fresh(), "A", times=0)
    reply = asked(up)
    assert reply.id == 7 and reply.types() == ["NS"], reply
    assert len(up.probed) == 1
    up.saw(0)


@each(["told", "deaf", "silent rules only"])
def test_dead_server_answers_no_probe(t, how):
    up = t.upstream(probes="silent" if how == "told" else "answer")
    if how == "silent rules only":
        up.silent()
    up.deaf = how == "deaf"
    assert asked(up) is None
    assert len(up.unheard if up.deaf else up.probed) == 1
    up.saw(0)


@each(["count", "a rule for it"])
def test_probe_may_be_a_packet_like_others(t, how):
    up = t.upstream(probes="count" if how == "count" else "answer")
    up.answers("." if how != "count" else None, "NS", [". 60 NS a.example."])
    assert asked(up).answer[0].ttl == 60
    up.saw(1)


def test_what_is_nearly_a_probe_is_not_foreseen(t):
    up = t.upstream()
    up.answers("other.example.", "A", [a1("other.example.")], times=0)
    for query in (wire.query(".", "NS", edns=1232, do=True), wire.query(".", "SOA", edns=1232),
                  wire.query(".", "NS", edns=1232, flags=0), wire.query("com.", "NS", edns=1232)):
        assert asked(up, query) is None
    assert len(up.unforeseen) == 4 and not up.probed
    up.unforeseen.clear()
