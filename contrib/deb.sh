#!/bin/sh
# Builds the Debian packages, source and binary, into build/deb, of the tree as it is here, and has lintian
# look at them. Asks no network. Usage: deb.sh VERSION
set -eu
version=$1
out=build/deb
unset MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C.UTF-8

sh tests/lint/versions.sh
rm -rf $out
mkdir -p $out
sh contrib/dist.sh "$version" $out --exclude='debian/*' --exclude=debian
mv "$out/courierdns-$version.tar.gz" "$out/courierdns_$version.orig.tar.gz"
tar --extract --directory $out --file "$out/courierdns_$version.orig.tar.gz"
cp -R debian "$out/courierdns-$version/debian"

(cd "$out/courierdns-$version" && dpkg-buildpackage --jobs=auto --no-sign) >$out/build.log 2>&1 || {
	tail -n 30 $out/build.log >&2
	echo "deb: dpkg-buildpackage failed; all it said is in $out/build.log" >&2
	exit 1
}
rm -rf "$out/courierdns-$version"

# Debian's own words for each tag: lintian-explain-tags TAG
root=
[ "$(id -u)" -ne 0 ] || root=--allow-root
lintian $root -I --pedantic --fail-on error,warning,info,pedantic $out/*.changes || {
	echo "deb: lintian complains" >&2
	exit 1
}
ls $out/*.deb
