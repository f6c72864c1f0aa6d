"""The doctor's --reach: whether what servers answered can be connected to, and who shows a
certificate there."""

import os
import re
import socket
import ssl
import subprocess
import threading

from harness import apple, servers, wire
from harness.device import PROGRAM, SLOWER, environment
from harness.doctor import FAILED, HEALTHY, at, doctor, expect
from harness.mark import Skip, each
from harness.shapes import a1

A = 1
WITH_TLS = os.environ.get("TLS") == "openssl"


class Ntp(threading.Thread):
    """A time server on one loopback address."""

    def __init__(self, t, address, answers):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 0))
        self.address = address
        self.port, self.answers, self.asked = self.sock.getsockname()[1], answers, []
        t.closing.append(self.sock.close)
        self.start()

    def run(self):
        while True:
            try:
                data, source = self.sock.recvfrom(1000)
            except OSError:
                return
            self.asked.append(data)
            for reply in self.answers(data):
                self.sock.sendto(reply, source)


def ntp_reply(data):
    return b"\x24\x02" + bytes(22) + data[40:48] + bytes(16)


def ports(t, address, open_ports):
    """Listens for each port on one of its own; the arguments that lead there."""
    args = ["--reach-at", address]
    for port in (80, 443, 2197, 5223):
        sock = socket.socket()
        sock.bind((address, 0))
        if port in open_ports:
            sock.listen(64)
        t.closing.append(sock.close)
        args += ["--reach-port", "%d=%d" % (port, sock.getsockname()[1])]
    return args


def reached(said, server=0):
    """The checks by the answers of that server."""
    return {check["name"]: check for check in said["reach"][server]["checks"]}


def reach(t, open_ports, answers, ends):
    address = t.address()
    time_server = Ntp(t, address, answers)
    said, _ = doctor(t, at(apple.truthful(t.upstream())), "--reach", *ports(t, address, open_ports),
                     "--reach-port", "123=%d" % time_server.port, ends=ends)
    assert said["servers"][0]["healthy"], said
    assert time_server.asked and all(len(one) == 48 and one[0] == 0x23 for one in time_server.asked)
    return reached(said)


NO_TLS_THERE = {"tls": "warn"} if WITH_TLS else {}


def test_reach_all(t):
    found = reach(t, (80, 443, 2197, 5223), lambda data: [b"junk", bytes(48), ntp_reply(data)],
                  HEALTHY)
    expect(found, **NO_TLS_THERE)
    assert "29 of 29" in found["reach-hosts"]["seen"], found
    assert "stratum 2" in found["ntp"]["seen"], found


def test_reach_without_5223(t):
    expect(reach(t, (80, 443, 2197), lambda data: [ntp_reply(data)], HEALTHY), reach_5223="warn",
           **NO_TLS_THERE)


def test_reach_without_443(t):
    expect(reach(t, (80, 2197, 5223), lambda data: [ntp_reply(data)], FAILED), reach_443="fail",
           reach_hosts="fail", **NO_TLS_THERE)


def test_reach_without_what_only_servers_need(t):
    found = reach(t, (80, 443, 5223), lambda data: [ntp_reply(data)], HEALTHY)
    expect(found, reach_hosts="warn", **NO_TLS_THERE)
    assert "api.push.apple.com 2197" in found["reach-hosts"]["seen"], found


def test_reach_nothing(t):
    found = reach(t, (), lambda data: [bytes(48)], FAILED)
    expect(found, reach_5223="fail", reach_443="fail", reach_hosts="fail", ntp="fail",
           **NO_TLS_THERE)
    assert "silent" in found["ntp"]["seen"] and "refused" in found["reach-443"]["seen"], found


def test_reach_does_not_connect_to_itself(t):
    """Names that were sinkholed lead to whoever asks."""
    up = apple.truthful(t.upstream(), lambda asked, name, qtype: asked.reply([a1(name, "127.0.0.1")])
                        if qtype == A else NotImplemented)
    said, _ = doctor(t, at(up), "--reach", "--reach-at", t.address(), ends=FAILED)
    found = reached(said)
    assert found["reach-5223"]["result"] == found["reach-443"]["result"] == "info", found
    assert "no address" in found["ntp"]["seen"] and "0 of 29" in found["reach-hosts"]["seen"], found


def sinkholed(t):
    """A server that tells numbered names to go nowhere."""
    return apple.truthful(t.upstream(), lambda asked, name, qtype: asked.reply([a1(name, "0.0.0.0")])
                          if qtype == A and "-courier." in name else NotImplemented)


def test_reach_goes_by_each_servers_answers(t):
    """What the first one hides is reached by the answers of the second."""
    time_server = Ntp(t, t.address(), lambda data: [ntp_reply(data)])
    bad, good = sinkholed(t), apple.truthful(t.upstream())
    said, _ = doctor(t, at(bad), at(good), "--reach", *ports(t, time_server.address, (80, 443, 2197)),
                     "--reach-port", "123=%d" % time_server.port, ends=FAILED)
    assert [one["by"] for one in said["reach"]] == [at(bad)[1:], at(good)[1:]], said
    assert "no address" in reached(said)["reach-5223"]["seen"], said
    expect(reached(said))
    expect(reached(said, 1), reach_5223="warn", **NO_TLS_THERE)
    assert not said["servers"][0]["healthy"] and said["servers"][1]["healthy"], said


