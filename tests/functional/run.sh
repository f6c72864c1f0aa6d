#!/bin/sh
# Runs the functional tests against the program in $COURIERDNS, on loopback addresses only.
# ONLY=PATTERN picks tests by a regular expression, VERBOSE=1 names those that pass, JOBS is how
# many run at once, SAN is set where the program is built with sanitizers.
set -eu
python=/usr/bin/python3
[ -x $python ] || python=python3
$python -c 'import dns.message' 2>/dev/null || {
	echo "functional: python3-dnspython is missing (contrib/needs.sh check installs it)" >&2
	exit 1
}
PYTHONDONTWRITEBYTECODE=1 exec $python "$(dirname "$0")/runner.py"
