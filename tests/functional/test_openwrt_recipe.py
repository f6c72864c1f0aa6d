"""The recipe of the package for OpenWrt: it keeps to the feed's formal rules, names what the program needs, and
installs what its scripts expect."""

import os
import re
import shutil
import subprocess
import sys

from harness.device import PROGRAM, SANITIZED
from harness.mark import Skip, each
from test_openwrt import ENABLED, HERE, PLACES, ROOT, Router, content

sys.path.insert(0, HERE)
import recipe  # noqa: E402

RECIPES = os.path.join(ROOT, "contrib/openwrt")
BOTH = ["courierdns", "checkout"]


def make(folder, *targets, **variables):
    done = subprocess.run(
        ["make", "-s", "-C", folder, "TOPDIR=" + os.path.join(HERE, "sdk"), *targets,
         *["%s=%s" % pair for pair in variables.items()]], capture_output=True, text=True, check=False,
        env={key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "WEB",
                                                                          "TLS", "SECCOMP")})
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(folder, **variables):
    return dict(line.split("=", 1) for line in make(folder, "show", **variables).splitlines())


@each(BOTH)
def test_the_recipe_keeps_to_the_rules(t, which):
    found = list(recipe.complaints(os.path.join(RECIPES, which)))
    assert not found, found


SPOILT = {
    "no-version": (r"^PKG_VERSION:=.*$", "", "PKG_VERSION is not said"),
    "hash": (r"^PKG_HASH:=.*$", "PKG_HASH:=1234", "PKG_HASH"),
    "maintainer": (r"^PKG_MAINTAINER:=.*$", "PKG_MAINTAINER:=somebody", "PKG_MAINTAINER"),
    "name-reused": (r"BuildPackage,courierdns", "BuildPackage,$(PKG_NAME)", "PKG_NAME in"),
    "spaces-for-a-tab": (r"^\t\$\(INSTALL_BIN\)", "    $(INSTALL_BIN)", "without a tab"),
    "tab-for-spaces": (r"^  TITLE", " TITLE", "two spaces"),
    "conffile-indented": (r"^/etc/config", "  /etc/config", "indented"),
    "unknown-package": (r"libevent2-core", "libevent", "no package libevent in"),
    "number-taken": (r"=460", "=453", "USERID"),
    "no-package-mk": (r"^include \$\(INCLUDE_DIR\)/package.mk$", "", "no line include"),
    "blank-at-the-end": (r"^(PKG_RELEASE:=1)$", r"\1 ", "blanks at the end"),
    "option-forgotten": (r"^\tCONFIG_COURIERDNS_TLS \\\n", "", "COURIERDNS_TLS"),
    "long-title": (r"TITLE:=", "TITLE:=" + "long " * 12, "60"),
}


@each(list(SPOILT))
def test_what_breaks_a_rule_is_found(t, case):
    pattern, instead, wanted = SPOILT[case]
    folder = os.path.join(t.directory, "courierdns")
    shutil.copytree(os.path.join(RECIPES, "courierdns"), folder)
    path = os.path.join(folder, "Makefile")
    text = content(path).decode()
    spoilt = re.sub(pattern, instead, text, count=1, flags=re.M)
    assert spoilt != text
    with open(path, "w", encoding="utf-8") as out:
        out.write(spoilt)
    found = list(recipe.complaints(folder))
    assert any(wanted in one for one in found), found


def test_both_forms_are_one_package(t):
    texts = [content(RECIPES, which, "Makefile").decode() for which in BOTH]
    assert len({text[text.index("define Package/courierdns\n"):] for text in texts}) == 1
    for name in "files", "Config.in", "test.sh":
        assert os.path.realpath(os.path.join(RECIPES, "checkout", name)) == os.path.join(RECIPES, "courierdns", name)


@each(BOTH)
def test_the_version_is_the_program_s(t, which):
    version = re.search(r"^VERSION := (\S+)$", content(ROOT, "Makefile").decode(), re.M).group(1)
    assert shown(os.path.join(RECIPES, which))["PKG_VERSION"] == version


LIBRARIES = {"libconfig": "libconfig", "libevent_core-2.1": "libevent2-core", "libevent_extra-2.1": "libevent2-extra",
             "libldns": "libldns", "libmnl": "libmnl", "libseccomp": "libseccomp", "libssl": "libopenssl", "libcrypto": "libopenssl"}


