#!/bin/sh
# What courierdns costs, beside others and an echo: see bench.py; with "check", see costs.py. PROGRAMS is the
# folder of the programs built for it. QUICK=1 makes it short, ONLY=W1,W4 picks tables and workloads,
# PEERS="unbound dnsdist" (or none) whom to compare with; RECORD=1 writes down anew what is checked, and
# PROFILE=1 tells where instructions go.
set -eu
python=/usr/bin/python3
[ -x $python ] || python=python3
here=$(dirname "$0")
script=bench
[ "${1:-}" != check ] || script=costs
FAULTS=$PROGRAMS PYTHONDONTWRITEBYTECODE=1 exec $python "$here/$script.py"
