"""A client that goes on asking while the network changes, and what became of its questions."""

import threading
import time

from . import wire


class Asker:
    """Asks a device for a fresh name so often a second, from a thread of its own, until it is
    stopped. A reply is good if it has an address."""

    def __init__(self, device, title, rate=50.0):
        self.device, self.title, self.gap = device, title, 1.0 / rate
        self.sock = device.udp()
        self.sent, self.replies = {}, []    # ID: when; [(when, how long it took, good)]
        self.next, self.running = 0, True
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.ask, self.hear)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        due = time.monotonic()
        while self.running:
            self.next += 1
            ident = self.next % 65536
            query = wire.query("a%d.%s.example." % (self.next, self.title), ident=ident)
            self.sent[ident] = time.monotonic()
            try:
                self.sock.send(query)
            except OSError:
                pass    # the daemon is asked over loopback: its port may just be closed
            due = max(due + self.gap, time.monotonic() - 1.0)
            time.sleep(max(0.0, due - time.monotonic()))

    def hear(self):
        while self.running:
            try:
                data = self.sock.recv(0.1)
            except OSError:
                continue
            now = time.monotonic()
            if data is not None:
                reply = wire.Message(data)
                asked_at = self.sent.get(int.from_bytes(data[:2], "big"), now)
                self.replies.append((now, now - asked_at, reply.rcode == 0 and bool(reply.answer)))

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def first_good(self, since, seconds):
        """How long after `since` the first good answer came; AssertionError where none did in
        time."""
        end = since + seconds
        at = max(0, len(self.replies) - 1)
        while time.monotonic() < end:
            while at > 0 and self.replies[at - 1][0] >= since:
                at -= 1
            for when, _, good in self.replies[at:]:
                if when >= since and good:
                    return when - since
            at = len(self.replies)
            time.sleep(0.005)
        raise AssertionError("no good answer within %.1f s" % seconds)

    def good_between(self, begin, end):
        return sum(good for when, _, good in self.replies if begin <= when < end)

    def times(self):
        """How long each good answer took, the shortest first."""
        return sorted(took for _, took, good in self.replies if good)


