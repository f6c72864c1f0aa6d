#!/bin/sh
# What shellcheck says of all shell scripts.
# shellcheck disable=SC2046 # our file names have no spaces
shellcheck -x $(find . -name '*.sh' -not -path './build/*') $(find . -path './.ci/*' -type f) \
	$(grep -l '^#!/bin/sh' debian/* debian/tests/* contrib/openwrt/*/files/*.init tests/openwrt/stubs/* \
		2>/dev/null | grep -v '\.sh$')
