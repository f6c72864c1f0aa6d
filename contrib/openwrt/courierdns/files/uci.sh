#!/bin/sh
# shellcheck shell=dash disable=SC3043,SC1091 # ash has local; its library is on the router
# Prints the native configuration that /etc/config/courierdns means, and asks nothing but uci: the same
# settings make the same bytes. What is wrong goes to stderr, a line each, all of it, and the exit status is
# 1 then: what was printed is not to be used. Whether the rest makes sense is for "courierdns check" to say.
#
#   config courierdns 'main'  enabled dnsmasq_mode dnsmasq_instance[] dnsmasq_port manual_conf conf_file
#                             listen_port listen[] workers allow[] refuse[] drop[] client_from_edns
#                             inflight inflight_per_client tcp_clients rate_per_client rate_burst devices
#                             cache_size cache_min_ttl cache_max_ttl cache_negative_ttl serve_stale prefetch
#                             upstream_source resolv_file interface_wan[] edns_size ecs special_names
#                             rebind_protection rebind_domain[] log_level query_log status_listen
#                             force_dns force_dns_interface[] force_dns_port[] (for the init script)
#   config upstream [NAME]    enabled name address[] port source interface resolv_file order timeout
#                             randomize_case domain[]: servers of the group NAME, or of the group "default"
#   config zone               enabled name[] except[] match action upstream on_failure type[] client[]
#                             record[] n cache ttl_min ttl_max stale nftset[]
#   config record             enabled name address[] type value ttl: records of a name of our own
#   config courier [NAME]     enabled name alias target variant[] count_txt count pre_resolve type[]
#                             repair repair_upstream
#
# Not there, since the daemon has none: tls_name, spki, proto and weight of servers (order says whom it asks), and
# metrics by themselves (status_listen has them, where pages are built in). What the native file has beyond is for
# manual_conf: tcp_idle, tcp_clients_per_address, stale_ttl, stale_wait, web.hosts.
#
# [] may be a list, or an option with words. An unknown option or section is an error, as an unknown setting
# is in the native file. Every value is looked at before it is printed; text is printed by quote() alone, which
# lets nothing out of its quotes: quotation marks, backslashes, newlines (an @include needs one before it) and
# other control characters are escaped, all else, umlauts too, is itself.
#
# In the mode "forward" dnsmasq is the only client, so it may have all questions in flight; in "replace" what
# dnsmasq knows of (its domains, and the reverse names of private networks) is asked of it on its other port.
# "both" is the servers of "default" and, where they fail, those of the group "wan", which resolv_file names.

. "${COURIERDNS_ROOT-}/lib/functions.sh"

NEWLINE='
'
TAB='	'
RETURN=$(printf '\r')
wrong=0
section=
OUT=

# --- what is printed, and what is complained of ---------------------------------------------

# Sets REPLY to TEXT as a string of libconfig.
quote() { # TEXT
	local rest="$1" out='' part
	while [ -n "$rest" ]; do
		part=${rest%%[\\\"[:cntrl:]]*}
		out=$out$part
		rest=${rest#"$part"}
		[ -n "$rest" ] || break
		part=${rest%"${rest#?}"}
		rest=${rest#?}
		case $part in
		\\ | \") out=$out\\$part ;;
		"$NEWLINE") out=$out\\n ;;
		"$TAB") out=$out\\t ;;
		"$RETURN") out=$out\\r ;;
		*) out=$out$(printf '\\x%02x' "'$part") ;;
		esac
	done
	REPLY="\"$out\""
}

lower() { # TEXT
	printf '%s' "$1" | tr '[:upper:]' '[:lower:]'
}

complain() { # OPTION WHAT
	echo "courierdns.$section${1:+.$1}: $2" >&2
	wrong=1
}

unexpected() { # OPTION VALUE EXPECTED
	quote "$2"
	complain "$1" "$REPLY, expected $3"
}

line() { # TEXT
	OUT=$OUT$1$NEWLINE
}

begin() { # TEXT
	BEFORE=$OUT
	BEGUN=$1$NEWLINE
	OUT=$OUT$BEGUN
}

