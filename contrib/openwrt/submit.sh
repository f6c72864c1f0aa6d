#!/bin/sh
# Makes what a feed of OpenWrt is handed: the release, and the recipe with its hash, in build/openwrt.
# Usage: submit.sh VERSION, from the root of the tree.
set -eu
version=$1
out=build/openwrt
rm -rf $out
mkdir -p $out
sh contrib/dist.sh "$version" $out
hash=$(sha256sum "$out/courierdns-$version.tar.gz")
cp -R contrib/openwrt/courierdns $out/courierdns
sed -i -e "s/^PKG_VERSION:=.*/PKG_VERSION:=$version/" -e "s/^PKG_HASH:=.*/PKG_HASH:=${hash%% *}/" \
	-e '/^# For the feed of packages/,/^# same package/d' $out/courierdns/Makefile
