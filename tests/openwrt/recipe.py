#!/usr/bin/python3
"""The formal rules that the feed of packages has for a recipe. Usage: recipe.py FOLDER..., each with a Makefile;
prints what is wrong, and ends with 1 then."""

import os
import re
import sys

SAID = ["PKG_NAME", "PKG_VERSION", "PKG_RELEASE", "PKG_MAINTAINER", "PKG_LICENSE", "PKG_LICENSE_FILES"]
RELEASED = ["PKG_SOURCE", "PKG_SOURCE_URL", "PKG_HASH"]
IN_PACKAGE = ["SECTION", "CATEGORY", "TITLE", "URL"]
# the numbers that accounts of other packages have, and of the base
TAKEN = {1, 7, 20, 22, 29, 42, 51, 52, 53, 54, 55, 56, 57, 59, 60, 61, 70, 71, 72, 81, 87, 88, 89, 91, 99, 101, 105,
         113, 114, 121, 123, 129, 137, 200, 209, 224, 226, 323, 376, 377, 382, 386, 393, 410, 411, 441, 445,
         452, 453, 499, 514, 853, 958, 975, 976, 1120, 3536, 5353, 5432, 5566, 6144, 6800, 8118, 44312, 65533,
         65534}
# options of all packages, which package.mk looks after
OF_ALL = {"PKG_ASLR_PIE_ALL"}
# names of the feed; what the linker calls otherwise is on the left of test_openwrt_recipe
KNOWN = {"libconfig", "libevent2-core", "libevent2-extra", "libldns", "libmnl", "libseccomp", "libopenssl"}


def defines(text):
    """{name: [line]}, in order"""
    found = {}
    for match in re.finditer(r"^define (\S+)\n(.*?)^endef$", text, re.M | re.S):
        found[match.group(1)] = match.group(2).splitlines()
    return found


def blocks(text):
    for name, lines in defines(text).items():
        kind = name.rpartition("/")[2]
        for line in lines:
            if not line:
                continue
            if name.startswith("Build/") or kind == "install":
                if not line.startswith("\t"):
                    yield "%s: a command without a tab: %r" % (name, line)
            elif kind in ("conffiles", "preinst", "postinst", "prerm", "postrm"):
                if kind == "conffiles" and line != line.strip():
                    yield "%s: indented: %r" % (name, line)
                if kind == "conffiles" and not line.strip().startswith("/"):
                    yield "%s: no path: %r" % (name, line)
            elif not re.match(r"  \S|\t", line):
                yield "%s: not indented by two spaces: %r" % (name, line)


def values(text):
    return dict(re.findall(r"^(PKG_\w+):=(.*)$", text, re.M))


def complaints(folder):
    path = os.path.join(folder, "Makefile")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    said, parts = values(text), defines(text)
    name = said.get("PKG_NAME", "")
    released = "Build/Prepare" not in parts
    for want in SAID + (RELEASED if released else []):
        if not said.get(want, "").strip():
            yield "%s is not said" % want
    if released and not re.fullmatch(r"skip|[0-9a-f]{64}", said.get("PKG_HASH", "")):
        yield "PKG_HASH is no SHA-256"
    if not re.fullmatch(r"[^<]+ <\S+@\S+>", said.get("PKG_MAINTAINER", "")):
        yield "PKG_MAINTAINER is not NAME <ADDRESS>"
    for line in text.splitlines():
        if re.search(r"\s+$", line):
            yield "blanks at the end of %r" % line
        if re.match(r"define|\$\(eval|\$\(call", line) and "PKG_NAME" in line:
            yield "PKG_NAME in %r" % line
    for line in sum(parts.values(), []):
        if "$(PKG_NAME)" in line:
            yield "PKG_NAME in %r" % line
    yield from blocks(text)
    package = "\n".join(parts.get("Package/" + name, []))
    for want in IN_PACKAGE:
        if not re.search(r"^  %s:=\S" % want, package, re.M):
            yield "Package/%s: %s is not said" % (name, want)
    title = re.search(r"^  TITLE:=(.*)$", package, re.M)
    if title and len(title.group(1)) > 60:
        yield "TITLE has more than 60 characters"
    for needed in re.findall(r"\+(?:[A-Z_]+:)?([\w.-]+)", package):
        if needed not in KNOWN:
            yield "no package %s in the feeds" % needed
    for user, number, group, other in re.findall(r"USERID:=(\w+)=(\d+):(\w+)=(\d+)", package) or [("", 0, "", 0)]:
        if int(number) in TAKEN | {0} or number != other or user != group:
            yield "USERID is taken, or not two of the same"
    for want in "include $(TOPDIR)/rules.mk", "include $(INCLUDE_DIR)/package.mk", "$(eval $(call BuildPackage,%s))" % name:
        if want not in text.splitlines():
            yield "no line %s" % want
    options = set(re.findall(r"(?<![A-Z_])CONFIG_(\w+)", text)) - OF_ALL
    depends = set(re.findall(r"CONFIG_(\w+)", re.search(r"PKG_CONFIG_DEPENDS:=((?:.*\\\n)*.*)", text + "\nPKG_CONFIG_DEPENDS:=").group(1)))
    known = os.path.join(folder, "Config.in")
    if os.path.exists(known):
        with open(known, encoding="utf-8") as file:
            kconfig = set(re.findall(r"^config (\w+)", file.read(), re.M))
        if not options == depends == kconfig:
            yield "options of Config.in, PKG_CONFIG_DEPENDS and the rest differ: %s" % (
                (options | depends | kconfig) - (options & depends & kconfig))
    yield from scripts(folder)


def scripts(folder):
    for top, _, files in os.walk(os.path.join(folder, "files"), followlinks=True):
        for file in files:
            with open(os.path.join(top, file), encoding="utf-8") as opened:
                text = opened.read()
            if file.endswith(".init"):
                if not text.startswith("#!/bin/sh /etc/rc.common\n"):
                    yield "%s does not begin as an init script" % file
                for want in "USE_PROCD=1", "start_service() {", "START=":
                    if "\n" + want not in text:
                        yield "%s: no %s" % (file, want)
                if re.search(r"start-stop-daemon|\bpidfile\b|nohup|\bsetsid\b", text):
                    yield "%s makes a daemon by itself" % file
            elif text.startswith("#!") and not text.startswith("#!/bin/sh\n"):
                yield "%s is not for /bin/sh" % file
            if re.search(r"/usr/lib/opkg|\b(iptables|nft) ", text):
                yield "%s does what others are there for" % file
    test = os.path.join(folder, "test.sh")
    if os.path.exists(test):
        with open(test, encoding="utf-8") as opened:
            if "grep -q" in opened.read():
                yield "test.sh hides what it looks at (grep -q)"


def main(folders):
    found = ["%s: %s" % (folder, complaint) for folder in folders for complaint in complaints(folder)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found or not folders else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
