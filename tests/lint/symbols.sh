#!/bin/sh
# Every exported name starts with its file's name; nothing exported is writable. (A table that
# holds addresses is where the loader fills it in, and read-only from then on.)
status=0
for object in "$@"; do
	module=$(basename "$object" .o)
	nm -g --defined-only -f sysv "$object" | awk -F'|' -v module="$module" '
	NF < 7 || $1 ~ /^__/ { next }
	{ gsub(/ /, "", $1); gsub(/ /, "", $3) }
	$3 ~ /[BDC]/ && $7 !~ /^\.data\.rel\.ro/ { print module ": exported variable " $1; bad = 1 }
	$3 ~ /[TDR]/ && $1 != "main" && $1 != module && index($1, module "_") != 1 \
		{ print module ": " $1 " lacks the module name"; bad = 1 }
	END { exit bad }' || status=1
done
exit $status
