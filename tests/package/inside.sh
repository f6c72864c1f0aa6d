#!/bin/sh
# The scenes of run.sh, inside the machine. Usage: inside.sh SCENE
set -eu
here=/root/check
export AUTOPKGTEST_TMP=/tmp/test
mkdir -p $AUTOPKGTEST_TMP
wants=/etc/systemd/system/multi-user.target.wants/courierdns.service
upstream=
holder=

cleanup() {
	status=$?
	trap - EXIT
	for pid in $upstream $holder; do
		kill "$pid" 2>/dev/null || true
	done
	exit $status
}
trap cleanup EXIT

fail() {
	echo "WRONG: $*"
	exit 1
}

installs() {
	dpkg -i $here/debs/first.deb </dev/null
}

purge() {
	apt-get purge -y courierdns
}

# Everything that is there: kind, mode, owner, what is in it; but for what dpkg, apt, the linker and those who
# change accounts keep of earlier days. (A directory that holds nothing more is removed by debhelper.)
files() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root -o -path '/var/log/*' \
		-o -path '/var/lib/dpkg/*-old' -o -path /var/lib/dpkg/status -o -path '/var/lib/dpkg/lock*' \
		-o -path '/var/cache/ldconfig/*' -o -path '/var/cache/apt/*' -o -path '/var/lib/apt/*' -o -path '/etc/*-' -o -path /etc/apparmor.d/disable \) -prune -o \
		-printf '%p %M %u:%g %l\n' | LC_ALL=C sort
	find /etc /usr /var/lib/systemd -xdev -type f -not -path '/etc/*-' -exec sha1sum {} + | LC_ALL=C sort -k 2
	find /run -mindepth 1 -printf '%p\n' | grep -v '^/run/\(systemd\|log\|udev\|dbus\|lock\|initctl\|utmp\)' | LC_ALL=C sort
}

# holds ADDRESS PROTOCOL: port 53 there, until `lets_go`.
holds() {
	python3 - "$@" <<-'PY' &
		import socket, sys, time
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		sock = socket.socket(family, socket.SOCK_DGRAM if sys.argv[2] == "udp" else socket.SOCK_STREAM)
		sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		if family == socket.AF_INET6:
		    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
		sock.bind((sys.argv[1], 53))
		if sys.argv[2] == "tcp":
		    sock.listen()
		open("/tmp/held", "w").close()
		while True:
		    time.sleep(1)
	PY
	holder=$!
	for _ in $(seq 50); do
		[ ! -e /tmp/held ] || break
		sleep 0.1
	done
	rm /tmp/held || fail "port 53 of $1 could not be held"
}

lets_go() {
	kill $holder
	wait $holder || true
	holder=
}

# --- scenes --------------------------------------------------------------------------------------
busy() {
	ip=127.0.0.1
	for at in "127.0.0.1 udp" "127.0.0.1 tcp" "0.0.0.0 udp" ":: tcp" "::1 udp" "::ffff:127.0.0.1 udp"; do
		# shellcheck disable=SC2086 # two words
		holds $at
		installs >/tmp/said || { cat /tmp/said; fail "$at is busy, and the installation failed"; }
		grep 'another program serves DNS' /tmp/said || fail "$at is busy, and nobody is told"
		[ ! -e $wants ] || fail "$at is busy, and the service was enabled"
		kill -0 $holder || fail "who had $at is gone"
		purge
		lets_go
	done
	# a stub of another address, a question of ours: neither is in the way
	ip address add 192.0.2.1/32 dev lo 2>/dev/null || ip=
	for at in "127.0.0.53 udp" ${ip:+"192.0.2.1 tcp"}; do
		# shellcheck disable=SC2086 # two words
		holds $at
		installs
		[ -e $wants ] || fail "$at is in nobody's way, and the service was not enabled"
		purge
		lets_go
	done
}

plain() {
	apt-get install -y $here/debs/first.deb </dev/null
	[ -e $wants ] || fail "the service is not enabled"
	for test in commands exec-start; do
		echo "--- $test"
		sh $here/tests/$test
	done
	apparmor_parser -Q -K /etc/apparmor.d/courierdns
}

