#!/bin/sh
# shellcheck shell=dash disable=SC3043,SC1091 # ash has local; its library is on the router
# Takes over from dnsmasq, and gives back. Usage: dnsmasq.sh take | give | watch | notes
#
# /etc/config/dhcp is never written. What dnsmasq is to do otherwise lies over it as changes of uci's state, in
# /var/state/dhcp, which dnsmasq's init script reads with the rest, and which nobody commits: neither LuCI nor
# "uci commit" looks there. So the file stays byte for byte what it was, comments and all, and a router that
# loses power, an upgrade and a saved configuration know nothing of us.
#
#   forward   noresolv 1; of the list server what is for some domains alone stays, the rest gives way to us;
#             addmac 1 where nobody else would see it, so that devices are told apart
#   replace   port 5154, where it was 53; and DHCP goes on to name the router as the DNS server
#   none      nothing
#
# Each change is written down in dnsmasq.taken before it is made, and struck there after it has been taken
# back, so that whoever comes after a crash can. All of it lies in memory. dnsmasq.told has sums of
# what dnsmasq has been told last: it is not told the same again.
#
# dnsmasq never stays pointed at a dead port: it is taken over once the daemon says that it listens, and given
# back before the daemon stops, when dnsmasq does not do as it is told, and, by `watch`, when the daemon has
# not been there three times in a row; taken over again when it is back. (In the mode "replace" not: two
# cannot have one port, so the service is stopped, and the log says so.)

ROOT=${COURIERDNS_ROOT-}
RUN=$ROOT/var/run/courierdns
KEPT=$ROOT/var/lib/courierdns
STATE=$ROOT/var/state
. "$ROOT/lib/functions.sh"
# where dnsmasq and the router look for the provider's servers, unless they are told otherwise
AUTO=/tmp/resolv.conf.d/resolv.conf.auto
# shellcheck disable=SC2034 # config_load looks at it: the file is wanted without what lies over it
LOAD_STATE=

say() { # LEVEL TEXT
	logger -t courierdns -p "daemon.$1" "$2"
}

# -S, as dnsmasq's own script has it: a file with a line that uci does not understand is good enough.
overlay() { # VERB SECTION.OPTION[=VALUE]
	uci -q -S -P "$STATE" "$1" "dhcp.$2"
}

# Those that the daemon runs with; without one, those of the file.
settings() {
	config_load courierdns
	config_get_bool ENABLED main enabled 0
	if [ -e "$KEPT/in_force" ]; then
		{
			read -r MODE
			read -r OURS
			read -r PORT
			read -r IDENTITY
			read -r _
			read -r _
			read -r _
			read -r _
			read -r INSTANCES
		} <"$KEPT/in_force"
		return
	fi
	config_get MODE main dnsmasq_mode forward
	config_get PORT main dnsmasq_port 5154
	config_get OURS main listen_port "$([ "$MODE" = replace ] && echo 53 || echo 5153)"
	config_get INSTANCES main dnsmasq_instance '*'
	config_get_bool IDENTITY main client_from_edns 1
}

# --- what is to be changed -------------------------------------------------------------------

# In the first pass what will be changed is written down, in the second it is done.
change() { # VERB SECTION OPTION [VALUE]
	if [ "$PASS" = record ]; then
		echo "$2 $3"
	else
		overlay "$1" "$2.$3${4+=$4}"
		TOUCHED="$TOUCHED $2"
	fi
}

is_chosen() { # SECTION
	local number="$NUMBER"
	NUMBER=$((NUMBER + 1))
	case " $INSTANCES " in
	*' * '* | *" $1 "* | *" @dnsmasq[$number] "* | *" $number "*) return 0 ;;
	esac
	return 1
}

