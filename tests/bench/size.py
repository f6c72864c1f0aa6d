"""Memory of courierdns, as /proc/PID/smaps_rollup tells it: idle, with 10,000 names cached, and with
the default cache full; and of dnsmasq idle. Everything happens on loopback.

Usage: size.py BINARY (see size.sh)"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

HOST = "127.0.0.1"
WINDOW = 100  # questions out at once
FEW, MANY, TOO_MANY, STEP = 10_000, 150_000, 400_000, 10_000
STEADY_KB = 64  # growing by less over a STEP is not growing

DNSMASQ_IDLE_KB = 4800  # what dnsmasq was measured at when the aim was set


def question(ident, number):
    label = b"host-%06d" % number
    return (ident.to_bytes(2, "big") + b"\x01\x00\x00\x01\0\0\0\0\0\0" + bytes([len(label)]) + label
            + b"\x04size\x07example\0\0\x01\0\x01")


def answer(query):
    """One A record that lives an hour, and an OPT record where there was one."""
    end = query.index(0, 12) + 5
    has_opt = query[11] != 0
    return (query[:2] + b"\x81\x80\0\x01\0\x01\0\0\0" + bytes([has_opt]) + query[12:end]
            + b"\xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x01"
            + (b"\0\0\x29\x04\xd0\0\0\0\0\0\0" if has_opt else b""))


@contextlib.contextmanager
def upstream():
    """A server in a process of its own; gives its port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((HOST, 0))
    child = os.fork()
    if child == 0:
        parent = os.getppid()
        sock.settimeout(1)
        while os.getppid() == parent:
            with contextlib.suppress(OSError):
                query, peer = sock.recvfrom(4096)
                sock.sendto(answer(query), peer)
        os._exit(0)
    try:
        yield sock.getsockname()[1]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sock.close()


def free_port():
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind((HOST, 0))
        udp.bind((HOST, tcp.getsockname()[1]))
        return tcp.getsockname()[1]


@contextlib.contextmanager
def running(command, port):
    """The server, once it answers; gives a connected socket and the process."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.connect((HOST, port))
            for _ in range(100):
                if server.poll() is not None:
                    sys.exit("size: %s ended: %s" % (command[0], server.stderr.read().decode()))
                with contextlib.suppress(ConnectionRefusedError):
                    sock.send(question(1, 0))
                    if select.select([sock], [], [], 0.1)[0] and sock.recv(4096):
                        break
                time.sleep(0.05)
            else:
                sys.exit("size: %s does not answer" % command[0])
            time.sleep(0.5)
            yield sock, server.pid
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()


def ask(sock, first, end):
    """Asks the names from `first` to before `end`, each until it is answered."""
    waiting, following, tries = {}, first, 0
    while waiting or following < end:
        while following < end and len(waiting) < WINDOW:
            waiting[following & 0xffff] = following
            sock.send(question(following & 0xffff, following))
            following += 1
        if select.select([sock], [], [], 0.5)[0]:
            reply = sock.recv(4096)
            if reply[3] & 15 == 0 and reply[7] == 1:
                waiting.pop(int.from_bytes(reply[:2], "big"), None)
            continue
        tries += 1
        if tries > 100:
            sys.exit("size: %d questions are never answered" % len(waiting))
        for ident, number in waiting.items():
            sock.send(question(ident, number))


def memory(pid):
    """(resident, anonymous) in kB."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        lines = dict(line.split(":") for line in file.read().splitlines()[1:])
    return tuple(int(lines[key].split()[0]) for key in ("Rss", "Anonymous"))


def row(label, value, aim=None):
    print("  %-38s %7s kB%s" % (label, format(value, ",d"), "" if aim is None else
                                "   %-6s <= %s kB" % ("" if value <= aim else "OVER", format(aim, ",d"))))


def main():
    port = free_port()
    dnsmasq = ["dnsmasq", "-k", "-C", "/dev/null", "-p", str(port), "--listen-address", HOST,
               "--bind-interfaces", "--pid-file=", "--no-hosts", "--no-resolv"]
    print("size: memory")
    with upstream() as server_port, tempfile.TemporaryDirectory() as directory:
        with running(dnsmasq + ["--server=%s#%d" % (HOST, server_port)], port) as (_, pid):
            other, other_anonymous = memory(pid)
        row("dnsmasq idle, resident", other)
        row("dnsmasq idle, anonymous", other_anonymous)
        with running([sys.argv[1], "run", "-l", "%s@%d" % (HOST, port),
                      "-u", "%s@%d" % (HOST, server_port),
                      "-s", os.path.join(directory, "control.sock")], port) as (sock, pid):
            idle, idle_anonymous = memory(pid)
            row("idle, resident", idle, max(other, DNSMASQ_IDLE_KB))
            row("idle, anonymous", idle_anonymous, 1000)
            ask(sock, 0, FEW)
            row("%s names cached, resident" % format(FEW, ",d"), memory(pid)[0])
            asked, before, now = FEW, 0, memory(pid)[0]
            while asked < MANY or (now > before + STEADY_KB and asked < TOO_MANY):
                ask(sock, asked, asked + STEP)
                asked, before, now = asked + STEP, now, memory(pid)[0]
            resident, anonymous = memory(pid)
            row("cache full (%s names), resident" % format(asked, ",d"), resident, 22000)
            row("cache full, anonymous", anonymous)


signal.signal(signal.SIGTERM, lambda *_: sys.exit("size: stopped"))
main()
