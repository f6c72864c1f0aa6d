"""Memory of courierdns, as /proc/PID/smaps_rollup tells it: idle, with names cached, with the default
cache full, with TCP clients that stay; of dnsmasq idle; and how soon courierdns answers. Everything happens
on loopback. Ends with status 1 where a limit is passed.

Usage: size.py BINARY FILE-BYTES whole|small (see size.sh)
       size.py BINARY FILE-BYTES router MIPSEL-BYTES (see size_router.sh): memory with OpenWrt's settings alone"""

import contextlib
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

HOST = "127.0.0.1"
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "etc", "courierdns.conf")
ROUTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "openwrt", "uci", "installed.conf")
WINDOW = 100  # questions out at once
FEW, MANY, TOO_MANY, STEP = 10_000, 150_000, 400_000, 10_000
NAMES = (100_000, 200_000)
STEADY_KB = 64  # growing by less over a STEP is not growing
CLIENTS = 10_000
ROUTER_NAMES = 60_000  # more than 4M hold
STARTS = 11

# None of them depends on the mood of the machine but the last, of which the best of STARTS counts.
IS_WHOLE = sys.argv[3] == "whole"  # small: WEB=no SECCOMP=no NFTSET=no SYSTEMD=no, as a router has it
IS_ROUTER = sys.argv[3] == "router"
# A page over what it is: where code ends decides whether the file has one more.
FILE_BYTES = 347_000 if IS_WHOLE else 314_000
# What is resident differs from run to run by some 60 kB. Only the whole build has libevent_extra (100 kB),
# libseccomp (72 kB) and libmnl mapped.
LIBRARIES_KB = 300 if IS_WHOLE else 60
IDLE_KB, IDLE_ANONYMOUS_KB = 4800 + LIBRARIES_KB, 1000  # dnsmasq: 4,800 and 532 when these were set
NAMES_KB, FULL_KB, CLIENTS_KB = (22_000, 40_000), 22_000 + LIBRARIES_KB, 40_000
START_MS = 20
MIPSEL_BYTES, ROUTER_IDLE_KB, ROUTER_FULL_KB = 250_000, 4000, 10_000


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
    for attempt in range(20):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((HOST, 0))
            try:
                udp.bind((HOST, tcp.getsockname()[1]))
            except OSError:  # somebody's, over UDP
                if attempt == 19:
                    raise
                continue
            return tcp.getsockname()[1]


@contextlib.contextmanager
def running(command, port):
    """The server, once it answers; gives a connected socket, the process and the milliseconds that it took,
    without those in which it waited for a processor."""
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.connect((HOST, port))
            while time.monotonic() < began + 10:
                if server.poll() is not None:
                    sys.exit("size: %s ended: %s" % (command[0], server.stderr.read().decode()))
                with contextlib.suppress(ConnectionRefusedError):
                    sock.send(question(1, 0))
                    if select.select([sock], [], [], 0.1)[0] and sock.recv(4096):
                        break
                time.sleep(0.0005)
            else:
                sys.exit("size: %s does not answer" % command[0])
            took = time.monotonic() - began
            yield sock, server.pid, 1000 * (took - waited(server.pid))
        finally:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()


