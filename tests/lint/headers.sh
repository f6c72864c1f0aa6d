#!/bin/sh
# Every header compiles alone and says #pragma once; includes stand in order: the own header, then
# <system>, then "floor/module.h", each block sorted.
status=0
for header in include/*/*.h src/*/*.h; do
	[ -e "$header" ] || continue
	gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -Iinclude -include "$header" \
		-x c /dev/null || { echo "$header: does not compile alone"; status=1; }
	grep -q '^#pragma once$' "$header" || { echo "$header: no #pragma once"; status=1; }
done

awk '
FNR == 1 {
	own = FILENAME; sub(/^[^\/]*\//, "", own); sub(/\.c$/, ".h", own)
	has_own = FILENAME ~ /\.c$/ && system("test -e include/" own) == 0
	block = 0; last = ""; is_first = 1
}
/^$/ { last = "" }	# system and third-party headers may stand apart
/^#include / {
	name = $2
	kind = name ~ /^</ ? 1 : 2
	if (is_first && has_own && name != "\"" own "\"")
		{ print FILENAME ":" FNR ": \"" own "\" comes first"; bad = 1 }
	if (is_first && FILENAME ~ /(\.c|_internal\.h)$/ && kind == 2)	# its own, or the contract it fulfils
		kind = 0
	if (kind < block || (kind == block && name <= last))
		{ print FILENAME ":" FNR ": " name " is out of order"; bad = 1 }
	block = kind; last = name; is_first = 0
}
END { exit bad }' src/*/*.[ch] include/*/*.h || status=1
exit $status