upgrade() {
	installs
	sed -i 's/^workers = 1;/workers = 2;/' /etc/courierdns.conf
	grep '^workers = 2;' /etc/courierdns.conf
	systemctl disable courierdns.service # as an administrator who starts it otherwise
	# the same file again: no question
	installs
	grep '^workers = 2;' /etc/courierdns.conf
	# another one: kept, and the new one is beside it
	apt-get install -y -o Dpkg::Options::=--force-confold $here/debs/later.deb </dev/null
	grep '^workers = 2;' /etc/courierdns.conf
	grep 'A later remark' /etc/courierdns.conf.dpkg-dist
	[ ! -e $wants ] || fail "the upgrade enabled what had been disabled"
	courierdns check
	# removed, it is kept, too
	apt-get remove -y courierdns
	grep '^workers = 2;' /etc/courierdns.conf
	dpkg --force-confold -i $here/debs/later.deb </dev/null
	grep '^workers = 2;' /etc/courierdns.conf
	[ ! -e $wants ] || fail "it is enabled again"
}

gone() {
	files >/tmp/after
	diff /tmp/before /tmp/after || fail "this is left, or has changed"
	! getent passwd courierdns || fail "the account is left"
	! getent group courierdns || fail "the group is left"
}

purge_() {
	files >/tmp/before
	installs
	sh $here/tests/exec-start
	echo '# edited' >>/etc/courierdns.conf
	dpkg --force-confold -i $here/debs/later.deb </dev/null
	dpkg --remove courierdns
	purge
	gone
}

asks_upstream() {
	python3 $here/tests/upstream.py serve 5453 &
	upstream=$!
	printf 'upstreams = { default = { servers = [ "127.0.0.1@5453" ]; }; };\n' >/etc/courierdns.conf
}

pid() {
	systemctl show --value --property MainPID courierdns.service
}

answers() {
	dig +time=2 +tries=1 +short @127.0.0.1 "$1-courier.push.apple.com" | grep -x 17.57.144.1 ||
		fail "no answer; systemd says: $(systemctl status --no-pager courierdns.service; journalctl --no-pager -u courierdns.service)"
}

service() {
	files >/tmp/before
	installs
	[ "$(systemctl is-active courierdns.service)" = active ] ||
		fail "not active: $(systemctl status --no-pager courierdns.service; journalctl --no-pager -u courierdns.service)"
	[ "$(systemctl is-enabled courierdns.service)" = enabled ] || fail "not enabled"
	[ "$(systemctl is-active courierdns.socket || true)" = inactive ] || fail "the socket unit is on"
	for test in commands exec-start service; do
		echo "--- $test"
		sh $here/tests/$test
	done
	purge
	! systemctl -q is-active courierdns.service || fail "still active"
	gone
}

renewed() {
	installs
	asks_upstream
	systemctl restart courierdns.service
	answers 1
	first=$(pid)
	dpkg --force-confdef --force-confold -i $here/debs/later.deb </dev/null
	answers 2
	second=$(pid)
	[ "$first" != "$second" ] || fail "the old program runs on"
	# a configuration that the new version does not take
	echo 'nonsense = 1;' >>/etc/courierdns.conf
	dpkg --force-confold -i $here/debs/first.deb </dev/null >/tmp/said 2>&1 || fail "the upgrade failed: $(cat /tmp/said)"
	cat /tmp/said
	grep 'does not take /etc/courierdns.conf' /tmp/said || fail "nobody is told"
	answers 3
	[ "$(pid)" = "$second" ] || fail "it was started anew"
	# off stays off
	sed -i /nonsense/d /etc/courierdns.conf
	systemctl stop courierdns.service
	systemctl disable courierdns.service
	dpkg --force-confold -i $here/debs/later.deb </dev/null
	[ "$(systemctl is-active courierdns.service || true)" = inactive ] || fail "the upgrade started it"
}

occupied() {
	holds 127.0.0.1 udp
	installs
	[ "$(systemctl is-active courierdns.service || true)" = inactive ] || fail "it was started"
	# even if somebody says so it takes nothing, and the next upgrade does not fail
	systemctl enable courierdns.service
	! systemctl start courierdns.service || fail "it runs, where?"
	dpkg --force-confdef --force-confold -i $here/debs/later.deb </dev/null || fail "the upgrade failed"
	kill -0 $holder || fail "who had port 53 is gone"
	lets_go
}

case $1 in
purge) purge_ ;;
busy | plain | upgrade | service | renewed | occupied) "$1" ;;
esac
