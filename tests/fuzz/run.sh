#!/bin/sh
# run.sh SECONDS TARGET...: fuzzes each target for so long from its corpus in tests/fuzz/corpus/ and what
# was found before. What reaches something new is put into build/fuzz/new/, or with KEEP=1 into the
# corpus, and what was found before too. Fails at a finding, whose input stays in build/fuzz/findings/.
# The words in tests/fuzz/TARGET.dict, where there are any, are tried in inputs.
# The corpus stays small: inputs of at most KEEP_LEN bytes, and no more than MAX_FILES of them.
set -u

MAX_LEN=${MAX_LEN:-1400}
KEEP_LEN=${KEEP_LEN:-400}
MAX_FILES=${MAX_FILES:-90}
KEEP=${KEEP:-}
build=${FUZZ_BUILD:-build/fuzz}
findings=build/fuzz/findings
status=0

[ $# -ge 2 ] || { echo "usage: run.sh SECONDS TARGET..." >&2; exit 64; }
seconds=$1
shift
mkdir -p "$findings"
[ $# -eq 1 ] || { # one on each core
	printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh "$0" "$seconds"
	exit
}

count() {
	find "$@" -type f | wc -l
}

# Of the inputs in $2 those that the corpus in $1 lacks, few and short ones, into $3.
merge() {
	find "$2" -type f -size "+${KEEP_LEN}c" -exec rm {} +
	mkdir -p "$2.few"
	cp "$1"/* "$2.few"
	"$program" -set_cover_merge=1 -max_len="$KEEP_LEN" "$2.few" "$2" >"$2.log" 2>&1 || return 1
	room=$((MAX_FILES - $(count "$1")))
	rm -rf "$beside"
	mkdir -p "$3"
	# shellcheck disable=SC2012 # the names are hashes
	ls -Sr "$2.few" | while read -r input; do
		[ ! -e "$1/$input" ] || continue
		[ $room -gt 0 ] || break
		cp "$2.few/$input" "$3/$input"
		room=$((room - 1))
	done
}

for target in "$@"; do
	program=$build/fuzz_$target
	corpus=tests/fuzz/corpus/$target
	beside=build/fuzz/new/$target
	words=tests/fuzz/$target.dict
	[ -e "$words" ] || words=
	work=$(mktemp -d)
	[ -n "$(find "$corpus" -type f 2>/dev/null)" ] ||
		{ echo "fuzz: $corpus has no files" >&2; exit 1; }
	mkdir -p "$work/new" "$beside"
	if "$program" -max_total_time="$seconds" -max_len="$MAX_LEN" -timeout=10 -rss_limit_mb=1024 \
		${words:+"-dict=$words"} -use_value_profile=1 -print_final_stats=1 \
		-artifact_prefix="$findings/$target-" \
		"$work/new" "$corpus" "$beside" >"$work/log" 2>&1; then
		before=$(count "$corpus")
		find "$beside" -type f -exec cp {} "$work/new" \;
		if [ -n "$KEEP" ]; then into=$corpus; else into=$beside; fi
		merge "$corpus" "$work/new" "$into" || { cat "$work/new.log"; status=1; }
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
		if [ -n "$KEEP" ]; then
			more="corpus $before -> $(count "$corpus")"
		else
			more="$(count "$beside") new beside the corpus of $before (KEEP=1 adds them)"
		fi
		echo "fuzz: $target: $runs inputs in $seconds s, no finding, $more"
	else
		grep -v '^#[0-9]' "$work/log" | tail -n 60
		echo "fuzz: $target: a finding, in $findings/$target-*"
		status=1
	fi
	rm -rf "$work"
done
exit $status
