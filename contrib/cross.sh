#!/bin/sh
# Builds for another machine or C library, and runs the tests there: for mipsel (32 bits, little endian)
# and s390x (64 bits, big endian) against Debian's libraries, with a processor that qemu imitates; for musl
# on this one. What it needs comes from sysroot.sh. Usage: cross.sh mipsel|s390x|musl [build]
#
# An imitated processor is a tenth as fast, so there is a cut of everything: the first few allocations
# fail, not each, and what is mere arithmetic, or hours of virtual time, is left to others. What cannot
# be there, for it is this machine's kernel that is asked, and by qemu:
#   app/test_sandbox, app/test_privileges   no filters of system calls, no secure bits
#   app/test_port_holder, reload.reload_is_refused_...   /proc has the byte order, and names of programs, of this machine
#   base/test_random   MADV_WIPEONFORK is taken and not done
#   net/test_udp_client, net/test_stream_listener   no IP_UNICAST_IF, no errors of interfaces
#   net/test_udp on s390x   control messages keep the byte order that they have
# On loopback it is UDP, TCP, the cache, zones, couriers, repair, control and reload; but OP_01 wants a
# program of ours that makes load.
set -eu
what=${1:-}
dir=$PWD/build/cross/$what
jobs=${JOBS:-2}
seccomp=yes web=yes
case $what in
musl)
	seccomp=no san=
	starve=20 starve_scenes=5
	left_out='^$'
	;;
*)
	san=emulated
	starve=3 starve_scenes=0
	left_out='^(app/test_(sandbox|privileges|port_holder)|base/test_random|net/test_(udp_client|stream_listener)'
	left_out="$left_out|cache/test_(eviction|store)|policy/test_zone_tree|conf/test_conf_courier_names)\$"
	[ "$what" = mipsel ] || left_out="$left_out|^net/test_udp\$"
	left_out="$left_out|alias_kept_warm|every_variant|flood_of_names|flapping|loss|lost|refused_type|cache_counts"
	;;
esac
cut='^(zones|ng|tr|ut|ct|ca\.CA_[01]|repair\.(a_|the_l|silence)|squash\.kept|control\.[a-n]|web\.a_reload|reload\.(?!OP_01|reload_is_ref))'

cc=$(sh contrib/sysroot.sh "$what")
# without libmnl no configuration with nft sets is taken
[ -e "$dir/root/usr/include/libmnl/libmnl.h" ] || left_out="$left_out|/nft_"
built=build/$(basename "$cc")
[ $seccomp = yes ] || built=$built-noseccomp-nonftset
with() {
	if [ $seccomp = yes ]; then "$@"; else "$@" SECCOMP=no NFTSET=no; fi
}
with make CC="$cc" AR="$("$cc" -print-prog-name=gcc-ar)" programs
[ "${2:-}" != build ] || exit 0

# Each is a script, so that whoever runs it need not know by what.
rm -rf "$dir/unit"
find "$built/unit" -type f -name 'test_*' -perm -u+x | sed "s:^$built/unit/::" | grep -Ev "$left_out" |
	sort >"$dir/tests"
while read -r test; do
	mkdir -p "$dir/unit/${test%/*}"
	printf '#!/bin/sh\nexec timeout -k 5 300 %s %s\n' "$dir/on" "$PWD/$built/unit/$test" >"$dir/unit/$test"
	chmod 755 "$dir/unit/$test"
done <"$dir/tests"
printf '#!/bin/sh\nexec %s %s "$@"\n' "$dir/on" "$PWD/$built/courierdns" >"$dir/courierdns"
chmod 755 "$dir/courierdns"

echo "$what: unit tests of $(wc -l <"$dir/tests") modules"
sed "s:^:$dir/unit/:" "$dir/tests" | STARVE=$starve xargs -P "$jobs" -n 16 sh tests/unit/run.sh
echo "$what: scenarios"
find tests/scenario -name '*.scn' | grep -Ev "$left_out" | sort |
	xargs -P "$jobs" -n 40 timeout -k 5 300 "$dir/on" "$built/scenario_run" --starve=$starve_scenes
echo "$what: the program on loopback"
COURIERDNS=$dir/courierdns SAN=$san SECCOMP=$seccomp WEB=$web ONLY=$cut sh tests/functional/run.sh
