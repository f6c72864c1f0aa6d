#!/bin/sh
# What another machine or C library has, and a compiler for it, whose path is printed: of mipsel (32 bits,
# little endian) and s390x (64 bits, big endian) Debian's libraries, for musl on this machine the same
# built from Debian's sources. All of it lies below build/cross, made once; of this system nothing is
# changed but that apt installs the compilers. Beside the compiler lies `on`, which runs a program of it.
# Usage: sysroot.sh mipsel|s390x|musl
set -eu
what=${1:-}
dir=$PWD/build/cross/$what
jobs=${JOBS:-2}

case $what-$(uname -m) in
mipsel-* | s390x-* | musl-x86_64) sh contrib/needs.sh build "cross-$what" >&2 ;;
musl-*) echo "sysroot.sh: musl is for x86_64 alone" >&2; exit 64 ;;
*) echo "usage: sysroot.sh mipsel|s390x|musl" >&2; exit 64 ;;
esac
# made as it is to be today
of=$(cksum <"$0")
if [ "$(cat "$dir/made" 2>/dev/null)" = "$of" ]; then
	echo "$dir/$what-gcc"
	exit
fi
echo "$what: gets the libraries, into build/cross/$what" >&2
mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/parts" "$dir/out"

# apt as it would be on a machine of that kind with nothing installed: $1, what a line of its sources begins with
# shellcheck disable=SC2016 # apt fills them in
apt_of() {
	: >"$dir/apt/status"
	apt-get indextargets --format "$1"' [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u >"$dir/apt/sources.list"
	[ -s "$dir/apt/sources.list" ] || { echo "$what: apt knows no packages: apt-get update" >&2; exit 1; }
}
apt() {
	apt-get -qq -o Dir::State="$dir/apt" -o Dir::State::status="$dir/apt/status" -o Dir::Cache="$dir/apt/cache" \
		-o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts="$dir/apt/parts" \
		-o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Languages=none \
		-o Acquire::Retries=3 "$@" >&2
}

# Debian's packages, unpacked.
take_packages() {
	apt_of deb
	apt -o APT::Architecture="$what" -o APT::Architectures="$what" update
	apt -o APT::Architecture="$what" -o APT::Architectures="$what" install -y --download-only \
		libc6-dev libldns-dev libevent-dev libconfig-dev libseccomp-dev libmnl-dev libcmocka-dev
	rm -rf "$dir/root"
	mkdir -p "$dir/root/usr/lib"
	ln -s usr/lib "$dir/root/lib"
	for package in "$dir"/apt/cache/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$dir/root"
	done
	rm -rf "$dir/apt"
	printf '#!/bin/sh\nexec %s-linux-gnu-gcc --sysroot=%s "$@"\n' "$what" "$dir/root" >"$dir/$what-gcc"
	cp "$(command -v "qemu-$what")" "$dir/"
	printf '#!/bin/sh\nexec %s/qemu-%s -L %s "$@"\n' "$dir" "$what" "$dir/root" >"$dir/on"
}

# from_source NAME OPTION...: into the sysroot of musl
from_source() {
	name=$1
	shift
	mkdir -p "$dir/obj/$name"
	tar -xf "$dir/obj/${name}"_*.orig.tar.?z -C "$dir/obj/$name" --strip-components=1
	(cd "$dir/obj/$name" && export CC="$dir/musl-gcc" CFLAGS="-Os -g" &&
		./configure -q --prefix="$dir/root" --disable-shared --host=x86_64-linux-musl "$@" &&
		make -j"$jobs" && make install) >"$dir/out/$name" 2>&1 || {
		tail -n 20 "$dir/out/$name" >&2
		exit 1
	}
}

# One file, that cmake is to build; what it would find out is known. Shared, for so unit tests tell its
# allocations from their own.
shared_cmocka() {
	name=cmocka
	mkdir "$dir/obj/$name"
	tar -xf "$dir/obj/${name}"_*.orig.tar.?z -C "$dir/obj/$name" --strip-components=1
	cp "$dir/obj/$name"/include/*.h "$dir/root/include"
	"$dir/musl-gcc" -shared -fPIC -Os -g -w -D_GNU_SOURCE -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_STDINT_H \
		-DHAVE_INTTYPES_H -DHAVE_MALLOC_H -DHAVE_TIME_H -DHAVE_SNPRINTF -DHAVE_VSNPRINTF -DHAVE_STRSIGNAL \
		-DHAVE_CLOCK_GETTIME -DHAVE_CLOCK_REALTIME -DHAVE_STRUCT_TIMESPEC -DHAVE_SETJMP_H \
		-I"$dir/obj/$name/include" -Wl,-soname,libcmocka.so.0 -o "$dir/root/lib/libcmocka.so.0" \
		"$dir/obj/$name/src/cmocka.c" >&2
	ln -s libcmocka.so.0 "$dir/root/lib/libcmocka.so"
}

build_sources() {
	apt_of deb-src
	apt update
	rm -rf "$dir/obj" "$dir/root"
	mkdir -p "$dir/obj" "$dir/root/include"
	(cd "$dir/obj" && apt source --download-only ldns libevent libconfig cmocka)
	for folder in linux asm-generic; do
		ln -s /usr/include/$folder "$dir/root/include/$folder"
	done
	ln -s /usr/include/x86_64-linux-gnu/asm "$dir/root/include/asm"
	printf '#!/bin/sh\nexec musl-gcc -isystem %s/include "$@" -L%s/lib\n' "$dir/root" "$dir/root" >"$dir/musl-gcc"
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%s/lib exec "$@"\n' "$dir/root" >"$dir/on"
	chmod 755 "$dir/musl-gcc"
	from_source libevent --disable-openssl --disable-samples --disable-libevent-regress --disable-debug-mode
	from_source libconfig --disable-cxx --disable-examples
	from_source ldns --without-ssl --disable-sha2 --disable-dane --disable-ecdsa --disable-gost --disable-dsa \
		--disable-ed25519 --disable-ed448 --disable-dane-verify --disable-dane-ta-usage \
		--without-drill --without-examples
	shared_cmocka
	rm -rf "$dir/obj" "$dir/apt"
}

if [ "$what" = musl ]; then
	build_sources
else
	take_packages
fi
chmod 755 "$dir/$what-gcc" "$dir/on"
echo "$of" >"$dir/made"
echo "$dir/$what-gcc"
