#!/bin/sh
# No path of one machine stands in the tree.
files() {
	if [ -e .git ]; then
		git ls-files -z --cached --others --exclude-standard
	else
		find . -type f -not -path './build/*' -print0
	fi
}
found=$(files | xargs -0 grep -snIE '(^|[^[:alnum:]_.-])(/(wor[k]|far[m])/|/tmp/(bash_job[s]|studi[o])|/hom[e]/)')
[ -z "$found" ] || { echo "$found" | sed 's/$/  <- a path of one machine/'; exit 1; }
