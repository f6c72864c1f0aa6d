#!/bin/sh
# Every exported name starts with its file's name; nothing exported is writable.
status=0
for object in "$@"; do
	module=$(basename "$object" .o)
	nm -g --defined-only "$object" | awk -v module="$module" '
	$3 ~ /^__(asan|ubsan|odr|sancov)|^__/ { next }
	$2 ~ /[BDC]/ { print module ": exported variable " $3; bad = 1 }
	$2 == "T" && $3 != "main" && $3 != module && index($3, module "_") != 1 \
		{ print module ": " $3 " lacks the module name"; bad = 1 }
	END { exit bad }' || status=1
done
exit $status
