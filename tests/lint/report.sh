#!/bin/sh
# Measures of the tree beside what they aim at, with the worst places where an aim is missed. Fails
# nothing: a reader judges. Usage: report.sh OBJECT...
# McCabe counts a switch once, as pmccabe does in its first column.
facts=$(mktemp)
trap 'rm -f "$facts"' EXIT

# One fact a line: the kind, a number, the place.
{
	pmccabe src/*/*.c | awk '{
		place = $0; sub(/.*\t/, "", place); sub(/\([0-9]*\)/, "", place)
		print "length", $5, place
		print (place ~ /^src\/wire\// ? "mccabe_wire" : "mccabe"), $1, place
	}'
	wc -l src/*/*.[ch] include/*/*.h | awk '$2 != "total" { print "file", $1, $2 }'
	find tests '(' -name '*.[ch]' -o -name '*.py' -o -name '*.sh' ')' -exec wc -l {} + |
		awk '$2 != "total" { print "testfile", $1, $2 }'
	if command -v clang-format >/dev/null; then
		echo "layout 0 -"
		find src include tests -name '*.[ch]' -exec clang-format --dry-run {} + 2>&1 |
			awk -F: '/\[-Wclang-format-violations\]/ && !seen[$1]++ { print "layout", 1, $1 }'
	fi
	nm -g --defined-only -f sysv "$@" | awk -F'|' '
	NF == 7 && $3 ~ /[BDC]/ && $1 !~ /^__/ && $7 !~ /^\.data\.rel\.ro/ { print "writable", 1, $1 }'
} >"$facts"
awk -f tests/lint/bare.awk src/*/*.[ch] include/*/*.h | awk '
function count_parameters(head,   depth, i, c, n) {
	sub(/^[^(]*\(/, "", head)
	n = head ~ /^(void)?\)/ ? 0 : 1
	for (i = 1; i <= length(head); i++) {
		c = substr(head, i, 1)
		if (c == "(") depth++
		else if (c == ")" && depth-- == 0) break
		else if (c == "," && depth == 0) n++
	}
	return n
}
{
	split($0, part, ":"); file = part[1]; kind[part[3]]++
	code = $0; sub(/^[^:]*:[^:]*:[^:]*:/, "", code)
	if (code ~ /^[ \t]*#[ \t]*if/ && code !~ /__cplusplus/) ifs++
}
code == "{" && head ~ /^[a-z].*\(.*\)[ \t]*$/ && head !~ /[=;]/ {
	name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
	if (file ~ /\.c$/) functions++
	if (file ~ /\.c$/ && head ~ /^static /) statics++
	print "parameters", count_parameters(head), file ": " name
}
code ~ /^[#}{]/ || code ~ /;[ \t]*$/ || code !~ /[^ \t]/ { head = ""; next }
{ head = code ~ /^[^ \t]/ ? code : head " " code }
END {
	print "static", int(100 * statics / (functions + !functions) + 0.5), "-"
	print "comments", int(100 * kind["r"] / (kind["c"] + kind["r"] + !NR) + 0.5), "-"
	printf "ifs %.1f -\n", 1000 * ifs / (NR + !NR)
}' >>"$facts"

sort -k1,1 -k2,2nr "$facts" | awk '
function row(label, value, aim) { printf "  %-26s %-22s %s\n", label, value, aim }
function over(kind, limit,   i, n) {
	for (i = 1; i <= count[kind]; i++) if (value[kind, i] > limit) n++
	return n + 0
}
function places(kind, limit,   i) {
	for (i = 1; i <= count[kind] && i <= 5; i++)
		if (value[kind, i] > limit) print "      " value[kind, i] "  " place[kind, i]
}
function measure(label, kind, limit) {
	row(label, over(kind, limit) " of " count[kind] + 0 ", most " value[kind, 1] + 0, "0")
	places(kind, limit)
}
{
	i = ++count[$1]
	value[$1, i] = $2
	place[$1, i] = $3 " " $4
}
END {
	print "lint: measures of the tree (a reader judges; they fail nothing)"
	row("measure", "here", "aim")
	row("function length, p95", value["length", int(count["length"] * 0.05) + 1] + 0, "60")
	measure("functions over 60 lines", "length", 60)
	measure("McCabe over 12", "mccabe", 12)
	measure("McCabe over 15 in wire/", "mccabe_wire", 15)
	measure("parameters over 5", "parameters", 5)
	measure("files over 500 lines", "file", 500)
	measure("test files over 700 lines", "testfile", 700)
	row("static functions", value["static", 1] "%", "at least 55%")
	row("comment lines", value["comments", 1] "%", "8 to 20%")
	row("#if per 1,000 lines", value["ifs", 1], "1, in base/ or net/")
	if (count["layout"])
		row("not as make format has it", over("layout", 0), "0")
	places("layout", 0)
	row("exported and writable", count["writable"] + 0, "0")
}'