end() { # TEXT: nothing at all where nothing came in between
	if [ "$OUT" = "$BEFORE$BEGUN" ]; then
		OUT=$BEFORE
	else
		line "$1"
	fi
}

# --- what a value may be: each sets REPLY to what is printed of it, or EXPECTED and fails ----

want_bool() {
	EXPECTED='0 or 1'
	case $1 in
	1 | on | true | yes | enabled) REPLY=true ;;
	0 | off | false | no | disabled) REPLY=false ;;
	*) return 1 ;;
	esac
}

digits() { # TEXT: a number of up to nine digits; REPLY has it without zeros in front
	case $1 in
	'' | *[!0-9]*) return 1 ;;
	esac
	REPLY=$1
	while [ "${REPLY#0}" != "$REPLY" ] && [ "$REPLY" != 0 ]; do
		REPLY=${REPLY#0}
	done
	[ ${#REPLY} -le 9 ]
}

want_int() { # VALUE LOW HIGH
	EXPECTED="$2 to $3"
	digits "$1" && [ "$REPLY" -ge "$2" ] && [ "$REPLY" -le "$3" ]
}

want_port() {
	want_int "$1" 1 65535
}

want_seconds() { # VALUE: the range is for check to know
	local whole="${1%%.*}" rest
	EXPECTED='seconds, such as 2 or 0.5'
	case $1 in
	*.*)
		rest=${1#*.}
		case $rest in
		'' | *[!0-9]*) return 1 ;;
		esac
		digits "$whole" && [ ${#rest} -le 6 ] && REPLY=$REPLY.$rest
		;;
	*) digits "$1" ;;
	esac
}

want_word() { # VALUE WORD...
	local value="$1" word
	shift
	EXPECTED="one of $*"
	for word; do
		[ "$word" != "$value" ] || { quote "$word"; return 0; }
	done
	return 1
}

want_size() {
	EXPECTED='bytes, or a number with K, M or G, such as 4M'
	digits "${1%[KMG]}" && quote "$REPLY${1#"${1%[KMG]}"}"
}

want_text() { # of one line
	EXPECTED='text in one line'
	case $1 in
	*[[:cntrl:]]*) return 1 ;;
	esac
	quote "$1"
}

want_path() {
	EXPECTED='the path of a file, from / on'
	case $1 in
	*[[:cntrl:]]*) return 1 ;;
	/*) quote "$1" ;;
	*) return 1 ;;
	esac
}

want_id() { # the name of a group, of a family
	EXPECTED='letters, digits, "-" and "_", at most 32, beginning with a letter'
	case $1 in
	[!A-Za-z]* | *[!A-Za-z0-9_-]* | '') return 1 ;;
	esac
	[ ${#1} -le 32 ] && quote "$1"
}

want_interface() {
	EXPECTED='a device, such as eth0.2'
	case $1 in
	'' | *[!A-Za-z0-9._@-]*) return 1 ;;
	esac
	[ ${#1} -le 15 ] && quote "$1"
}

is_ipv4() {
	local rest="$1." part count=0
	while [ -n "$rest" ]; do
		part=${rest%%.*}
		rest=${rest#*.}
		case $part in
		0 | [1-9] | [1-9][0-9] | 1[0-9][0-9] | 2[0-4][0-9] | 25[0-5]) ;;
		*) return 1 ;;
		esac
		count=$((count + 1))
	done
	[ $count -eq 4 ]
}

is_ipv6() {
	case $1 in
	*[!0-9A-Fa-f:.]* | *:::* | *::*::* | :[!:]* | *[!:]:) return 1 ;;
	*:*:*) ;;
	*) return 1 ;;
	esac
	local rest="$1:" part count=0
	while [ -n "$rest" ]; do
		part=${rest%%:*}
		rest=${rest#*:}
		case $part in
		*.*) is_ipv4 "$part" && [ -z "$rest" ] || return 1; count=$((count + 1)) ;;
		?????*) return 1 ;;
		esac
		count=$((count + 1))
	done
	case $1 in
	*::*) [ $count -le 9 ] ;;
	*) [ $count -eq 8 ] ;;
	esac
}

# ADDRESS, or ADDRESS@PORT, or ADDRESS#PORT as dnsmasq has it; ADDR and PORT are set to it.
split_address() { # VALUE DEFAULT-PORT
	local zone=''
	ADDR=${1%[@#]*}
	PORT=$2
	if [ "$ADDR" != "$1" ]; then
		digits "${1##*[@#]}" && [ "$REPLY" -ge 1 ] && [ "$REPLY" -le 65535 ] || return 1
		PORT=$REPLY
	fi
	is_ipv4 "$ADDR" && return 0
	case $ADDR in
	*%*)
		zone=${ADDR#*%}
		want_interface "$zone" || return 1
		;;
	esac
	is_ipv6 "${ADDR%%\%*}"
}

want_address() { # VALUE [DEFAULT-PORT]: with its port
	split_address "$1" "${2:-53}" && quote "$ADDR@$PORT" && return 0
	EXPECTED='an address, or ADDRESS@PORT'
	return 1
}

want_plain_address() {
	EXPECTED='an address'
	{ is_ipv4 "$1" || is_ipv6 "$1"; } && quote "$1"
}

want_net() {
	local bits="${1#*/}"
	EXPECTED='a network, such as 10.0.0.0/8'
	[ "$bits" != "$1" ] || { want_plain_address "$1"; return; }
	digits "$bits" || return 1
	if is_ipv4 "${1%%/*}"; then
		[ "$REPLY" -le 32 ]
	else
		is_ipv6 "${1%%/*}" && [ "$REPLY" -le 128 ]
	fi && quote "${1%%/*}/$REPLY"
}

