#!/bin/sh
# Starts courierdns on loopback with the built-in default, in the foreground, and says what to try.
# Usage: PORT=5300 try.sh BINARY
set -eu

binary=$1
port=${PORT:-5300}
# As root it becomes nobody, who may not write to root's directory.
[ "$(id -u)" -ne 0 ] || XDG_RUNTIME_DIR=
socket=${XDG_RUNTIME_DIR:-/tmp}/courierdns-$port.sock

cat <<TEXT

courierdns starts on 127.0.0.1 port $port and asks the name servers of /etc/resolv.conf. In another
terminal, try:

  dig @127.0.0.1 -p $port courier.push.apple.com         the alias: NOERROR, a CNAME, a SOA
  dig @127.0.0.1 -p $port courier.push.apple.com         again: from the cache, counted down
  dig @127.0.0.1 -p $port +tcp 17-courier.push.apple.com what a device asks next

and ask it why it answers so, how it is, and who asks for Apple's names and how far they have come:

  $binary explain courier.push.apple.com -s $socket
  $binary status -s $socket
  $binary devices -s $socket

Ctrl-C ends it. PORT=5301 make run takes another port.

TEXT
exec "$binary" run -l "127.0.0.1@$port" -s "$socket"
