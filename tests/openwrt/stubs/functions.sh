# shellcheck shell=dash disable=SC3043,SC2034
# Of /lib/functions.sh what our scripts call, as OpenWrt describes it: settings become variables, by way of
# `uci export`, whose lines are calls.
LOAD_STATE=1

reset_cb() {
	config_cb() { :; }
	option_cb() { :; }
	list_cb() { :; }
}
reset_cb

package() { :; }

config() { # TYPE NAME
	STUB_COUNT=$((STUB_COUNT + 1))
	CONFIG_SECTION=${2:-cfg$STUB_COUNT}
	CONFIG_SECTIONS="$CONFIG_SECTIONS $CONFIG_SECTION"
	config_set "$CONFIG_SECTION" TYPE "$1"
	config_cb "$1" "$CONFIG_SECTION"
}

option() { # NAME VALUE
	config_set "$CONFIG_SECTION" "$1" "$2"
	option_cb "$1" "$2"
}

list() { # NAME VALUE
	local length='' joined=''
	config_get length "$CONFIG_SECTION" "${1}_LENGTH" 0
	[ "$length" = 0 ] || config_get joined "$CONFIG_SECTION" "$1"
	length=$((length + 1))
	config_set "$CONFIG_SECTION" "${1}_ITEM$length" "$2"
	config_set "$CONFIG_SECTION" "${1}_LENGTH" "$length"
	config_set "$CONFIG_SECTION" "$1" "$joined${joined:+ }$2"
	STUB_LISTS="$STUB_LISTS CONFIG_${CONFIG_SECTION}_$1 CONFIG_${CONFIG_SECTION}_${1}_LENGTH"
	list_cb "$1" "$2"
}

# Lists begin anew with each load; of options those that are gone stay, as on the router.
config_load() { # PACKAGE
	local text status=0 variable
	for variable in $STUB_LISTS; do
		unset "$variable"
	done
	STUB_LISTS=
	STUB_COUNT=0
	CONFIG_SECTIONS=
	CONFIG_SECTION=
	text=$(uci ${LOAD_STATE:+-P "${COURIERDNS_ROOT-}/var/state"} -S -n export "$1" 2>/dev/null) || status=$?
	eval "$text"
	${CONFIG_SECTION:+config_cb}
	return $status
}

config_set() { # SECTION OPTION VALUE
	eval "CONFIG_${1}_$2=\$3"
}

config_get() { # VARIABLE SECTION OPTION [DEFAULT]
	case $2$3 in
	*[!A-Za-z0-9_]*) ;;
	*) eval "$1=\${CONFIG_${2}_$3:-\${4-}}" ;;
	esac
}

config_get_bool() { # VARIABLE SECTION OPTION [DEFAULT]
	local _value
	config_get _value "$2" "$3" "${4-}"
	case $_value in
	1 | on | true | yes | enabled) _value=1 ;;
	0 | off | false | no | disabled) _value=0 ;;
	*) _value=${4-} ;;
	esac
	eval "$1=\$_value"
}

config_foreach() { # FUNCTION TYPE [ARGUMENT...]
	local _function="$1" _type="$2" section _is
	shift 2
	for section in $CONFIG_SECTIONS; do
		config_get _is "$section" TYPE
		[ -z "$_type" ] || [ "$_is" = "$_type" ] || continue
		"$_function" "$section" "$@"
	done
}

# The names of the variables are those of the router: what is called sees them.
config_list_foreach() { # SECTION OPTION FUNCTION [ARGUMENT...]
	local section="$1" option="$2" function="$3" val len c=1
	shift 3
	config_get len "$section" "${option}_LENGTH"
	while [ "$c" -le "${len:-0}" ]; do
		config_get val "$section" "${option}_ITEM$c"
		"$function" "$val" "$@"
		c=$((c + 1))
	done
}