want_name() {
	local rest="${1%.}." label
	EXPECTED='a domain name; what is not ASCII is written xn--...'
	[ "$1" != . ] || { quote .; return 0; }
	[ ${#rest} -le 260 ] || return 1
	while [ -n "$rest" ]; do
		label=${rest%%.*}
		rest=${rest#*.}
		case $label in
		'' | *[!A-Za-z0-9_{}-]*) return 1 ;;
		esac
		[ ${#label} -le 65 ] || return 1
	done
	quote "${1%.}"
}

want_type() {
	EXPECTED='a type of records, such as AAAA or TYPE65'
	case $1 in
	[!A-Za-z]* | *[!A-Za-z0-9-]* | '') return 1 ;;
	esac
	[ ${#1} -le 10 ] && quote "$1"
}

want_nftset() {
	local rest="${1#[46]"#"}"
	EXPECTED='FAMILY#TABLE#SET, such as inet#fw4#apple'
	case $rest in
	inet"#"* | ip"#"* | ip6"#"* | bridge"#"* | netdev"#"*) rest=${rest#*"#"} ;;
	*) return 1 ;;
	esac
	case $rest in
	*"#"*"#"* | *[!A-Za-z0-9_./"#"-]*) return 1 ;;
	[A-Za-z_.]*"#"[A-Za-z_.]*) quote "$1" ;;
	*) return 1 ;;
	esac
}

want_range() {
	local low
	EXPECTED='LOW-HIGH, such as 0-250'
	digits "${1%%-*}" && low=$REPLY && digits "${1#*-}" && [ "$low" -le "$REPLY" ] && REPLY="[ $low, $REPLY ]"
}

# --- an option of $section, as a setting -----------------------------------------------------

# REPLY is the option's value as it is printed; fails where it is not set or was complained of.
get() { # OPTION KIND [ARGUMENT...]
	local option="$1" kind="$2" value=''
	shift 2
	config_get value "$section" "$option"
	[ -n "$value" ] || return 1
	"want_$kind" "$value" "$@" && return 0
	unexpected "$option" "$value" "$EXPECTED"
	return 1
}

put() { # SETTING OPTION KIND [ARGUMENT...]
	local setting="$1"
	shift
	get "$@" || return 0
	line "$setting = $REPLY;"
}

# Calls FUNCTION VALUE ARGUMENT... of each value of a list, or of each word of an option.
each() { # OPTION FUNCTION [ARGUMENT...]
	local option="$1" function="$2" count='' value=''
	shift 2
	config_get count "$section" "${option}_LENGTH"
	if [ -n "$count" ]; then
		config_list_foreach "$section" "$option" "$function" "$@"
		return 0
	fi
	config_get value "$section" "$option"
	set -f
	# shellcheck disable=SC2086 # words
	set -- "$function" "$@" -- $value
	set +f
	each_word "$@"
}

each_word() { # FUNCTION [ARGUMENT...] -- WORD...
	local call='' word
	while [ "$1" != -- ]; do
		call="$call '$1'"
		shift
	done
	shift
	for word; do
		eval "set -- $call"
		local function="$1"
		shift
		"$function" "$word" "$@"
	done
}

item() { # VALUE OPTION KIND [ARGUMENT]
	if "want_$3" "$1" ${4:+"$4"}; then
		ITEMS="$ITEMS${ITEMS:+, }$REPLY"
	else
		unexpected "$2" "$1" "$EXPECTED"
	fi
}

items() { # OPTION KIND [ARGUMENT]: ITEMS has them, with commas
	ITEMS=
	each "$1" item "$@"
	[ -n "$ITEMS" ]
}

put_list() { # SETTING OPTION KIND [ARGUMENT]
	local setting="$1"
	shift
	items "$@" || return 0
	line "$setting = [ $ITEMS ];"
}

is_on() { # of the section
	local value=''
	config_get value "$section" enabled 1
	want_bool "$value" || { unexpected enabled "$value" "$EXPECTED"; return 1; }
	[ "$REPLY" = true ]
}

# --- main ------------------------------------------------------------------------------------

listen_one() { # VALUE OPTION PORT
	if split_address "$1" "$3"; then
		quote "$ADDR"
		LISTEN="$LISTEN${LISTEN:+,$NEWLINE}	{ address = $REPLY; port = $PORT; }"
	else
		unexpected "$2" "$1" 'an address, or ADDRESS@PORT'
	fi
}

put_listen() {
	local port=5153
	LISTEN=
	[ "$mode" != replace ] || port=53
	get listen_port int 1 65535 && port=$REPLY
	each listen listen_one listen "$port"
	if [ -z "$LISTEN" ] && [ "$mode" = replace ]; then
		listen_one 0.0.0.0 listen "$port"
		listen_one :: listen "$port"
	elif [ -z "$LISTEN" ]; then
		listen_one 127.0.0.1 listen "$port"
		listen_one ::1 listen "$port"
	fi
	line "listen = ($NEWLINE$LISTEN$NEWLINE);"
}

access_one() { # VALUE ACTION
	if ! want_net "$1"; then
		unexpected "$2" "$1" "$EXPECTED"
		return
	fi
	case $ACCESS in
	*" $REPLY;"*) complain "$2" "$REPLY, which stands twice" ;;
	*) ACCESS="$ACCESS${ACCESS:+,$NEWLINE}	{ net = $REPLY; action = \"$2\"; }" ;;
	esac
}

