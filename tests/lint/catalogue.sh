#!/bin/sh
# Which cases of tests/functional/catalogue.txt are shown by a test: how many, and which are missing.
# An id counts where it stands in a unit test's name or comment (NG_06), in the name of a functional
# test or of one of its cases ("NG_06-title"), or in the name or a comment of a scenario (# NG_06). A
# missing case of severity C or H is an error.
set -u
cd "$(dirname "$0")/../.." || exit

shown() {
	grep -rhoE --include='*.c' '\b[A-Z]{2}[_-][0-9]{2}\b' tests/unit tests/scenario 2>/dev/null
	grep -rhoE --include='*.c' '\b([A-Z]{2}_[0-9]{2}_)+' tests/unit tests/scenario 2>/dev/null |
		grep -oE '[A-Z]{2}_[0-9]{2}'
	grep -hoE '^def test_([A-Z]{2}_[0-9]{2}_)+' tests/functional/test_*.py |
		grep -oE '[A-Z]{2}_[0-9]{2}'
	grep -hoE '^[[:blank:]]+"[A-Z]{2}_[0-9]{2}-[a-z]' tests/functional/test_*.py |
		grep -oE '[A-Z]{2}_[0-9]{2}'
	grep -hoE '^#( [A-Z]{2}_[0-9]{2})+$' tests/scenario/*.scn 2>/dev/null |
		grep -oE '[A-Z]{2}_[0-9]{2}'
	find tests/scenario -name '*.scn' 2>/dev/null | tr '[:lower:]' '[:upper:]' |
		grep -oE '[A-Z]{2}[_-][0-9]{2}'
	true
}

shown | tr '_' '-' | sort -u | awk '
FNR == NR { found[$1] = 1; next }
/^#/ || NF == 0 { next }
{
	class = ($2 == "M") ? "M" : "C and H"
	all[class]++
	if ($1 in found)
		have[class]++
	else
		missing[class] = missing[class] "\n  " $0
}
END {
	print "catalogue: " have["C and H"] + 0 " of " all["C and H"] " cases of severity C and H, " \
		have["M"] + 0 " of " all["M"] " of severity M"
	if (missing["C and H"] != "")
		print "missing:" missing["C and H"]
	if (missing["M"] != "")
		print "wanted:" missing["M"]
	exit missing["C and H"] != ""
}' - tests/functional/catalogue.txt