def test_it_depends_on_what_the_program_is_linked_with(t):
    if SANITIZED:
        raise Skip("a sanitizer links more")
    needed = re.findall(r"NEEDED.*\[(.*?)\.so", subprocess.run(
        ["readelf", "-d", PROGRAM], capture_output=True, text=True, check=True).stdout)
    needed = {LIBRARIES[name] for name in needed if name not in ("libc", "libpthread", "libgcc_s")}
    said = shown(os.path.join(RECIPES, "courierdns"))["DEPENDS"]
    always = set(re.findall(r"\+([a-z][\w-]*)", said))
    option = dict(re.findall(r"\+COURIERDNS_(\w+):([\w-]+)", said))
    assert {"libconfig", "libevent2-core", "libldns"} == always <= needed, (always, needed)
    assert needed <= always | set(option.values()), (needed, said)
    assert (option["WEB"] in needed) == (os.environ.get("WEB") != "no")
    assert (option["SECCOMP"] in needed) == (os.environ.get("SECCOMP") != "no")
    assert (option["NFTSET"] in needed) == (os.environ.get("NFTSET") != "no")


def test_a_router_does_without_by_default_and_can_have_it(t):
    folder = os.path.join(RECIPES, "courierdns")
    lean = shown(folder)
    assert "NFTSET=no" in lean["MAKE_FLAGS"]
    assert "WEB=no" in lean["MAKE_FLAGS"] and "SECCOMP=no" in lean["MAKE_FLAGS"] and "openssl" not in lean["MAKE_FLAGS"]
    assert "SYSTEMD=no" in lean["MAKE_FLAGS"].split()
    assert "-O" not in lean["TARGET_CFLAGS"] and "-Wno-error" in lean["TARGET_CFLAGS"]
    full = shown(folder, CONFIG_COURIERDNS_WEB="y", CONFIG_COURIERDNS_TLS="y", CONFIG_COURIERDNS_SECCOMP="y",
                 CONFIG_COURIERDNS_NFTSET="y")
    for flag in "WEB=yes", "NFTSET=yes", "SECCOMP=yes", "TLS=openssl", "SYSTEMD=no":
        assert flag in full["MAKE_FLAGS"].split(), full["MAKE_FLAGS"]


def test_only_a_mips_program_stays_where_it_is_linked_to(t):
    folder = os.path.join(RECIPES, "courierdns")
    elsewhere, mips = shown(folder, ARCH="aarch64"), shown(folder, ARCH="mipsel")
    assert "PIE=yes" in elsewhere["MAKE_FLAGS"].split() and not elsewhere["TARGET_LDFLAGS"]
    assert "PIE=no" in mips["MAKE_FLAGS"].split(), mips["MAKE_FLAGS"]
    assert "-mips16" in mips["TARGET_CFLAGS"].split() and "max-page-size=4096" in mips["TARGET_LDFLAGS"]
    asked_for = shown(folder, ARCH="mipsel", CONFIG_PKG_ASLR_PIE_ALL="y")
    assert "PIE=yes" in asked_for["MAKE_FLAGS"].split(), asked_for["MAKE_FLAGS"]


@each(BOTH)
def test_it_installs_what_the_scripts_expect(t, which):
    into, built = os.path.join(t.directory, "root"), os.path.join(t.directory, "built")
    os.makedirs(built + "/usr/sbin")
    shutil.copyfile(PROGRAM, built + "/usr/sbin/courierdns")
    make(os.path.join(RECIPES, which), "install", INTO=into, PKG_INSTALL_DIR=built)
    found = {os.path.relpath(os.path.join(top, name), into) for top, _, files in os.walk(into) for name in files}
    assert found == set(PLACES.values()) | {"usr/sbin/courierdns", "lib/upgrade/keep.d/courierdns"}, found
    for name, place in PLACES.items():
        assert content(into, place) == content(RECIPES, "courierdns/files", name)
        runs = bool(os.stat(os.path.join(into, place)).st_mode & 0o111)
        assert runs == content(into, place).startswith(b"#!"), place
    conffiles = make(os.path.join(RECIPES, which), "conffiles").split()
    assert conffiles == ["/etc/config/courierdns"]