# Ourselves always, and private networks unless it is said who may.
put_access() {
	local net allowed
	ACCESS=
	each refuse access_one refuse
	each drop access_one drop
	allowed=$ACCESS
	each allow access_one allow
	[ -n "$ACCESS" ] || return 0
	if [ "$allowed" = "$ACCESS" ]; then
		set -- 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 fe80::/10 fc00::/7
	else
		set --
	fi
	for net in 127.0.0.0/8 ::1/128 "$@"; do
		case $ACCESS in
		*"\"$net\""* | *'"::1";'*) ;;
		*) access_one "$net" allow ;;
		esac
	done
	line "access = ($NEWLINE$ACCESS$NEWLINE);"
}

put_limits() {
	local inflight=1024
	line 'limits = {'
	get inflight int 1 1000000 && inflight=$REPLY
	line "inflight = $inflight;"
	if get inflight_per_client int 1 1000000; then
		line "inflight_per_client = $REPLY;"
	elif [ "$mode" = forward ]; then
		line "inflight_per_client = $inflight;"
	fi
	put tcp_clients tcp_clients int 1 65535
	put rate_per_client rate_per_client int 0 1000000
	put rate_burst rate_burst int 0 1000000
	get devices int 0 100000 || REPLY=256
	line "devices = $REPLY;"
	line '};'
}