keep_server() { # ENTRY SECTION
	case $1 in
	/\#/*) ;;
	/*) change add_list "$2" server "$1" ;;
	esac
}

# A server of some domains would be told who asks, too.
see_server() { # ENTRY
	case $1 in
	/*/\# | /*/) ;;
	/\#/*) ;;
	/*) ALONE= ;;
	esac
}

forward_one() { # SECTION
	local value=''
	is_chosen "$1" || return 0
	config_get value "$1" port 53
	[ "$value" != 0 ] || return 0
	config_get_bool value "$1" noresolv 0
	[ "$value" = 1 ] || change set "$1" noresolv 1
	if [ "$value" = 0 ]; then
		# else the router itself, which went by another file, would ask dnsmasq from now on, and after us
		config_get value "$1" resolvfile "$AUTO"
		[ "$value" = "$AUTO" ] || value=
		config_get value "$1" localuse "$value"
		[ -n "$value" ] || change set "$1" localuse 0
	fi
	# a list of nothing is one, too
	config_get value "$1" server
	config_get value "$1" server_LENGTH "$value"
	[ -z "$value" ] || change delete "$1" server
	config_list_foreach "$1" server keep_server "$1"
	change add_list "$1" server "127.0.0.1#$OURS"
	ALONE=yes
	config_list_foreach "$1" server see_server
	config_get value "$1" serversfile
	[ -z "$value" ] || ALONE=
	config_get value "$1" addmac
	[ -z "$ALONE" ] || [ "$IDENTITY" = 0 ] || [ -n "$value" ] || change set "$1" addmac 1
}

replace_one() { # SECTION
	local value='' options=''
	is_chosen "$1" || return 0
	config_get value "$1" port 53
	[ "$value" = 53 ] || return 0
	change set "$1" port "$PORT"
	config_get options "$1" dhcp_option
	case " $options" in
	*' 6,'* | *option:dns-server*) ;;
	*) change add_list "$1" dhcp_option 'option:dns-server,0.0.0.0' ;;
	esac
}

pass() { # record|apply
	PASS=$1
	NUMBER=0
	TOUCHED=
	case $MODE in
	forward) config_foreach forward_one dnsmasq ;;
	replace) config_foreach replace_one dnsmasq ;;
	esac
}

# --- doing it --------------------------------------------------------------------------------

locked() { # FUNCTION
	mkdir -p "$KEPT" "$STATE"
	(
		flock 9
		"$1"
	) 9>"$KEPT/dnsmasq.lock"
}

revert() {
	local changed option
	[ -e "$KEPT/dnsmasq.taken" ] || return 0
	# some stand there twice, and what was never made is taken back in vain
	while read -r changed option; do
		overlay revert "$changed.$option" || true
	done <"$KEPT/dnsmasq.taken"
}

# One that was stopped, or comes only later while the router starts, is not started: it reads the same then.
tell_dnsmasq() {
	[ -x "$ROOT/etc/init.d/dnsmasq" ] && "$ROOT/etc/init.d/dnsmasq" running >/dev/null 2>&1 || return 1
	"$ROOT/etc/init.d/dnsmasq" reload
	return 0
}

# It has been told to leave the port, and does so a moment later.
wait_for_port() {
	local left=5 port
	port=$(printf ':%04X [0-9A-F]*:0000 ' "$OURS")
	while [ $left -gt 0 ] && grep -q "$port" "$ROOT/proc/net/udp" "$ROOT/proc/net/udp6" 2>/dev/null; do
		left=$((left - 1))
		sleep 1
	done
}

# Of all that says what is to be done to dnsmasq; and of what has been done.
seen() {
	cat "$KEPT/in_force" "$ROOT/etc/config/dhcp" "$ROOT/tmp/.uci/dhcp" 2>/dev/null | md5sum
}
done_to_it() {
	md5sum <"$STATE/dhcp"
}

give_back() {
	[ -e "$KEPT/dnsmasq.taken" ] || return 0
	revert
	rm -f "$KEPT/dnsmasq.told"
	tell_dnsmasq || true
	rm -f "$KEPT/dnsmasq.taken"
}

# Whether dnsmasq's init script has made of it what we want, of each that it starts: a file for each, or, long ago,
# one. Where there is none, nobody knows; what a section left that had another name then tells nothing.
does_as_told() {
	local section file off wanted="server=127.0.0.1#$OURS"
	[ "$MODE" = forward ] || wanted="port=$PORT"
	for section in $TOUCHED; do
		config_get_bool off "$section" disabled 0
		file=$ROOT/var/etc/dnsmasq.conf.$section
		[ -e "$file" ] || file=$ROOT/var/etc/dnsmasq.conf
		[ "$off" = 1 ] || [ ! -e "$file" ] || grep -qxF "$wanted" "$file" || return 1
	done
}

take_over() {
	local now
	[ -e "$KEPT/dnsmasq.wanted" ] || return 0
	now=$(seen)
	# nothing is touched while nothing has changed: who reads meanwhile finds all of it
	[ ! -e "$KEPT/dnsmasq.told" ] || [ "$now $(done_to_it)" != "$(cat "$KEPT/dnsmasq.told")" ] || return 0
	rm -f "$KEPT/dnsmasq.told"
	config_load dhcp
	revert
	pass record >"$KEPT/dnsmasq.new"
	if [ ! -s "$KEPT/dnsmasq.new" ]; then
		give_back
		return 0
	fi
	[ ! -e "$KEPT/dnsmasq.taken" ] || cat "$KEPT/dnsmasq.taken" >>"$KEPT/dnsmasq.new"
	sort -u "$KEPT/dnsmasq.new" >"$KEPT/dnsmasq.sorted"
	mv "$KEPT/dnsmasq.sorted" "$KEPT/dnsmasq.taken"
	pass apply
	if ! tell_dnsmasq; then
		return 0
	elif does_as_told; then
		echo "$now $(done_to_it)" >"$KEPT/dnsmasq.told"
		[ "$MODE" != replace ] || wait_for_port
		return 0
	fi
	say err "dnsmasq does not do as it is told, see its own log; it is left as it was"
	rm -f "$KEPT/dnsmasq.wanted"
	give_back
	return 1
}

# --- watching --------------------------------------------------------------------------------

# It says itself where it listens: a port that is not open yet is not among them. What dnsmasq can reach is
# 127.0.0.1.
is_alive() {
	local address='\(127\.0\.0\.1\|0\.0\.0\.0\)'
	[ "$MODE" = forward ] || address=
	"$ROOT/usr/sbin/courierdns" status -s "$RUN/control.sock" 2>/dev/null |
		grep -q "^listening .*$address@$OURS\(,\|\$\)"
}

look_once() {
	if is_alive; then
		[ "$MISSED" -lt 3 ] || say notice 'the daemon is there again'
		MISSED=0
		[ "$MODE" = replace ] || locked take_over
		return 0
	fi
	MISSED=$((MISSED + 1))
	[ "$MISSED" -eq 3 ] || return 0
	if [ "$MODE" = forward ]; then
		say err "the daemon does not listen on 127.0.0.1@$OURS: dnsmasq goes without it until it does"
		locked give_back
	elif [ "$MODE" = replace ]; then
		say err "the daemon does not listen on port $OURS: it is stopped, and dnsmasq has port 53 back"
		COURIERDNS_WITHDRAW=yes "$ROOT/etc/init.d/courierdns" start
	fi
}

watch() {
	local ended='' pause
	MISSED=0
	trap 'ended=yes' TERM INT
	while [ -z "$ended" ]; do
		look_once
		# soon again while it is not settled
		pause=2
		[ "$MISSED" -gt 0 ] && [ "$MISSED" -lt 3 ] || [ ! -e "$KEPT/dnsmasq.taken" ] || pause=10
		sleep $pause &
		wait $! || true
	done
}

# --- what dnsmasq does to answers ------------------------------------------------------------

note() { # SECTION OPTION DEFAULT WHAT
	local value=''
	config_get_bool value "$1" "$2" "$3"
	[ "$value" = 0 ] || echo "warn dnsmasq.$1.$2: $4"
}

note_value() { # SECTION OPTION WHAT
	local value=''
	config_get value "$1" "$2"
	[ -z "$value" ] || echo "warn dnsmasq.$1.$2 is $value: $3"
}

notes_of_one() { # SECTION
	is_chosen "$1" || return 0
	note "$1" rebind_protection 1 'answers with private addresses are dropped, but for names of rebind_domain'
	note "$1" filterwin2k 0 'questions for SRV and SOA are dropped'
	note "$1" filter_aaaa 0 'IPv6 addresses are left out'
	note "$1" filter_a 0 'IPv4 addresses are left out'
	note "$1" nonegcache 0 'what does not exist is asked again each time'
	note_value "$1" filter_rr 'these types are left out'
	note_value "$1" max_ttl 'TTLs are shown shorter'
	note_value "$1" min_cache_ttl 'answers are kept for longer than they say'
	note_value "$1" bogusnxdomain 'answers with these addresses become NXDOMAIN'
	note_value "$1" ednspacket_max 'longer answers are cut and asked for again over TCP'
}

main() {
	settings
	case ${1-} in
	take)
		[ "$ENABLED" = 1 ] && [ "$MODE" != none ] || return 0
		locked take_over
		;;
	give) locked give_back ;;
	watch) watch ;;
	notes)
		[ "$MODE" = forward ] || return 0
		config_load dhcp
		NUMBER=0
		config_foreach notes_of_one dnsmasq
		;;
	*)
		echo 'usage: dnsmasq.sh take | give | watch | notes' >&2
		return 64
		;;
	esac
}

main "$@"