def waited(pid):
    """Seconds that a process could have run so far, and others did."""
    with open("/proc/%d/schedstat" % pid, encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


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


def own_memory(pid):
    """Of what is resident, kB besides what other programs share with it: a library's pages that it wrote to are
    its own."""
    total, is_library = 0, False
    with open("/proc/%d/smaps" % pid, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                is_library = re.search(r"\.so(\.[0-9]+)*$", line) is not None
            elif words[0] == ("Anonymous:" if is_library else "Rss:"):
                total += int(words[1])
    return total


class Table:
    """Prints rows; counts those that are over their limit."""

    def __init__(self):
        self.over = 0

    def row(self, label, value, unit, limit=None):
        is_over = limit is not None and value > limit
        self.over += is_over
        print("  %-40s %9s %-5s%s" % (
            label, format(value, ",.1f" if isinstance(value, float) else ",d"), unit,
            "" if limit is None else "   %-4s <= %s" % ("OVER" if is_over else "", format(limit, ",d"))))


class Courierdns:
    """How it is started, with more configuration or with the sample."""

    def __init__(self, binary, server_port, directory):
        self.binary, self.server_port, self.directory = binary, server_port, directory

    def started(self, more=None, path=None):
        port = free_port()
        if more is not None:
            path = os.path.join(self.directory, "conf")
            with open(path, "w", encoding="ascii") as file:
                file.write(more)
        return running([self.binary, "run"] + (["-c", path] if path else []) +
                       ["-l", "%s@%d" % (HOST, port), "-u", "%s@%d" % (HOST, self.server_port),
                        "-s", os.path.join(self.directory, "control.sock")], port)


def show_dnsmasq(table, server_port):
    port = free_port()
    with running(["dnsmasq", "-k", "-C", "/dev/null", "-p", str(port), "--listen-address", HOST,
                  "--bind-interfaces", "--pid-file=", "--no-hosts", "--no-resolv",
                  "--server=%s#%d" % (HOST, server_port)], port) as (_, pid, _):
        time.sleep(0.5)
        resident, anonymous = memory(pid)
    table.row("dnsmasq idle, resident", resident, "kB")
    table.row("dnsmasq idle, anonymous", anonymous, "kB")


def show_defaults(table, ours):
    with ours.started() as (sock, pid, _):
        time.sleep(0.5)
        idle, idle_anonymous = memory(pid)
        table.row("idle, resident", idle, "kB", IDLE_KB)
        table.row("idle, anonymous", idle_anonymous, "kB", IDLE_ANONYMOUS_KB)
        ask(sock, 0, FEW)
        table.row("%s names cached, resident" % format(FEW, ",d"), memory(pid)[0], "kB")
        asked, before, now = FEW, 0, memory(pid)[0]
        while asked < MANY or (now > before + STEADY_KB and asked < TOO_MANY):
            ask(sock, asked, asked + STEP)
            asked, before, now = asked + STEP, now, memory(pid)[0]
        resident, anonymous = memory(pid)
        table.row("cache full (%s names), resident" % format(asked, ",d"), resident, "kB", FULL_KB)
        table.row("cache full, anonymous", anonymous, "kB")


def show_names(table, ours):
    asked = 0
    with ours.started('cache = { size = "64M"; };\n') as (sock, pid, _):
        for names, limit in zip(NAMES, NAMES_KB):
            ask(sock, asked, names)
            asked = names
            table.row("64M of cache, %s names, resident" % format(names, ",d"), memory(pid)[0], "kB",
                      limit)


def show_clients(table, ours):
    """Each of them has asked once, and stays."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < CLIENTS + 100:
        print("  %s TCP clients: this system allows a process only %d open files"
              % (format(CLIENTS, ",d"), hard))
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    more = ("limits = { tcp_clients = %d; tcp_clients_per_address = %d; tcp_idle = 600.0; };\n"
            % (CLIENTS + 10, CLIENTS + 10))
    asked = question(2, 0)
    with contextlib.ExitStack() as open_ones, ours.started(more) as (sock, pid, _):
        for number in range(CLIENTS):
            client = open_ones.enter_context(socket.create_connection(sock.getpeername(), 10))
            client.sendall(len(asked).to_bytes(2, "big") + asked)
            if not client.recv(512):
                sys.exit("size: TCP client %d was not served" % number)
        table.row("%s TCP clients idle, resident" % format(CLIENTS, ",d"), memory(pid)[0], "kB",
                  CLIENTS_KB)


def show_router(table, ours):
    """With the settings that the package for OpenWrt installs."""
    with open(ROUTER, encoding="ascii") as file:
        conf = file.read()
    with ours.started(conf) as (sock, pid, _):
        time.sleep(0.5)
        table.row("idle, resident", memory(pid)[0], "kB")
        table.row("idle, besides shared libraries", own_memory(pid), "kB", ROUTER_IDLE_KB)
        ask(sock, 0, ROUTER_NAMES)
        table.row("cache of 4M full, resident", memory(pid)[0], "kB", ROUTER_FULL_KB)


def show_start(table, ours):
    values = []
    for _ in range(STARTS):
        with ours.started(path=SAMPLE) as (_, _, took):
            values.append(took)
    values.sort()
    table.row("from exec to the first answer, median", values[STARTS // 2], "ms")
    table.row("from exec to the first answer, best", values[0], "ms", START_MS)


def main():
    table = Table()
    if IS_ROUTER:
        table.row("the file for mipsel, stripped", int(sys.argv[4]), "bytes", MIPSEL_BYTES)
    table.row("the file, stripped", int(sys.argv[2]), "bytes", FILE_BYTES)
    with upstream() as server_port, tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)  # for the control socket of whoever it becomes
        ours = Courierdns(sys.argv[1], server_port, directory)
        if IS_ROUTER:
            show_router(table, ours)
        else:
            show_dnsmasq(table, server_port)
            show_defaults(table, ours)
            show_names(table, ours)
            show_clients(table, ours)
            show_start(table, ours)
    print("size: %s" % ("%d over their limits" % table.over if table.over else "fine"))
    sys.exit(1 if table.over else 0)


signal.signal(signal.SIGTERM, lambda *_: sys.exit("size: stopped"))
main()