put_cache() {
	line 'cache = {'
	get cache_size size || REPLY='"4M"'
	line "size = $REPLY;"
	put ttl_min cache_min_ttl int 0 86400
	put ttl_max cache_max_ttl int 1 604800
	put negative_ttl_max cache_negative_ttl int 0 86400
	put stale serve_stale int 0 604800
	put prefetch prefetch bool
	line '};'
}

put_rebinding() {
	get rebind_protection bool && [ "$REPLY" = true ] || return 0
	line 'rebinding = {'
	line 'protect = true;'
	put_list allow rebind_domain name
	line '};'
}

put_web() {
	local value=''
	config_get value "$section" status_listen
	[ -n "$value" ] || return 0
	split_address "$value" 8053 || {
		unexpected status_listen "$value" 'an address, or ADDRESS@PORT'
		return
	}
	quote "$ADDR"
	line "web = { listen = $REPLY; port = $PORT; enabled = true; };"
}

put_main() {
	section=main
	line '# Made of /etc/config/courierdns: a change here is lost. (option manual_conf: a file of your own)'
	put_listen
	put workers workers int 0 64
	put_access
	if get client_from_edns bool && [ "$REPLY" = false ]; then
		line 'trusted = [ ];'
	else
		line 'trusted = [ "127.0.0.0/8", "::1/128" ];'
	fi
	put_limits
	put_cache
	begin 'edns = {'
	put size edns_size int 512 4096
	put ecs ecs word forward strip
	end '};'
	put special_names special_names bool
	put_rebinding
	line 'log = {'
	put level log_level word error warning notice info debug
	line 'to = "stderr";'
	put queries query_log word off errors all
	line '};'
	line 'control = { socket = "/var/run/courierdns/control.sock"; };'
	put_web
	# for the init script, and the firewall
	get force_dns bool || true
	items force_dns_interface interface || true
	items force_dns_port port || true
}

# --- upstream --------------------------------------------------------------------------------

# GROUP is the group of the section: its name, or "default", or its own where it has domains.
group_of_section() {
	local domain=''
	config_get GROUP "$section" name
	[ -z "$GROUP" ] || return 0
	case $section in
	cfg[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f])
		config_get domain "$section" domain
		GROUP=${domain:+$section}
		GROUP=${GROUP:-default}
		;;
	*) GROUP=$section ;;
	esac
}

collect_group() { # SECTION
	section=$1
	is_on || return 0
	group_of_section
	want_id "$GROUP" || { unexpected name "$GROUP" "$EXPECTED"; return; }
	case $GROUP in
	wan | dnsmasq)
		complain name "\"$GROUP\" is made here, expected another name"
		return
		;;
	esac
	case " $GROUPS_SEEN " in
	*" $GROUP "*) ;;
	*) GROUPS_SEEN="$GROUPS_SEEN $GROUP" ;;
	esac
}

server_one() { # VALUE PORT: of $section, with SERVER_MORE behind it
	if want_address "$1" "$2"; then
		SERVERS="$SERVERS${SERVERS:+,$NEWLINE}	{ address = $REPLY;$SERVER_MORE }"
	else
		unexpected address "$1" "$EXPECTED"
		SERVERS=wrong
	fi
}

put_once() { # SETTING OPTION KIND [ARGUMENT...]: of a group, which the first section that says it decides
	case " $ONCE " in
	*" $1 "*) return 0 ;;
	esac
	local before="$OUT"
	put "$@"
	[ "$before" = "$OUT" ] || ONCE="$ONCE $1"
}

