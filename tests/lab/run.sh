#!/bin/sh
# The lab: see lab.py. PROGRAMS is the folder of the programs built for it; DEVICES is how many there are,
# ONLY="courierdns unbound" picks routers, SETTINGS="plain nxdomain" settings, CUT=1 makes it short,
# AGED=1 has the upstream tell TTLs as a cache that many share does.
set -eu
python=/usr/bin/python3
[ -x $python ] || python=python3
FAULTS=$PROGRAMS PYTHONDONTWRITEBYTECODE=1 exec $python "$(dirname "$0")/lab.py"
