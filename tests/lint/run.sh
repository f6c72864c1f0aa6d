#!/bin/sh
# Reads the tree: silent about what is fine, then the measures of report.sh, which fail nothing.
# Usage: run.sh OBJECT...; runs from the root of the tree.
here=tests/lint
status=0

check() {
	name=$1
	shift
	sh $here/"$name".sh "$@" || { echo "lint: $name.sh fails" >&2; status=1; }
}
check selftest
check floors
check symbols "$@"
check headers
check banned
check words
check versions
check shell
sh $here/report.sh "$@"
exit $status
