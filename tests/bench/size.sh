#!/bin/sh
# How large courierdns is: its file without debugging symbols, and its memory idle and with its
# cache full, beside dnsmasq idle. Fails only where something did not run. Usage: size.sh BINARY
set -eu
python=/usr/bin/python3
[ -x $python ] || python=python3
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT

strip -o "$binary" "$1"
chmod 755 "$binary"
echo "size: the file, stripped: $(wc -c <"$binary") bytes"
size "$binary" | awk 'NR == 2 { print "  text " $1 ", data " $2 ", bss " $3 }'
$python "$(dirname "$0")/size.py" "$binary"
