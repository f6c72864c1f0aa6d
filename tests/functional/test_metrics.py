"""What is counted, as Prometheus reads it: every name of the specification is there, and true."""

import collections
import json
import os
import re
import shutil
import struct
import subprocess
import time
import urllib.parse
import urllib.request

from harness import client, prometheus, wire
from harness.mark import Skip, limit
from harness.shapes import COURIER, a1, r1, soa
from harness.squashing import family, nxdomain
from harness.upstream import send
from test_cli import OK, ends, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Each with the labels of its numbers, in their order.
SPECIFIED = {
    "build_info": ["version"], "queries_total": ["proto", "family", "type"],
    "responses_total": ["rcode"], "request_duration_seconds": [], "cache_hits_total": ["kind"],
    "cache_misses_total": [], "cache_entries": [], "cache_bytes": [], "cache_evictions_total": [],
    "upstream_queries_total": ["group", "server", "proto"],
    "upstream_failures_total": ["group", "server", "reason"],
    "upstream_duration_seconds": ["group", "server"], "upstream_up": ["group", "server"],
    "inflight": [], "coalesced_total": [], "verdicts_total": ["verdict"],
    "squashes_total": ["family", "shape", "server"], "repairs_total": ["family", "how"],
    "preresolve_questions_total": ["family"], "refused_total": ["reason"],
    "limit_hits_total": ["limit"], "reloads_total": ["result"], "devices": ["verdict"],
}


def scrape(t, dev):
    return prometheus.Page(ends(run(t, "metrics", "-s", dev.control), OK).stdout)


def promtool(*args, text=None):
    try:
        return subprocess.run(["promtool", *args], input=text, capture_output=True, text=True,
                              timeout=60, check=False)
    except FileNotFoundError as error:
        raise Skip("no promtool here") from error


def label(up):
    return "%s@%d" % (up.address, up.port)