put_group_of() { # SECTION NAME
	local port=53 wanted="$2"
	section=$1
	config_get_bool port "$section" enabled 1
	[ "$port" = 1 ] || return 0
	group_of_section
	[ "$GROUP" = "$wanted" ] || return 0
	port=53
	get port int 1 65535 && port=$REPLY
	SERVER_MORE=
	get source plain_address && SERVER_MORE=" source = $REPLY;"
	get interface interface && SERVER_MORE="$SERVER_MORE interface = $REPLY;"
	each address server_one "$port"
	put_once resolv_conf resolv_file path
	put_once order order word fastest listed race
	put_once timeout timeout seconds
	put_once randomize_case randomize_case bool
}

put_group() { # NAME
	local before="$OUT"
	SERVERS=
	ONCE=
	line "$1 = {"
	config_foreach put_group_of upstream "$1"
	section=$1
	if [ -n "$SERVERS" ]; then
		line "servers = ($NEWLINE$SERVERS$NEWLINE);"
	else
		case $ONCE in
		*resolv_conf*) ;;
		*)
			complain address 'no server, expected at least one'
			OUT=$before
			return
			;;
		esac
	fi
	line '};'
}

# SOURCE is whom the group "default" is of, FILE what names the servers of the provider.
choose_source() {
	SOURCE=wan
	section=main
	case " $GROUPS_SEEN " in
	*' default '*) SOURCE=static ;;
	esac
	local has_default="$SOURCE"
	get upstream_source word wan static both && { SOURCE=${REPLY#\"}; SOURCE=${SOURCE%\"}; }
	[ "$SOURCE" = wan ] || [ "$has_default" = static ] ||
		complain upstream_source "$SOURCE, and there is no section upstream for it"
	get resolv_file path || quote /tmp/resolv.conf.d/resolv.conf.auto
	FILE=$REPLY
}

# Behind all that may speak of the group "wan".
put_upstreams() {
	local group wan=''
	case $OUT in
	*'= "wan";'*) wan=yes ;;
	esac
	line 'upstreams = {'
	for group in $GROUPS_SEEN; do
		[ "$group $SOURCE" = 'default wan' ] || put_group "$group"
	done
	[ "$SOURCE" != wan ] || line "default = { resolv_conf = $FILE; };"
	[ -z "$wan" ] || line "wan = { resolv_conf = $FILE; };"
	[ "$mode" != replace ] || line "dnsmasq = { servers = [ \"127.0.0.1@$dnsmasq_port\" ]; };"
	line '};'
}

# --- zones: of upstream, zone and record, of dnsmasq, and of what to do where servers fail ----

zone_comma() {
	[ -z "$ZONES" ] || line ','
	ZONES=yes
}

remember_name() { # VALUE
	[ "$1" = . ] || set -- "$(lower "${1%.}")"
	NAMES_SEEN="$NAMES_SEEN$1 "
}

put_zone_of_upstream() { # SECTION
	section=$1
	is_on || return 0
	items domain name || return 0
	group_of_section
	zone_comma
	each domain remember_name
	line "{ names = [ $ITEMS ]; upstream = \"$GROUP\"; }"
}

put_zone() { # SECTION
	section=$1
	is_on || return 0
	items name name || { complain name 'no name, expected one, or several'; return; }
	zone_comma
	each name remember_name
	line "{ names = [ $ITEMS ];"
	put_list except except name
	put match match word exact suffix
	put action action word forward answer nxdomain nodata refuse drop
	put upstream upstream id
	put on_failure on_failure id
	put_list types type type
	put_list clients client net
	put_records_of_zone
	put n n range
	put cache cache bool
	put ttl_min ttl_min int 0 86400
	put ttl_max ttl_max int 1 604800
	put stale stale int 0 604800
	put_list nftset nftset nftset
	line '}'
}

# A record has blanks in it, so that words are none.
put_records_of_zone() {
	local count=''
	ITEMS=
	config_get count "$section" record_LENGTH
	if [ -n "$count" ]; then
		config_list_foreach "$section" record item record text
	elif get record text; then
		ITEMS=$REPLY
	fi
	[ -z "$ITEMS" ] || line "records = [ $ITEMS ];"
}

