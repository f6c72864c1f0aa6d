#!/bin/sh
# What becomes of a machine that the package is installed on: a Debian of its own is made by debootstrap,
# from the mirror that apt has here, and the package of build/deb is built again, installed, started,
# asked, reloaded, upgraded and purged there. Wants root. Ends within 15 minutes, and leaves nothing.
# MANAGER=no leaves out what systemd must run for; where it cannot, that is told. KEEP=1 keeps what was
# downloaded in build/package, and uses it the next time; ONLY="busy purge" picks scenes.
set -eu
LIMIT=900
top=$(pwd)/build/package
here=$(cd "$(dirname "$0")" && pwd)
deb=$(ls build/deb/courierdns_*.deb)
began=$(date +%s)

if [ "${1:-}" != within ]; then
	[ "$(id -u)" -eq 0 ] || { echo "package-check: it wants root, for debootstrap and chroot" >&2; exit 1; }
	exec timeout --kill-after=20 $LIMIT sh "$0" within
fi

cleanup() {
	status=$?
	trap - EXIT
	[ $status -eq 0 ] || { tail -n 40 "$top/log" >&2; echo "package-check: FAILED, above is the end of what was said" >&2; }
	rm -rf "$top/build" "$top/later" "$top/source" "$top/tests" "$top/making" "$top/scene"
	[ -n "${KEEP:-}" ] || rm -rf "$top"
	exit $status
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
[ -n "${KEEP:-}" ] || rm -rf "$top"
mkdir -p "$top"
: >"$top/log"

say() {
	printf 'package-check: %4d s  %s\n' $(($(date +%s) - began)) "$*"
}

# in_machine UPPER net|alone COMMAND: on the layers so far.
in_machine() {
	sh "$here/machine.sh" "$layers" "$top/$1" "$2" /bin/sh -ec "$3" >>"$top/log" 2>&1
}

# layer NAME TEXT COMMAND: what the command installs is a layer on top of those so far, kept with KEEP=1.
layer() {
	made=$top/$1-$(echo "$3" | cksum | cut -d ' ' -f 1)
	if [ ! -d "$made" ]; then
		say "$2"
		in_machine making net "$3"
		mv "$top/making" "$made"
	fi
	layers=$made:$layers
}

# --- the machine -------------------------------------------------------------------------------
# shellcheck disable=SC1091 # it is on every machine
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # apt expands these
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Codename: $suite" \
	'Component: main' | head -n 1)
[ -n "$mirror" ] || { echo "package-check: apt knows no mirror for Debian $suite" >&2; exit 1; }
proxy=$(apt-config shell proxy Acquire::http::Proxy)
eval "$proxy"
[ -z "${proxy:-}" ] || export http_proxy="$proxy"

if [ ! -d "$top/base" ]; then
	say "a Debian $suite is made"
	debootstrap --variant=minbase "$suite" "$top/making" "$mirror" >>"$top/log" 2>&1
	mv "$top/making" "$top/base"
fi
mkdir -p "$top/source/root/check" "$top/tests/root/check/debs"
cp build/deb/*.dsc build/deb/*.tar.* "$top/source/root/check"
base=$top/base

layers=$top/source:$base
layer tools "gets what the package builds of" "apt-get update; apt-get install -y --no-install-recommends dpkg-dev
	cd /root; dpkg-source -x check/*.dsc tree; cd tree; apt-get build-dep -y --no-install-recommends ./
	cd ..; rm -r tree; apt-get clean # $(sed -n '/^Build-Depends:/,/^[A-Z]/p' debian/control | cksum)"
say "builds it, without a network"
in_machine build alone 'cd /root; dpkg-source -x check/*.dsc tree; cd tree
	dpkg-buildpackage --jobs=auto --no-sign --build=binary'
first=$top/tests/root/check/debs/first.deb
cp "$top"/build/root/courierdns_*.deb "$first"
rm -rf "$top/build"
[ "$(dpkg-deb -c "$first" | awk '{ print $1, $2, $6 }')" = "$(dpkg-deb -c "$deb" | awk '{ print $1, $2, $6 }')" ] || {
	echo "package-check: it has other files than the package in build/deb" >&2
	exit 1
}

# A later version: another revision, whose configuration file says one thing more.
dpkg-deb --raw-extract "$first" "$top/later"
sed -i 's/^\(Version: .*\)/\1+later/' "$top/later/DEBIAN/control"
echo '# A later remark.' >>"$top/later/etc/courierdns.conf"
dpkg-deb --root-owner-group --build "$top/later" "$top/tests/root/check/debs/later.deb" >>"$top/log"
rm -rf "$top/later"

layers=$base
layer deps "gets what the package depends on, and what the tests need" "apt-get update
	apt-get install -y --no-install-recommends systemd-sysv dbus apparmor bind9-dnsutils python3 procps iproute2
	apt-get satisfy -y --no-install-recommends '$(dpkg-deb -f "$first" Depends)'; apt-get clean"
cp -R debian/tests "$here"/*.sh "$top/tests/root/check"
layers=$top/tests:$layers

# --- what becomes of it ------------------------------------------------------------------------
# Each scene is one of inside.sh, on a machine as it is now, without a network.
failed=
scene() { # NAME KIND TEXT
	case " ${ONLY:-$1} " in
	*" $1 "*) ;;
	*) return ;;
	esac
	status=0
	: >"$top/log"
	sh "$here/machine.sh" "$layers" "$top/scene" "$2" /bin/sh /root/check/inside.sh "$1" >>"$top/log" 2>&1 ||
		status=$?
	rm -rf "$top/scene"
	case $status in
	0) say "$3" ;;
	90) say "$3: NOT TRIED, there is no cgroup (version 2) to be had for a systemd" ;;
	*)
		failed="$failed $1"
		sed 's/^/  | /' "$top/log" >&2
		say "$3: FAILED"
		;;
	esac
}

scene busy alone "port 53 is busy: installed, left off, nothing taken"
scene plain alone "installed, started as the unit says, asked, reloaded; its tests pass"
scene upgrade alone "upgraded: the edited configuration is kept"
scene purge alone "removed and purged: nothing is left"
if [ "${MANAGER:-yes}" != no ]; then
	scene service systemd "under systemd: answers once installed; its tests pass; purged"
	scene renewed systemd "under systemd: upgraded; not with a configuration that it does not take"
	scene occupied systemd "under systemd: port 53 is busy, and stays with whoever has it"
fi
: >"$top/log"
[ -z "$failed" ] || { echo "package-check: failed:$failed" >&2; exit 1; }
say "all fine"
