#!/bin/sh
# There is one version, that of the Makefile; packages, which must write theirs down, follow it.
version=$(sed -n 's/^VERSION := //p' Makefile)
status=0

# is FILE VERSION
is() {
	[ "$2" = "$version" ] || { echo "$1: version $2, but $version in the Makefile"; status=1; }
}
is debian/changelog "$(sed -n '1s/^courierdns (\([^)]*\)-[^-)]*).*/\1/p' debian/changelog)"
is contrib/rpm/courierdns.spec "$(sed -n 's/^Version: *//p' contrib/rpm/courierdns.spec)"
exit $status