collect_record() { # SECTION
	local name=''
	section=$1
	is_on || return 0
	config_get name "$section" name
	want_name "$name" || { unexpected name "$name" "$EXPECTED"; return; }
	name=$(lower "${name%.}")
	case " $RECORDS_SEEN " in
	*" $name "*) ;;
	*) RECORDS_SEEN="$RECORDS_SEEN $name" ;;
	esac
}

record_address() { # VALUE TTL
	if is_ipv4 "$1"; then
		quote "@ $2 IN A $1"
	elif is_ipv6 "$1"; then
		quote "@ $2 IN AAAA $1"
	else
		unexpected address "$1" 'an address'
		return
	fi
	ITEMS="$ITEMS${ITEMS:+,$NEWLINE}	$REPLY"
}

# TEXT as a string of a zone file, in pieces of at most 255 bytes: REPLY.
zone_string() { # TEXT
	local rest="$1" out='"' part count=0
	while [ -n "$rest" ]; do
		part=${rest%"${rest#?}"}
		rest=${rest#?}
		count=$((count + 1))
		[ $count -le 120 ] || { out="$out\" \""; count=1; }
		case $part in
		\\ | \") out=$out\\$part ;;
		# {n} would be a number
		\{ | [[:cntrl:]]) out=$out\\$(printf '%03d' "'$part") ;;
		*) out=$out$part ;;
		esac
	done
	REPLY="$out\""
}

put_record_of() { # SECTION NAME
	local name='' type='' value='' ttl=300
	section=$1
	config_get_bool value "$section" enabled 1
	config_get name "$section" name
	[ "$value" = 1 ] && [ "$(lower "${name%.}")" = "$2" ] || return 0
	get ttl int 0 604800 && ttl=$REPLY
	each address record_address "$ttl"
	config_get value "$section" value
	get type type || { [ -z "$value" ] || complain type 'not said, expected one with value'; return 0; }
	type=${REPLY#\"}
	type=${type%\"}
	case $type in
	TXT | txt | SPF | spf) zone_string "$value" ;;
	*) want_text "$value" || { unexpected value "$value" "$EXPECTED"; return 0; }; REPLY=$value ;;
	esac
	[ -n "$value" ] || { complain value 'not said, expected one with type'; return 0; }
	quote "@ $ttl IN $type $REPLY"
	ITEMS="$ITEMS${ITEMS:+,$NEWLINE}	$REPLY"
}

put_record() { # NAME
	ITEMS=
	config_foreach put_record_of record "$1"
	if [ -z "$ITEMS" ]; then
		section=$1
		[ $wrong -eq 1 ] || complain '' 'a record without address and without type and value, expected one of them'
		return
	fi
	zone_comma
	quote "$1"
	line "{ name = $REPLY; match = \"exact\"; action = \"answer\"; records = [$NEWLINE$ITEMS$NEWLINE]; }"
}

# What dnsmasq knows and nobody else.
put_zone_of_dnsmasq() {
	local name names='' number=16
	set -- 10.in-addr.arpa 168.192.in-addr.arpa 254.169.in-addr.arpa d.f.ip6.arpa 8.e.f.ip6.arpa
	while [ $number -le 31 ]; do
		set -- "$@" $number.172.in-addr.arpa
		number=$((number + 1))
	done
	for name in $LOCAL_DOMAINS "$@"; do
		case " $NAMES_SEEN " in
		*" $name "*) continue ;;
		esac
		quote "$name"
		names="$names${names:+, }$REPLY"
	done
	[ -n "$names" ] || return 0
	zone_comma
	line "{ names = [ $names ]; upstream = \"dnsmasq\"; cache = false; }"
}