def busy(t):
    """(daemon, upstream): there is a number of every metric that has any."""
    up = t.upstream()
    up.rule(COURIER, None, nxdomain, times=None)
    up.rule(None, "TXT", lambda asked: asked.reply(rcode=wire.SERVFAIL), times=None)
    up.rule(None, None, lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(up, conf=family(), zones='{ name = "no.example"; action = "refuse"; }')
    dev.ask("a.example.")
    dev.ask("a.example.", tcp=True)
    dev.ask("no.example.")
    dev.ask("fails.example.", "TXT")
    dev.ask(COURIER)
    return dev, up


def test_each_name_of_the_specification_is_there_from_the_start(t):
    page = scrape(t, t.device(t.upstream()))
    assert set(SPECIFIED) <= set(page), set(SPECIFIED) - set(page)
    assert page.total("build_info", version=run(t, "version").stdout.strip()) == 1
    for name, labels in (("cache_hits_total", {"kind": "stale"}), ("devices", {"verdict": "stalled"}),
                         ("reloads_total", {"result": "error"}), ("refused_total", {"reason": "access"}),
                         ("verdicts_total", {"verdict": "dangling-nxdomain"}),
                         ("responses_total", {"rcode": "SERVFAIL"}),
                         ("limit_hits_total", {"limit": "inflight_per_client"})):
        assert labels in page[name].label_sets(), (name, labels, page[name].label_sets())


def test_numbers_have_the_labels_of_the_specification(t):
    page = scrape(t, busy(t)[0])
    for name, labels in SPECIFIED.items():
        end = "_count" if page[name].type == "histogram" else ""
        assert page[name].label_sets(end), "%s has no number" % name
        for found in page[name].label_sets(end):
            assert list(found) == labels, (name, found)


def test_the_readme_names_each_of_them_with_its_labels(t):
    page = scrape(t, busy(t)[0])
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        section = file.read().split("\n## Metrics\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    told = {}
    for name, labels in re.findall(r"`(\w+)(?:\{([\w,]+)\})?`", "\n".join(table[2:])):
        told[name] = labels.split(",") if labels else []
    assert set(told) == set(page), set(told) ^ set(page)
    for name, metric in page.items():
        for labels in metric.label_sets("_count" if metric.type == "histogram" else ""):
            assert list(labels) == told[name], (name, labels, told[name])


def test_promtool_finds_nothing_to_say(t):
    page = scrape(t, busy(t)[0])
    said = promtool("check", "metrics", text=page.text)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", ""), said
    # and it is no friend of everything
    said = promtool("check", "metrics", text=page.text.replace("# HELP courierdns_inflight ", "# "))
    assert said.returncode != 0 and "inflight" in said.stdout + said.stderr, said


def test_a_reload_that_fails_is_seen_and_forgets_no_count(t):
    dev, up = busy(t)
    before = scrape(t, dev)
    good = t.config([up], address=dev.address)
    dev.reload(good)
    t.until(lambda: scrape(t, dev).total("reloads_total", result="ok") == 1)
    dev.reload("nonsense = 1;\n")
    t.until(lambda: scrape(t, dev).total("reloads_total", result="error") == 1)
    page = scrape(t, dev)
    assert page.total("config_last_reload_successful") == 0
    for name in ("queries_total", "responses_total", "cache_misses_total", "verdicts_total",
                 "upstream_queries_total", "squashes_total"):
        assert page.total(name) == before.total(name) > 0, name
    dev.reload(good)
    t.until(lambda: scrape(t, dev).total("config_last_reload_successful") == 1)


def test_fewer_workers_do_not_make_a_counter_fall(t):
    up = t.upstream()
    up.rule(None, None, lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    text = t.config([up], address="%s.1" % t.net)
    dev = t.device(up, text=text + "workers = 4;\n")
    for at in range(40):    # each by a port of its own, so that all workers have some
        dev.ask("n%d.example." % (at % 20))
    before = scrape(t, dev)
    dev.reload(text + "workers = 1;\n")
    t.until(lambda: scrape(t, dev).total("reloads_total", result="ok") == 1)
    after = scrape(t, dev)
    for name, metric in before.items():
        if metric.type != "gauge":
            end = "_count" if metric.type == "histogram" else ""
            assert metric.get(end) <= after[name].get(end), name
    assert after.total("queries_total") == before.total("queries_total") >= 40


def test_the_process_is_told_by_the_names_that_all_have(t):
    dev, _ = busy(t)
    page = scrape(t, dev)
    assert 0.5 < page.total("process_resident_memory_bytes") / dev.rss() < 2
    assert page.total("process_virtual_memory_bytes") > page.total("process_resident_memory_bytes")
    for at in range(20000):
        dev.ask("a.example.")
        if at % 100 == 0 and scrape(t, dev).total("process_cpu_seconds_total") > 0:
            return
    raise AssertionError("no processor time")


def test_clients_cannot_make_lines(t):
    """Whatever they ask for: no name, no address and no number of theirs comes into a label."""
    up = t.upstream()
    up.rule(None, None, lambda asked: asked.reply([], [soa()]), times=None)
    dev = t.device(up)
    dev.ask("first.example.")
    few = scrape(t, dev).text.count("\n")
    for number in (*range(1, 300), 999, 12345, 65279, 65535):
        if number in (41, 249, 250, 251, 252):
            continue
        dev.ask('x"%d\\n{}.example.' % number, "TYPE%d" % number)
    for rcode in (6, 11, 15, 22, 4095):
        up.forget_rules()
        up.rule(None, None, lambda asked, rcode=rcode: asked.reply(rcode=rcode), times=None)
        dev.ask("rcode%d.example." % rcode, edns=1232)
    page = scrape(t, dev)
    assert page.text.count("\n") - few <= 66 + 20, page.text
    assert "example" not in page.text and "127.0.0.1\"" not in page.text, page.text
    types = {labels["type"] for labels in page["queries_total"].label_sets()}
    assert {"A", "AAAA", "HTTPS", "ANY", "other"} <= types and len(types) <= 67, types
    assert page.total("queries_total", type="other") > 200
    assert page.total("responses_total", rcode="other") >= 1, page["responses_total"].samples


# --- OP-23 ----------------------------------------------------------------------------------

class Counter:
    """A client that counts what it asks and is told."""

    def __init__(self, t, dev):
        self.t, self.dev = t, dev
        self.asked, self.told = collections.Counter(), collections.Counter()

    def note(self, reply, qtype, tcp):
        self.asked["tcp" if tcp else "udp", qtype] += 1
        rcode = reply.rcode
        names = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
        self.told["BADVERS" if rcode == 16 else names[rcode]] += 1
        return reply

    def ask(self, qname, qtype="A", tcp=False, **how):
        return self.note(self.dev.ask(qname, qtype, tcp=tcp, **how), qtype, tcp)

    def send(self, data, tcp=False):
        """Something that is not quite a query."""
        return self.note(self.dev.send(data, tcp=tcp), "other", tcp)

    def silence(self, data):
        self.dev.quiet(data, 0.1)
        self.asked["udp", "other"] += 1


def mixed_upstream(t):
    up = t.upstream()
    up.lied = up.servfails = up.nxdomains = up.nodata = up.truncations = 0

    def act(asked):
        name, qtype = wire.text(asked.name), asked.msg.qtype
        first = name.split(".", 1)[0]
        if first.startswith("late"):
            return send(asked.reply([a1(name)]), 0.3)
        if first.startswith("lie") and not asked.tcp:
            up.lied += 2
            good = asked.reply([a1(name)])
            wrong_id = struct.pack("!H", asked.id ^ 1) + good[2:]
            wrong_name = asked.reply([a1(name)], question=wire.name("other.example.") + b"\0\1\0\1")
            return [wrong_id, wrong_name, send(good, 0.02)]
        if first.startswith("long") and not asked.tcp:
            up.truncations += 1
            return asked.reply(tc=True)
        if first.startswith("short") and asked.rule.asked and up.failing or first.startswith("fail"):
            up.servfails += 1
            return asked.reply(rcode=wire.SERVFAIL)
        if first.startswith("gone"):
            up.nxdomains += 1
            return asked.reply([], [soa()], rcode=wire.NXDOMAIN)
        if qtype == 28:
            up.nodata += 1
            return asked.reply([], [soa()])
        return asked.reply([a1(name, ttl=1 if first.startswith("short") else 300)])
    up.failing = False
    up.rule(COURIER, None, lambda asked: asked.reply(*r1()), times=None)
    up.rule(None, None, act, times=None)
    return up


def different(asked):
    """How many there are without what was sent again, because a late answer was later still: the same packet
    from the same port."""
    return len({(one.source, one.tcp, one.wire) for one in asked})


def ask_at_once(t, dev, qname, count):
    """So many clients with the same question before any is answered."""
    socks = [client.Udp(dev.address, dev.port) for _ in range(count)]
    for sock in socks:
        sock.send(client.with_id(wire.query(qname)))
    for sock in socks:
        assert wire.Message(sock.recv(5.0 + t.late)).a() == ["192.0.2.1"]
        sock.sock.close()


def test_OP_23_statistics_are_true(t):
    """Over a mixed suite, what is counted is what the client and the server counted."""
    up = mixed_upstream(t)
    dev = t.device(up, conf=family() + """
        access = ( { net = "127.0.0.0/8"; action = "allow"; },
                   { net = "%s.66/32"; action = "refuse"; }, { net = "%s.67/32"; action = "drop"; } );
        cache = { stale = 600; };""" % (t.net, t.net), zones="""
        { name = "nx.local"; action = "nxdomain"; }, { name = "no.local"; action = "refuse"; },
        { name = "still.local"; action = "drop"; }""")
    before, me = scrape(t, dev), Counter(t, dev)
    me.ask("short.example.")

    for at in range(7):     # 7 misses, 21 hits
        for tcp in (False, False, True, False):
            me.ask("good%d.example." % at, tcp=tcp)
    for at in range(3):     # 6 misses, 6 hits
        for _ in range(2):
            assert me.ask("gone%d.example." % at).rcode == wire.NXDOMAIN
            me.ask("good%d.example." % at, "AAAA")
    for _ in range(3):      # a miss, 2 hits
        me.ask(COURIER)
    me.ask("lie.example.")
    me.ask("long.example.")
    assert me.ask("fail.example.").rcode == wire.SERVFAIL
    hits, misses, locals_, refused = 21 + 6 + 2, 1 + 7 + 6 + 1 + 3, 0, 0

    for _ in range(2):
        assert me.ask("a.nx.local.").rcode == wire.NXDOMAIN
        assert me.ask("a.no.local.").rcode == wire.REFUSED
        locals_, refused = locals_ + 1, refused + 1
    dev.quiet(client.with_id(wire.query("still.local.")), 0.1)
    me.asked["udp", "A"] += 1
    assert dev.ask("good0.example.", source="%s.66" % t.net).rcode == wire.REFUSED
    me.told["REFUSED"] += 1
    with dev.udp("%s.67" % t.net) as udp:
        udp.send(client.with_id(wire.query("good0.example.")))
        assert udp.recv(0.1) is None
    assert me.ask("zone.example.", "AXFR").rcode == wire.REFUSED
    me.asked["udp", "other"] += me.asked.pop(("udp", "AXFR"))

    plain = wire.query("good0.example.")
    assert me.send(wire.query(".", flags=2 << 11)).rcode == 4
    assert me.send(plain + b"rubbish").rcode == 1
    assert me.send(wire.query("good0.example.", edns=1232, version=1)).rcode == 16
    me.silence(b"\1\2\3")
    me.silence(plain[:2] + b"\x80" + plain[3:])

    asked_before = len(up.log)
    ask_at_once(t, dev, "late.example.", 5)
    coalesced, late = 5 - different(up.log[asked_before:]), 5
    me.asked["udp", "A"] += 5
    me.told["NOERROR"] += 5
    misses += 5

    time.sleep(1.1)         # short.example. is past its time, and its server fails
    up.failing = True
    assert me.ask("short.example.").a() == ["192.0.2.1"]
    misses += 1

    since = prometheus.Since(before, scrape(t, dev))
    assert {(proto, qtype): count for proto in ("udp", "tcp")
            for qtype in since.by("queries_total", "type")
            if (count := since("queries_total", proto=proto, type=qtype))} == me.asked
    assert since("queries_total", family="ipv6") == 0
    assert since.by("responses_total", "rcode") == me.told
    assert since.by("refused_total", "reason") == {"access": 2, "rule": refused + 1, "transfer": 1}
    assert since("malformed_total") == 3 and since("ignored_total") == 2
    assert since("local_answers_total") == locals_
    assert since.by("cache_hits_total", "kind") == {"fresh": hits, "stale": 1}
    assert since("cache_misses_total") == misses
    assert since("coalesced_total") == coalesced
    assert since("request_duration_seconds", "_count") == sum(me.told.values())
    slow = sum(me.told.values()) - since("request_duration_seconds", "_bucket", le="0.256")
    assert late <= slow <= late + (2 if t.late > 0.2 else 0), slow
    assert since("request_duration_seconds", "_bucket", le="0.001") >= hits

    of_up = {"group": "default", "server": label(up)}
    by_tcp = sum(one.tcp for one in up.log)
    assert since("upstream_queries_total", proto="udp", **of_up) == \
        len(up.log) + len(up.late_copies) - by_tcp + len(up.probed)
    assert since("upstream_queries_total", proto="tcp", **of_up) == by_tcp >= 1
    failures = {reason: count for reason in ("servfail", "mismatch", "truncated", "timeout",
                                             "unreachable", "refused", "connection")
                if (count := since("upstream_failures_total", reason=reason, **of_up))}
    again = len(up.late_copies) + len(up.log) - different(up.log)
    assert failures == {"servfail": up.servfails, "mismatch": up.lied, "truncated": 1,
                        **({"timeout": again} if again else {})}, (failures, up.lied, up.servfails, again)
    assert up.servfails > 0 and up.truncations == 1
    verdicts = since.by("verdicts_total", "verdict")
    answered = 1 + 7 + len(["lie", "long"]) + late - coalesced  # of each question once
    assert verdicts == {"answered": answered, "nxdomain": up.nxdomains,
                        "nodata": up.nodata, "dangling": 1, "failed": 2}, verdicts
    assert since.after.total("upstream_up", **of_up) == 1
    assert since.after.total("inflight") == 0


# --- contrib/prometheus, contrib/grafana ----------------------------------------------------

PROMETHEUS = os.path.join(ROOT, "contrib", "prometheus")


def rules():
    with open(os.path.join(PROMETHEUS, "alerts.yml"), encoding="utf-8") as file:
        return file.read()


def expressions_of_rules():
    return [re.sub(r"\s+", " ", said) for said in re.findall(
        r"^        expr: (?:>-\n)?((?:.+\n)(?:          .+\n)*)", rules(), re.M)]


def expressions_of_dashboard():
    with open(os.path.join(ROOT, "contrib", "grafana", "courierdns.json"), encoding="utf-8") as file:
        dashboard = json.load(file)
    found = [one["expr"] for one in dashboard["annotations"]["list"]]
    for panel in dashboard["panels"]:
        found += [target["expr"] for target in panel.get("targets", ())]
    return [said.replace("$__rate_interval", "5m").replace("$instance", ".+") for said in found]


def test_alerts_and_dashboard_ask_for_what_there_is(t):
    """Each metric, and each label of it."""
    page = scrape(t, busy(t)[0])
    known = {name: {label for end in ("", "_count") for labels in metric.label_sets(end)
                    for label in labels} for name, metric in page.items()}
    known.update({name: set(labels) for name, labels in SPECIFIED.items()})
    alerts, panels = expressions_of_rules(), expressions_of_dashboard()
    assert len(alerts) == rules().count("- alert:") > 10 and len(panels) > 25, (alerts, panels)
    seen = set()
    for said in alerts + panels:
        labels = {"job", "instance", "le"}
        for name, inside in re.findall(r"\b(up|courierdns_\w+)(?:\{(.*?)\})?", said):
            name = name.replace("courierdns_", "")
            if name.endswith("_bucket"):
                name = name[:-len("_bucket")]
            assert name == "up" or name in known, "%s of %s is no metric" % (name, said)
            seen.add(name)
            labels |= known.get(name, set())
            for label_ in re.findall(r"(\w+)[!=]~?=?\"", inside):
                assert label_ in labels, "%s of %s is no label" % (label_, said)
        for by in re.findall(r"\bby \(([^)]*)\)", said):
            for label_ in re.findall(r"\w+", by):
                assert label_ in labels, "%s of %s is no label" % (label_, said)
    assert set(SPECIFIED) <= seen, "nobody looks at %s" % (set(SPECIFIED) - seen)


def test_promtool_reads_each_expression_of_the_dashboard(t):
    path = os.path.join(t.directory, "panels.yml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "panels", "rules": [
            {"record": "panel:%d" % at, "expr": said}
            for at, said in enumerate(expressions_of_dashboard())]}]}, file)
    said = promtool("check", "rules", path)
    assert said.returncode == 0, said


