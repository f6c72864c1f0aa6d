#!/bin/sh
# What mandoc says of the manual pages, the shells of their completions; and that bash completes by them
# what the program takes. Usage: check.sh DIRECTORY PROGRAM. What is not installed is not asked.
made=$1
program=$2
status=0

fail() {
	echo "man-check: $1" >&2
	status=1
}

# asks TOOL COMMAND...: that says nothing and ends well.
asks() {
	command -v "$1" >/dev/null || { echo "man-check: without $1"; return; }
	said=$("$@" 2>&1) || said="$said (failed)"
	[ -z "$said" ] || fail "$*: $said"
}

for page in "$made"/man/*; do
	# what other pages there are is this machine's business
	asks mandoc -Tlint -W warning "$page"
	grep -q '@[a-z-]*@$' "$page" && fail "$page has a part that was not made"
done
asks bash -n "$made"/completion/courierdns.bash
asks zsh -n "$made"/completion/_courierdns
asks fish -n "$made"/completion/courierdns.fish

# completes WANTED WORD...: of the last word, one a line, sorted.
completes() {
	wanted=$1
	shift
	# shellcheck disable=SC2016 # for the other shell
	got=$(bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _courierdns
		printf "%s\n" "${COMPREPLY[@]}"' bash "$made"/completion/courierdns.bash "$@" | sort | tr '\n' ' ')
	[ "$got" = "$wanted" ] || fail "bash completes \"$*\" by \"$got\", not \"$wanted\""
}

commands=$("$program" help | sed -n 's/^  courierdns \([^ ]*\).*/\1/p' | sort | tr '\n' ' ')
completes "$commands" courierdns ''
completes 'flush ' courierdns fl
completes '--all ' courierdns flush --a
completes 'debug ' courierdns log-level d
completes 'explain ' courierdns help ex
completes "$made/man/courierdns.conf.5 " courierdns run -c "$made/man/courierdns.c"
completes ' ' courierdns flush --zone ''
for command in $commands; do
	# -x or --word, as its help has them
	options=$("$program" help "$command" | sed -n 's/^  \(-[a-z-]*\)  *.*/\1/p' | sort | tr '\n' ' ')
	[ -z "$options" ] || completes "$options" courierdns "$command" -
done
# a fish that has read them offers the commands, too
if command -v fish >/dev/null; then
	fish --no-config -c "source $made/completion/courierdns.fish; complete -C 'courierdns fl'" 2>&1 |
		grep -q '^flush' || fail "fish does not complete fl"
fi
[ $status -ne 0 ] || echo "man-check: fine"
exit $status