def test_reach_by_the_references_answers_is_shown_and_does_not_count(t):
    time_server = Ntp(t, t.address(), lambda data: [ntp_reply(data)])
    bad, good = sinkholed(t), apple.truthful(t.upstream())
    args = ("--reach", *ports(t, time_server.address, (80, 443, 2197, 5223)),
            "--reach-port", "123=%d" % time_server.port)
    said, _ = doctor(t, at(good), "--reference", at(bad)[1:], *args, ends=HEALTHY)
    assert [one["is_reference"] for one in said["reach"]] == [False, True], said
    assert "no address" in reached(said, 1)["reach-5223"]["seen"], said
    closed = ports(t, time_server.address, ())
    said, _ = doctor(t, "@%s@5300" % t.address(), "--reference", at(good)[1:], "--reach", *closed,
                     ends=FAILED)
    assert [one["is_reference"] for one in said["reach"]] == [True], said
    assert reached(said)["reach-443"]["result"] == "fail", said


def test_reach_by_the_same_answers_is_told_once(t):
    time_server = Ntp(t, t.address(), lambda data: [ntp_reply(data)])
    one, two, three = (apple.truthful(t.upstream()), apple.truthful(t.upstream()), sinkholed(t))
    done = subprocess.run([PROGRAM, "doctor", at(one), at(two), at(three), "--reach",
                           *ports(t, time_server.address, (80, 443, 2197, 5223)), "--reach-port",
                           "123=%d" % time_server.port], check=False, capture_output=True,
                          text=True, timeout=20 * SLOWER, env=environment())
    sections = re.findall(r"^reach, by the answers of (\S+)\n((?:  .*\n)+)", done.stdout, re.M)
    assert [name for name, _ in sections] == [at(up)[1:] for up in (one, two, three)], done.stdout
    assert "the same addresses as by those of %s\n" % at(one)[1:] in sections[1][1], done.stdout
    assert "reach-5223" in sections[0][1] and "reach-5223" in sections[2][1], done.stdout
    assert "reach-5223" not in sections[1][1], done.stdout


# --- TLS -----------------------------------------------------------------------------------

class Secure(threading.Thread):
    """Speaks TLS, with a certificate of that issuer's; wants one of the client's too, as couriers
    do. What it was asked for is kept."""

    def __init__(self, t, address, issuer):
        super().__init__(daemon=True)
        cert, key = (os.path.join(t.directory, name) for name in ("cert.pem", "key.pem"))
        subprocess.run([servers.program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", issuer,
                        "-out", cert, "-keyout", key], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.context.load_verify_locations(cert)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.set_alpn_protocols(["apns-security-v3"])
        self.context.sni_callback = lambda sock, name, _: self.asked.append(name)
        self.asked, self.hellos, self.address = [], [], address
        self.sock = socket.socket()
        self.sock.bind((address, 0))
        self.sock.listen(16)
        self.port = self.sock.getsockname()[1]
        t.closing.append(self.sock.close)
        self.start()

    def run(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            sock.settimeout(5)
            try:
                self.hellos.append(sock.recv(4096, socket.MSG_PEEK))
                self.context.wrap_socket(sock, server_side=True).close()
            except OSError:
                sock.close()


def look(t, issuer, ports_of=(443, 5223)):
    address = t.address()
    secure = Secure(t, address, issuer)
    args = ["--reach", "--reach-at", address]
    for number in ports_of:
        args += ["--reach-port", "%d=%d" % (number, secure.port)]
    said, took = doctor(t, at(apple.truthful(t.upstream())), *args)
    assert took < 15 * SLOWER, took
    found = reached(said)["tls"]
    return found, secure


def wants_tls():
    if not WITH_TLS:
        raise Skip("built without TLS (make TLS=openssl)")


@each([(443, 5223), (443,), (5223,)], lambda those: "+".join(map(str, those)))
def test_Q19_apples_own_certificate(t, those):
    wants_tls()
    found, secure = look(t, "/C=US/O=Apple Inc./CN=Apple Public Server RSA CA 12 - G1", those)
    assert found["result"] == "ok" and '"Apple Inc."' in found["seen"], found
    assert set(secure.asked) == {"courier.push.apple.com"}, secure.asked
    assert secure.hellos and any(b"apns-security-v3" in hello for hello in secure.hellos)


@each(["/O=Corp Web Gateway/CN=Root", "/CN=No Organization", "/O=Pineapple Inc./CN=Apple"])
def test_Q19_certificate_of_somebody_else(t, issuer):
    wants_tls()
    found, _ = look(t, issuer)
    assert found["result"] == "fail" and "decrypts" in found["means"], found
    assert issuer[3:].split("/")[0].lstrip("=") in found["seen"], found


def test_without_tls_there_is_a_hint(t):
    if WITH_TLS:
        raise Skip("built with TLS")
    found, _ = look(t, "/O=Corp/CN=Root")
    assert found["result"] == "info" and "openssl s_client" in found["seen"], found


@each([b"SSH-2.0-OpenSSH\r\n", b"", b"\x15\x03\x01\x00\x02\x02\x28"], lambda text: repr(text[:3]))
def test_no_tls_there(t, text):
    """What talks something else, hangs up, or refuses in TLS."""
    wants_tls()
    address, sock = t.address(), socket.socket()
    sock.bind((address, 0))
    sock.listen(64)
    t.closing.append(sock.close)

    def serve():
        while True:
            try:
                peer, _ = sock.accept()
            except OSError:
                return
            try:
                peer.sendall(text)
            except OSError:
                pass
            peer.close()
    threading.Thread(target=serve, daemon=True).start()
    number = sock.getsockname()[1]
    said, _ = doctor(t, at(apple.truthful(t.upstream())), "--reach", "--reach-at", address,
                     "--reach-port", "443=%d" % number, "--reach-port", "5223=%d" % number)
    found = reached(said)
    assert found["tls"]["result"] == "warn", found
    assert found["reach-5223"]["result"] == found["reach-443"]["result"] == "ok", found