@limit(60.0)
def test_alerts_speak_when_they_should(t):
    """As their tests say, which miss each of them when it is away."""
    for name, text in (("alerts.yml", rules()), ("alerts_test.yml", None)):
        if text is None:
            with open(os.path.join(PROMETHEUS, name), encoding="utf-8") as file:
                text = file.read()
        with open(os.path.join(t.directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    said = promtool("check", "rules", os.path.join(t.directory, "alerts.yml"))
    assert said.returncode == 0, said
    said = promtool("test", "rules", os.path.join(t.directory, "alerts_test.yml"))
    assert said.returncode == 0, said
    names = re.findall(r"^      - alert: (\w+)", rules(), re.M)
    for name in names:
        silent = r"alertname: %s, eval_time: \w+, exp_alerts: \[\] }" % name
        assert re.search(silent, text), "nobody has seen %s be silent" % name
    with open(os.path.join(t.directory, "alerts.yml"), "w", encoding="utf-8") as file:
        file.write("groups: []\n")
    said = promtool("test", "rules", os.path.join(t.directory, "alerts_test.yml"))
    missed = set(re.findall(r"alertname: (\w+)", said.stdout + said.stderr))
    assert said.returncode != 0 and missed == set(names), (set(names) ^ missed, said)


# --- a real one -----------------------------------------------------------------------------

def get(t, url):
    try:
        with urllib.request.urlopen(url, timeout=5 + t.late) as said:
            return said.read().decode()
    except OSError:
        return None


@limit(90.0)
def test_a_real_prometheus_reads_it(t):
    """Over HTTP, beside the rules: it is up, has our numbers, and nothing to warn of but what is true."""
    if shutil.which("prometheus") is None or os.environ.get("WEB") == "no":
        raise Skip("no prometheus here, or no web side")
    up = t.upstream()
    up.rule(None, None, lambda asked: asked.reply([a1(wire.text(asked.name))]), times=None)
    dev = t.device(up, conf='web = { enabled = true; listen = "%s.9"; port = 8053; };' % t.net)
    for at in range(20):
        dev.ask("n%d.example." % (at % 10))
    page = prometheus.Page(get(t, "http://%s.9:8053/metrics" % t.net))
    assert page.total("cache_hits_total", kind="fresh") == 10
    config = os.path.join(t.directory, "prometheus.yml")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
                   "rule_files": [os.path.join(PROMETHEUS, "alerts.yml")],
                   "scrape_configs": [{"job_name": "courierdns", "static_configs": [
                       {"targets": ["%s.9:8053" % t.net]}]}]}, file)
    with open(os.path.join(t.directory, "prometheus.log"), "wb") as log:
        real = subprocess.Popen(
            ["prometheus", "--config.file=" + config, "--web.listen-address=%s.8:9090" % t.net,
             "--storage.tsdb.path=" + os.path.join(t.directory, "tsdb")], stdout=log, stderr=log)

    def end():
        real.kill()
        real.wait()
    t.closing.append(end)

    def ask(expr):
        said = get(t, "http://%s.8:9090/api/v1/query?query=%s" % (t.net, urllib.parse.quote(expr)))
        return json.loads(said)["data"]["result"] if said else []

    def number(expr):
        return [float(one["value"][1]) for one in ask(expr)]
    t.until(lambda: number('courierdns_cache_hits_total{kind="fresh"}') == [10], 30)
    assert number('up{job="courierdns"}') == [1]
    assert number('courierdns_upstream_up{server="%s"}' % label(up)) == [1]
    assert number("sum(courierdns_queries_total)") == [page.total("queries_total")]
    dev.reload("nonsense = 1;\n")
    t.until(lambda: [one["metric"]["alertname"] for one in ask("ALERTS")] ==
            ["CourierdnsReloadFailed"], 30, "the alert is not pending")
