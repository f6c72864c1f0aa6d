"""A name server on loopback that knows Apple's alias, which has no address, and clients that look at what of
it comes through courierdns. All of them need no network.

upstream.py serve PORT           answers until it is ended
upstream.py compare PORT PROXY   asks both the same, UDP and TCP: the same bytes but for ID and TTLs
upstream.py ask PROXY FILE       asks 200 times a second while FILE is there; fails where one is not answered"""

import os
import random
import socket
import socketserver
import struct
import sys
import threading
import time


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


ALIAS = name("courier.push.apple.com")
TARGET = name("courier-push-apple.com.akadns.net")
SOA = name("internal.akadns.net") + name("hostmaster.akamai.com") + struct.pack(
    ">5I", 1629813934, 90000, 90000, 90000, 180)
OPT = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)


def record(owner, kind, ttl, data):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def answer(query):
    end = query.index(0, 12) + 5
    asked, kind = query[12:end - 4].lower(), struct.unpack(">H", query[end - 4:end - 2])[0]
    records, authority = [], []
    if asked == ALIAS:
        # the SOA's owner is "akadns.net" in what the alias leads to
        at = end + 12 + len(TARGET) - len(name("akadns.net"))
        records = [record(b"\xc0\x0c", 5, 279, TARGET)]
        authority = [record(struct.pack(">H", 0xc000 | at), 6, 180, SOA)]
    elif b"-courier" in asked and kind == 1:
        records = [record(b"\xc0\x0c", 1, 60, bytes([17, 57, 144, 1]))]
    opt = [OPT] if struct.unpack(">H", query[10:12])[0] else []
    counts = struct.pack(">4H", 1, len(records), len(authority), len(opt))
    return query[:2] + b"\x81\x80" + counts + query[12:end] + b"".join(records + authority + opt)


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(answer(self.request[0]), self.client_address)


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        while size := self.rfile.read(2):
            reply = answer(self.rfile.read(struct.unpack(">H", size)[0]))
            self.wfile.write(struct.pack(">H", len(reply)) + reply)


def serve(port):
    socketserver.ThreadingMixIn.daemon_threads = True
    mixed = [type(kind.__name__, (socketserver.ThreadingMixIn, kind), {"allow_reuse_address": True})
             for kind in (socketserver.UDPServer, socketserver.TCPServer)]
    servers = [kind(("127.0.0.1", int(port)), handler) for kind, handler in zip(mixed, (Datagram, Stream))]
    for server in servers:
        threading.Thread(target=server.serve_forever).start()


def question(asked, kind=1):
    return struct.pack(">6H", random.getrandbits(16), 0x0100, 1, 0, 0, 0) + name(asked) + struct.pack(">HH", kind, 1)


def ask(address, port, query, tcp=False, timeout=5):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect((address, int(port)))
        sock.sendall(struct.pack(">H", len(query)) + query if tcp else query)
        reply = sock.recv(4096)
        while tcp and len(reply) < 2 + struct.unpack(">H", reply[:2])[0]:
            reply += sock.recv(4096)
    return reply[2:] if tcp else reply


def without_ttls(reply):
    """And without the ID; of the answer for the alias, whose records are where they are."""
    end = reply.index(0, 12) + 5
    soa = end + 12 + len(TARGET)
    return reply[2:end + 6] + reply[end + 10:soa + 6] + reply[soa + 10:]


def compare(port, proxy):
    for tcp in (False, True, False):
        for kind in (1, 65):
            query = question("courier.push.apple.com", kind)
            there, here = ask("127.0.0.1", port, query, tcp), ask(proxy, 53, query, tcp)
            assert here[:2] == query[:2] and without_ttls(here) == without_ttls(there), (here, there)
    print("the alias has upstream's bytes, six times")


def ask_on(proxy, file):
    count = 0
    while os.path.exists(file):
        query = question("%d-courier.push.apple.com" % (count % 50))
        reply = ask(proxy, 53, query, timeout=3)
        assert reply[:2] == query[:2] and reply[3] & 15 == 0 and reply.endswith(bytes([17, 57, 144, 1])), reply
        count += 1
        time.sleep(0.005)
    print("%d questions, all of them answered" % count)


if __name__ == "__main__":
    {"serve": serve, "compare": compare, "ask": ask_on}[sys.argv[1]](*sys.argv[2:])
