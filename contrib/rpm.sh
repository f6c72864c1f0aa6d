#!/bin/sh
# Builds the RPM packages, source and binary, into build/rpm, of the tree as it is here, and has rpmlint look
# at them. Asks no network. Usage: rpm.sh VERSION
set -eu
version=$1
top=$(pwd)/build/rpm
unset MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C.UTF-8

sh tests/lint/versions.sh
rm -rf "$top"
mkdir -p "$top/SOURCES"
sh contrib/dist.sh "$version" "$top/SOURCES"

set -- --define "_topdir $top"
# What a Debian machine has for the build is no RPM package, so none is asked for there; nor does its
# rpmbuild strip all of a program.
if command -v dpkg >/dev/null; then
	set -- "$@" --nodeps --define "_dbpath $top/db"
	export LDFLAGS=-s
fi
rpmbuild -ta "$@" "$top/SOURCES/courierdns-$version.tar.gz" >"$top/build.log" 2>&1 || {
	tail -n 30 "$top/build.log" >&2
	echo "rpm: rpmbuild failed; all it said is in build/rpm/build.log" >&2
	exit 1
}
mv "$top"/RPMS/*/*.rpm "$top"/SRPMS/*.rpm "$top"
rm -rf "$top/BUILD" "$top/BUILDROOT" "$top/RPMS" "$top/SRPMS" "$top/SPECS" "$top/db"

rpmlint --strict --config contrib/rpm/rpmlint.toml "$top"/*.rpm contrib/rpm/courierdns.spec >"$top/rpmlint" 2>&1 || {
	cat "$top/rpmlint" >&2
	echo "rpm: rpmlint complains" >&2
	exit 1
}
ls "$top"/*.rpm