@each([True, False], title=lambda same: "same" if same else "other")
def test_the_feed_s_own_test_passes_on_what_is_installed(t, same):
    """With the version of the recipe, and with no other: test.sh, by busybox's shell, on what the recipe installs."""
    said = re.search(r"^VERSION := (\S+)$", content(ROOT, "Makefile").decode(), re.M).group(1)
    router, built = Router(t, settings=ENABLED % "none"), os.path.join(t.directory, "built")
    os.makedirs(built + "/usr/sbin")
    shutil.copyfile(PROGRAM, built + "/usr/sbin/courierdns")
    for place in list(PLACES.values()) + ["usr/sbin/courierdns"]:
        router.remove(place)
    make(os.path.join(RECIPES, "courierdns"), "install", INTO=router.root, PKG_INSTALL_DIR=built)
    shutil.copy(built + "/usr/sbin/courierdns", router.applets)
    os.chmod(os.path.join(router.applets, "courierdns"), 0o755)
    os.remove(os.path.join(router.root, "sbin/sleep"))
    text = content(RECIPES, "courierdns/test.sh").decode()
    for place in "/usr/lib/courierdns/", "/tmp/courierdns.test":
        assert place in text
        text = text.replace(place, router.root + place)
    os.chmod(t.directory, 0o755)
    os.chmod(router.root + "/tmp", 0o1777)
    router.write("test.sh", text.replace("127.0.0.1@5199", t.net + ".1@5199"))
    done = router.sh(os.path.join(router.root, "test.sh"), "courierdns", said if same else said + "9")
    told = (done.stdout + done.stderr).decode()
    assert (done.returncode == 0) == same, told
    if same:
        assert "@5199" in told, told
    assert not [name for name in os.listdir(router.root + "/tmp") if name.startswith("courierdns.test")]
    assert router.sh(os.path.join(router.root, "test.sh"), "another", "1").returncode == 0


def test_a_checkout_is_copied_without_what_is_built(t):
    """A small tree in the place of this one: what is below build/ and .git/ stays behind."""
    tree, built = os.path.join(t.directory, "tree"), os.path.join(t.directory, "built")
    folder = os.path.join(tree, "contrib/openwrt/checkout")
    os.makedirs(folder)
    shutil.copyfile(os.path.join(RECIPES, "checkout/Makefile"), os.path.join(folder, "Makefile"))
    for name in "Makefile", "src/base/mem.c", "tests/build/kept", "build/object.o", ".git/HEAD":
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        with open(os.path.join(tree, name), "w", encoding="utf-8") as out:
            out.write("VERSION := 9.8.7\n")
    assert shown(folder)["PKG_VERSION"] == "9.8.7"
    make(folder, "prepare", PKG_BUILD_DIR=built)
    found = {os.path.relpath(os.path.join(top, name), built) for top, _, files in os.walk(built) for name in files}
    assert found == {"Makefile", "src/base/mem.c", "tests/build/kept", "contrib/openwrt/checkout/Makefile"}, found


def test_a_submission_has_the_hash_of_its_release(t):
    tree = os.path.join(t.directory, "tree")
    for name in ("contrib/dist.sh", "contrib/openwrt/submit.sh", "debian/changelog", "Makefile"):
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        shutil.copyfile(os.path.join(ROOT, name), os.path.join(tree, name))
    shutil.copytree(os.path.join(RECIPES, "courierdns"), os.path.join(tree, "contrib/openwrt/courierdns"))
    done = subprocess.run(["sh", "contrib/openwrt/submit.sh", "1.2.3"], cwd=tree, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    folder = os.path.join(tree, "build/openwrt/courierdns")
    text = content(folder, "Makefile").decode()
    told = subprocess.run(["sha256sum", os.path.join(tree, "build/openwrt/courierdns-1.2.3.tar.gz")],
                          capture_output=True, text=True, check=True).stdout.split()[0]
    assert "\nPKG_HASH:=%s\n" % told in text and "\nPKG_VERSION:=1.2.3\n" in text and "checkout" not in text
    assert not list(recipe.complaints(folder))


@each([("capabilities.json", ["CAP_NET_BIND_SERVICE"]),
       ("capabilities-nftset.json", ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"])], title=lambda case: case[0])
def test_the_capability_is_the_one_for_port_53(t, case):
    """And for nft sets."""
    import json
    name, wanted = case
    told = json.loads(content(RECIPES, "courierdns/files", name))
    assert set(told) == {"bounding", "effective", "ambient", "permitted", "inheritable"}
    assert all(value == wanted for value in told.values()), told


def test_links_lead_to_the_same_in_the_archive(t):
    """The recipe of a checkout has links in its folder: in the archive of a release, too."""
    done = subprocess.run(["sh", "contrib/dist.sh", "1.2.3", t.directory], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    subprocess.run(["tar", "-xzf", os.path.join(t.directory, "courierdns-1.2.3.tar.gz"), "-C", t.directory],
                   check=True)
    folder = os.path.join(t.directory, "courierdns-1.2.3/contrib/openwrt/checkout")
    assert sorted(os.listdir(os.path.join(folder, "files"))) == sorted(os.listdir(os.path.join(
        RECIPES, "courierdns/files")))
    assert not list(recipe.complaints(folder))
