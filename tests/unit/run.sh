#!/bin/sh
# Runs the unit tests given as arguments, shows what the failing ones said, and ends with one line:
# unit: N passed, N failed. A program that dies half-way counts as one failure more.
passed=0 failed=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT

[ $# -gt 0 ] || { echo "run.sh: no tests given" >&2; exit 64; }
for test in "$@"; do
	"$test" >"$said" 2>&1
	status=$?
	line=$(sed -n 's/^unit: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$said" |
		awk '{ passed += $1; failed += $2 } END { if (NR > 0) print passed, failed }')
	if [ -z "$line" ]; then
		line="0 1"
		echo "$test: ended with status $status before its tests were done" >>"$said"
		status=1
	fi
	if [ $status -ne 0 ]; then
		echo "--- $test"
		grep -v -e '^\[ RUN ' -e '^\[ *OK \]' -e '^\[==' -e '^\[  PASSED' "$said"
	fi
	passed=$((passed + ${line% *}))
	failed=$((failed + ${line#* }))
	[ $status -eq 0 ] || [ "${line#* }" -gt 0 ] || failed=$((failed + 1))
done
echo "unit: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
