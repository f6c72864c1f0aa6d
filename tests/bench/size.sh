#!/bin/sh
# How large courierdns is: its file without debugging symbols, and its memory idle and at work, beside
# dnsmasq idle; and how soon it answers. Fails where a limit of size.py is passed, which
# are others for a BINARY in a folder of a build with WEB=no SECCOMP=no NFTSET=no SYSTEMD=no. Usage: size.sh BINARY
set -eu
python=/usr/bin/python3
[ -x $python ] || python=python3
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT

case $1 in
*-noweb-noseccomp-nonftset-nosystemd/*) build=small ;;
*) build=whole ;;
esac
strip -o "$binary" "$1"
chmod 755 "$binary"
size "$binary" | awk 'NR == 2 { print "size: text " $1 ", data " $2 ", bss " $3 }'
$python "$(dirname "$0")/size.py" "$binary" "$(wc -c <"$binary")" "$build"
