#!/bin/sh
# No path of one machine stands in the tree.
files() {
	[ -e .git ] && git ls-files -z --cached --others --exclude-standard 2>/dev/null &&
		return
	find . -type f -not -path './build/*' -not -path './.git/*' -print0
}
found=$(files | xargs -0 grep -snIE '(^|[^[:alnum:]_.-])(/(wor[k]|far[m])/|/tmp/(bash_job[s]|studi[o])|/hom[e]/)')
[ -z "$found" ] || { echo "$found" | sed 's/$/  <- a path of one machine/'; exit 1; }
