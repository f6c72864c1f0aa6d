# What the tests share: an upstream server on loopback, and a configuration that asks it. Both are put back
# and ended with the test. Sourced, in the directory of the tests.
# shellcheck shell=sh
set -eu
tests=$(dirname "$0")
dir=$(mktemp -d)
conf=/etc/courierdns.conf
unit=/lib/systemd/system/courierdns.service
daemon=
upstream=

cleanup() {
	status=$?
	trap - EXIT
	for pid in $daemon $upstream; do
		kill "$pid" 2>/dev/null || continue
		wait "$pid" 2>/dev/null || true
	done
	[ ! -e "$dir/conf" ] || cat "$dir/conf" >$conf
	after
	rm -rf "$dir"
	[ $status -eq 0 ] || echo "FAILED" >&2
	exit $status
}

after() {
	:
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

cp $conf "$dir/conf"
python3 "$tests/upstream.py" serve 5453 &
upstream=$!

# asks SERVER: the configuration asks this one alone.
asks() {
	cat >$conf <<-CONF
		listen = ( { address = "127.0.0.1"; } );
		upstreams = { default = { servers = [ "$1" ]; }; };
	CONF
}

# Of the unit, what a line says: the last one that is not empty.
unit_says() {
	sed -n "s/^$1=\\(..*\\)/\\1/p" $unit | tail -n 1
}

# Waits until it answers, 15 s at most.
until_it_answers() {
	for _ in $(seq 75); do
		! dig +time=1 +tries=1 @127.0.0.1 1-courier.push.apple.com +short 2>/dev/null | grep -q 17.57.144.1 || return 0
		sleep 0.2
	done
	echo "no answer from courierdns on 127.0.0.1 port 53" >&2
	return 1
}

# Reloads by COMMAND... while questions are asked: none is lost.
reloads_unnoticed() {
	touch "$dir/asking"
	python3 "$tests/upstream.py" ask 127.0.0.1 "$dir/asking" >"$dir/asked" 2>&1 &
	asker=$!
	for _ in 1 2 3; do
		"$@"
		sleep 0.3
	done
	rm "$dir/asking"
	wait $asker || { cat "$dir/asked" >&2; return 1; }
	cat "$dir/asked"
}
