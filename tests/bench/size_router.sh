#!/bin/sh
# How large courierdns is on a router: the file of a build for mipsel with the flags that OpenWrt and the recipe
# (contrib/openwrt) have for it, against Debian's libraries for mipsel, and that it starts; and, as what an emulator
# adds cannot be told apart, the memory of BINARY, a router's build for this machine, with the settings that the
# package installs. Fails where a limit of size.py is passed. Usage: size_router.sh BINARY
set -eu
python=/usr/bin/python3
[ -x $python ] || python=python3
here=$PWD
release=build/release-router-mipsel
unset MAKEFLAGS MFLAGS MAKELEVEL
said=$(mktemp)
binary=$(mktemp)
trap 'rm -f "$said" "$binary"' EXIT

compiler=$(sh contrib/sysroot.sh mipsel)
make -s -C contrib/openwrt/checkout TOPDIR="$here/tests/openwrt/sdk" ARCH=mipsel show >"$said"
cmp -s "$said" $release/recipe || rm -rf $release
mkdir -p $release
cp "$said" $release/recipe
# says NAME: what a variable of the recipe is
says() {
	sed -n "s/^$1=//p" "$said"
}
# shellcheck disable=SC2046 # a list of settings
make -j2 CC="$compiler" AR=mipsel-linux-gnu-gcc-ar CFLAGS="$(says TARGET_CFLAGS)" LDFLAGS="$(says TARGET_LDFLAGS)" \
	$(says MAKE_FLAGS) RELEASE=$release all
mipsel-linux-gnu-strip -o "$binary" $release/courierdns
chmod 755 "$binary"
mipsel-linux-gnu-size "$binary" | awk 'NR == 2 { print "size: mipsel: text " $1 ", data " $2 ", bss " $3 }'
build/cross/mipsel/on "$binary" --version >/dev/null
mipsel=$(wc -c <"$binary")
strip -o "$binary" "$1"
$python "$(dirname "$0")/size.py" "$binary" "$(wc -c <"$binary")" router "$mipsel"
