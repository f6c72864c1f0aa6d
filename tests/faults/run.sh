#!/bin/sh
# The load and fault figures: see run.py; or, named as the argument, another one of them: soak.py,
# differential.py. FAULTS is the folder of the programs built for it, CUT=1 makes it short, ONLY=L1,L5
# picks figures, PEERS="unbound named" picks whom to compare with.
set -eu
python=/usr/bin/python3
[ -x $python ] || python=python3
PYTHONDONTWRITEBYTECODE=1 exec $python "$(dirname "$0")/${1:-run}.py"
