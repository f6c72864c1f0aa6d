#!/bin/sh
# Of a package that has just been installed: $1 is its name, $2 its version.
[ "$1" = courierdns ] || exit 0

courierdns -V | grep -F "$2" || exit 1

# what the settings mean as they are installed
/usr/lib/courierdns/uci.sh >/tmp/courierdns.test.conf || exit 1
courierdns check -c /tmp/courierdns.test.conf || exit 1

# it starts, listens, and answers without anybody upstream
courierdns run -l 127.0.0.1@5199 -u 127.0.0.1@9 -s /tmp/courierdns.test.sock &
daemon=$!
left=10
while [ $left -gt 0 ] && ! courierdns status -s /tmp/courierdns.test.sock; do
	left=$((left - 1))
	sleep 1
done
courierdns status -s /tmp/courierdns.test.sock | grep '127.0.0.1@5199'
listens=$?
kill $daemon
wait $daemon || exit 1
rm -f /tmp/courierdns.test.conf
exit $listens