put_zones() {
	local name
	ZONES=
	NAMES_SEEN=' '
	RECORDS_SEEN=
	begin 'zones = ('
	config_foreach put_zone zone
	config_foreach put_zone_of_upstream upstream
	config_foreach collect_record record
	for name in $RECORDS_SEEN; do
		put_record "$name"
	done
	[ "$mode" != replace ] || put_zone_of_dnsmasq
	case "$SOURCE $NAMES_SEEN" in
	*' . '*) ;; # the admin has said what is to be done
	both*)
		zone_comma
		line '{ name = "."; on_failure = "wan"; }'
		;;
	esac
	end ');'
}

# --- courier ---------------------------------------------------------------------------------

put_courier() { # SECTION
	local name
	section=$1
	get name id || { want_id "$section" || REPLY='""'; }
	name=$REPLY
	# one that is off has to be said of the built-in one alone
	is_on || [ "$name" = '"apple"' ] || return 0
	[ -z "$COURIERS" ] || line ','
	COURIERS=yes
	line "{ name = $name;"
	if ! is_on; then
		line 'enabled = false; }'
		return
	fi
	put alias alias name
	put target target name
	put_list variants variant name
	put count_txt count_txt name
	put count count int 1 999
	put pre_resolve pre_resolve word off demand always
	put_list types type type
	put repair repair word off reask synthesize
	put repair_upstream repair_upstream id
	line '}'
}

put_couriers() {
	COURIERS=
	begin 'couriers = ('
	config_foreach put_courier courier
	end ');'
}

# --- all of it -------------------------------------------------------------------------------

# What is told while the settings are read: sections and options that nobody knows.
MAIN="enabled dnsmasq_mode dnsmasq_instance dnsmasq_port manual_conf conf_file listen_port listen workers allow \
refuse drop client_from_edns inflight inflight_per_client tcp_clients rate_per_client rate_burst devices \
cache_size cache_min_ttl cache_max_ttl cache_negative_ttl serve_stale prefetch upstream_source resolv_file \
interface_wan edns_size ecs special_names rebind_protection rebind_domain log_level query_log status_listen \
force_dns force_dns_interface force_dns_port"
UPSTREAM='enabled name address port source interface resolv_file order timeout randomize_case domain'
ZONE='enabled name except match action upstream on_failure type client record n cache ttl_min ttl_max stale nftset'
RECORD='enabled name address type value ttl'
COURIER='enabled name alias target variant count_txt count pre_resolve type repair repair_upstream'
known=

look_for_unknown() {
	config_cb() {
		section=${2-}
		case ${1-} in
		courierdns)
			known=$MAIN
			[ "$section" = main ] || complain '' 'a second section courierdns, expected "main" alone'
			;;
		upstream) known=$UPSTREAM ;;
		zone) known=$ZONE ;;
		record) known=$RECORD ;;
		courier) known=$COURIER ;;
		'') ;;
		*)
			known=any
			complain '' "a section \"$1\", expected courierdns, upstream, zone, record or courier"
			;;
		esac
	}
	option_cb() {
		[ "$known" != any ] || return 0
		case " $known " in
		*" $1 "*) ;;
		*) complain "$1" "unknown, expected one of $known" ;;
		esac
	}
	list_cb() {
		# once for a list
		[ "$section.$1" != "$last_list" ] || return 0
		last_list=$section.$1
		option_cb "$1"
	}
	last_list=
	config_load courierdns
	reset_cb
}

domain_of_dnsmasq() { # SECTION
	local value=''
	config_get value "$1" domain lan
	want_name "$value" && lower "$value" && echo
}

# In a shell of its own: an option of a section stays when another file has a section of that name.
domains_of_dnsmasq() {
	config_load dhcp
	config_foreach domain_of_dnsmasq dnsmasq
}

GROUPS_SEEN=
mode=forward
dnsmasq_port=5154
LOCAL_DOMAINS=$(domains_of_dnsmasq | sort -u)
look_for_unknown
section=main
get dnsmasq_mode word forward replace none && { mode=${REPLY#\"}; mode=${mode%\"}; }
get dnsmasq_port int 1 65535 && dnsmasq_port=$REPLY
put_main
config_foreach collect_group upstream
choose_source
put_zones
put_couriers
put_upstreams
[ $wrong -eq 0 ] || exit 1
printf '%s' "$OUT"
