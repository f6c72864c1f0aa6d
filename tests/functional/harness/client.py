"""A client that sends exactly the bytes it is told to, in the pieces it is told to."""

import random
import socket
import struct
import time

from . import wire


class NoAnswer(AssertionError):
    pass


class Reply:
    """What came back, and what it came back to."""

    def __init__(self, data, query, asked_at, got_at, tcp):
        self.wire, self.query, self.tcp = data, query, tcp
        self.asked_at, self.got_at = asked_at, got_at
        self.took = got_at - asked_at
        self.msg = wire.Message(data)

    def __getattr__(self, field):
        return getattr(self.msg, field)

    def __str__(self):
        return wire.describe(self.wire)


def with_id(query, ident=None):
    ident = random.randrange(65536) if ident is None else ident
    return struct.pack("!H", ident) + query[2:]


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Udp:
    """One UDP socket, connected: what comes from elsewhere than the address asked is not seen. It is
    made by `make`, that of another network for instance."""

    def __init__(self, address, port, source=None, connect=True, make=socket.socket):
        self.to = (address, port)
        self.sock = make(family_of(address), socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        if source is not None:
            self.sock.bind((source, 0))
        if connect:
            self.sock.connect(self.to)

    def send(self, data):
        self.sock.sendto(data, self.to) if not self._connected() else self.sock.send(data)

    def _connected(self):
        try:
            self.sock.getpeername()
            return True
        except OSError:
            return False

    def recv(self, timeout):
        """A datagram, or None when none comes in time."""
        self.sock.settimeout(max(timeout, 0.000001))
        try:
            return self.sock.recv(65535)
        except (socket.timeout, BlockingIOError):
            return None

    def ask(self, query, timeout):
        """Sends and waits for the reply with this query's ID; others are an error."""
        asked_at = time.monotonic()
        self.send(query)
        data = self.recv(timeout)
        if data is None:
            raise NoAnswer("no answer within %.1f s to %s" % (timeout, wire.describe(query)))
        got_at = time.monotonic()
        if data[:2] != query[:2]:
            raise AssertionError("a reply with another ID: %s" % wire.describe(data))
        return Reply(data, query, asked_at, got_at, False)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Tcp:
    """One TCP connection."""

    def __init__(self, address, port, source=None, timeout=5.0, small_window=False,
                 make=socket.socket):
        self.sock = make(family_of(address), socket.SOCK_STREAM)
        if small_window:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        if source is not None:
            self.sock.bind((source, 0))
        self.sock.settimeout(timeout)
        self.sock.connect((address, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.opened_at = time.monotonic()

    def send(self, *queries):
        """Messages with their lengths, in one write."""
        self.raw(b"".join(struct.pack("!H", len(query)) + query for query in queries))

    def raw(self, data):
        self.sock.sendall(data)

    def slowly(self, data, gap):
        for at in range(len(data)):
            self.sock.sendall(data[at:at + 1])
            time.sleep(gap)

    def recv(self, timeout):
        """A message; b"" where the connection was closed; None when nothing came in time."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 2:
                size = 2 + struct.unpack_from("!H", self.buffer)[0]
                if len(self.buffer) >= size:
                    message = bytes(self.buffer[2:size])
                    del self.buffer[:size]
                    return message
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except (socket.timeout, BlockingIOError):
                return None
            except OSError:
                return b""
            if not data:
                return b""
            self.buffer += data

    def recv_reply(self, query, asked_at, timeout):
        data = self.recv(timeout)
        if data is None:
            raise NoAnswer("no answer within %.1f s over TCP to %s" % (
                timeout, wire.describe(query)))
        if data == b"":
            raise NoAnswer("closed without an answer over TCP to %s" % wire.describe(query))
        return Reply(data, query, asked_at, time.monotonic(), True)

    def ask(self, query, timeout):
        asked_at = time.monotonic()
        self.send(query)
        reply = self.recv_reply(query, asked_at, timeout)
        if reply.wire[:2] != query[:2]:
            raise AssertionError("a reply with another ID: %s" % wire.describe(reply.wire))
        return reply

    def closed_within(self, timeout):
        """Seconds until the other side closed, or None; what it sent before is thrown away."""
        start = time.monotonic()
        while True:
            left = start + timeout - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                if not self.sock.recv(65536):
                    return time.monotonic() - start
            except socket.timeout:
                return None
            except OSError:
                return time.monotonic() - start

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def urgent(self, data):
        self.sock.send(data, socket.MSG_OOB)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
