#!/bin/sh
# Installs, by apt and saying so first, the Debian packages that building, testing or reading the
# code with tools needs and that are not here yet. Usage: needs.sh [build] [check] [tools] [faults] [bench]
# [lab] [package] [cross-mipsel] [cross-s390x] [cross-musl]. Does nothing where nothing is missing.
set -eu

build="gcc make libc6-dev libldns-dev libevent-dev libconfig-dev libseccomp-dev libmnl-dev"
check="libcmocka-dev python3 python3-dnspython python3-jsonschema bind9-dnsutils knot-dnsutils
	ldnsutils nsd knot knot-resolver unbound dnsmasq-base bind9 smartdns openssl libssl-dev
	procps iproute2 util-linux busybox binutils valgrind faketime pmccabe shellcheck prometheus
	systemd keepalived curl nftables
	apparmor strace mandoc bash zsh fish"
faults="python3 python3-dnspython util-linux procps dnsmasq-base unbound bind9"
bench="python3 python3-dnspython procps valgrind dnsmasq-base unbound dnsdist knot-resolver"
lab="python3 python3-dnspython util-linux iproute2 dnsmasq-base unbound smartdns"
package="dpkg-dev debhelper dh-apparmor lintian debootstrap rpm rpmlint file python3 util-linux iproute2"
cross_mipsel="gcc-mipsel-linux-gnu libc6-dev-mipsel-cross qemu-user debian-archive-keyring"
cross_s390x="gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user debian-archive-keyring"
cross_musl="musl-tools linux-libc-dev dpkg-dev debian-archive-keyring"
tools="clang libclang-rt-dev clang-tidy clang-format llvm cppcheck"
# These come with a service; the tests start their own copies, so the service stays off.
services="nsd knot knot-resolver:kresd unbound bind9:named smartdns dnsdist prometheus keepalived" # package, or package:service

[ $# -gt 0 ] || set -- usage
wanted=
for list in "$@"; do
	case $list in
	build) wanted="$wanted $build" ;;
	check) wanted="$wanted $check" ;;
	tools) wanted="$wanted $tools" ;;
	faults) wanted="$wanted $faults" ;;
	bench) wanted="$wanted $bench" ;;
	lab) wanted="$wanted $lab" ;;
	package) wanted="$wanted $package" ;;
	cross-mipsel) wanted="$wanted $cross_mipsel" ;;
	cross-s390x) wanted="$wanted $cross_s390x" ;;
	cross-musl) wanted="$wanted $cross_musl" ;;
	*) echo "usage: needs.sh [build] [check] [tools] [faults] [bench] [lab] [package] [cross-ARCH]" >&2; exit 64 ;;
	esac
done

if ! command -v dpkg-query >/dev/null; then
	echo "This is not a Debian system: please install what matches these packages yourself:"
	echo " $wanted"
	exit 0
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "For courierdns ($*), apt is about to install:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "Run this as root, or install sudo." >&2; exit 1; }
	as_root=sudo
	echo "(with sudo: it may ask for your password)"
fi

# A package's service must neither start now nor at the next boot because somebody ran our tests.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e $policy ]; then
	made_policy=yes
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
	$as_root chmod 755 $policy
fi
said=$(mktemp)
cleanup() {
	rm -f "$said"
	[ -z "$made_policy" ] || $as_root rm -f $policy
}
trap cleanup EXIT

# shellcheck disable=SC2086 # a list of package names
{
	$as_root apt-get update -qq &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends -o Dpkg::Use-Pty=0 $missing
} >"$said" 2>&1 || {
	cat "$said" >&2
	echo "needs.sh: apt could not install these" >&2
	exit 1
}
for service in $services; do
	case " $missing " in
	*" ${service%:*} "*) $as_root update-rc.d "${service#*:}" disable >/dev/null 2>&1 || true ;;
	esac
done
echo "Installed."
