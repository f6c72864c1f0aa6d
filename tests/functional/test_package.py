"""What is packed around the program: the AppArmor profile lets it do what it does, and no more. (The package
itself is tried by `make package-check`.)"""

import os
import re
import subprocess
import urllib.request

from harness.apparmor import Profile
from harness.device import PROGRAM, SANITIZED
from harness.mark import Skip
from test_cli import OK, ends, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROFILE = os.path.join(ROOT, "contrib", "apparmor", "courierdns")
WEB = "" if os.environ.get("WEB") == "no" else 'web = { listen = "%s.1"; enabled = true; };\n'
SYSCALL = re.compile(r'(open|openat|connect|bind|unlink|unlinkat|mkdir|mkdirat|chmod|fchmodat|chown|lchown|rename|'
                     r'execve)\((.*)\) += (-?\d+)')
OPENED_TO_WRITE = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")


def test_the_parser_of_apparmor_takes_the_profile(t):
    done = subprocess.run(["apparmor_parser", "-Q", "-K", PROFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def wants(line):
    """(path, "r" or "w") of what a line of strace asks for; paths that are not there do not count."""
    call = SYSCALL.search(line)
    if not call or int(call.group(3)) < 0 and "EINPROGRESS" not in line and "EACCES" not in line:
        return None
    path = re.search(r'"(/[^"]*)"', call.group(2))
    if not path:
        return None
    if call.group(1) in ("open", "openat"):
        return path.group(1), "w" if OPENED_TO_WRITE.search(call.group(2)) else "r"
    return path.group(1), "r" if call.group(1) == "execve" else "w"


def test_the_profile_allows_what_the_daemon_opens(t):
    if SANITIZED:
        raise Skip("a sanitizer opens more")
    up, log = t.upstream(), os.path.join(t.directory, "calls")
    resolv = os.path.join(t.directory, "resolv.conf")
    with open(resolv, "w", encoding="utf-8") as out:
        out.write("nameserver 127.0.0.1\n")
    dev = t.device(up, prefix=["strace", "-f", "-o", log, "-s", "4096", "-e", "trace=%file,connect,bind"],
                   conf='user = "";\nlog = { to = "syslog"; };\n' + (WEB and WEB % t.net))
    up.rule(None, "A", lambda asked: asked.reply([]), times=None)
    dev.ask("a.example")
    for command in ("status", "reload"):
        ends(run(t, command, "-s", dev.control), OK)
    dev.ask("b.example")
    if WEB:
        with urllib.request.urlopen("http://%s:8053/metrics" % dev.address, timeout=10) as page:
            assert b"courierdns_build_info" in page.read()
    dev.stop()

    profile = Profile(PROFILE)
    places = {os.path.dirname(PROGRAM) + "/": "/usr/sbin/", dev.path: "/etc/courierdns.conf",
              dev.directory: "/run/courierdns", resolv: "/etc/resolv.conf", "/proc/self/": "/proc/%d/" % dev.pid}
    seen = set()
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            asked = wants(line)
            if asked:
                path, kind = asked
                for here, there in places.items():
                    path = path.replace(here, there)
                seen.add((path, kind))
    assert ("/etc/courierdns.conf", "r") in seen and ("/run/courierdns/control.sock", "w") in seen, seen
    refused = sorted((path, kind) for path, kind in seen if not profile.allows(path, kind))
    assert not refused, refused


def test_the_profile_does_not_allow_everything(t):
    profile = Profile(PROFILE)
    for path, kind in (("/etc/shadow", "r"), ("/etc/courierdns.conf", "w"), ("/root/.ssh/id", "r"),
                       ("/usr/sbin/courierdns", "w"), ("/var/lib/x", "w"), ("/etc/cron.d/x", "w")):
        assert not profile.allows(path, kind), (path, kind)
