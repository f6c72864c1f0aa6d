#!/bin/sh
# A small machine for one command: a root made of layers, the last of which takes what is changed, with
# processes, mounts and network of its own. Nothing of it is left but that layer.
# Usage: machine.sh LAYERS UPPER net|alone|systemd COMMAND...
# LAYERS are directories, the lowest last; net has the network of this machine, alone only loopback, and
# systemd runs systemd there as well, and the command beside it. Ends with 90 where systemd cannot be had.
set -eu

if [ "${1:-}" = inside ]; then
	layers=$2 upper=$3 kind=$4
	shift 4
	root=$upper.root
	mount --make-rprivate /
	mount -t overlay overlay -o "lowerdir=$layers,upperdir=$upper,workdir=$upper.work" "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
	mount -t tmpfs tmpfs "$root/run"
	mount -t tmpfs tmpfs "$root/dev"
	for node in null zero full random urandom tty; do
		: >"$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	mkdir "$root/dev/shm" "$root/dev/pts" "$root/dev/mqueue"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
	mount -t mqueue mqueue "$root/dev/mqueue"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	[ "$kind" = net ] || ip link set lo up
	[ "$kind" != systemd ] || mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

	[ "$kind" != systemd ] || set -- /bin/sh /root/check/machine.sh boot "$@"
	# Its root is a root, not a directory: sandboxes of systemd want that.
	exec 3>"$upper.status"
	cd "$root"
	pivot_root . mnt
	exec chroot . /bin/sh -c 'umount -l /mnt && exec "$@"' sh env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive container=courierdns \
		"$@"
fi

# In there: systemd, which is the first process, and the command are both processes of the machine.
if [ "${1:-}" = boot ]; then
	shift
	(
		for _ in $(seq 100); do
			[ ! -S /run/systemd/private ] || break
			sleep 0.2
		done
		systemctl is-system-running --wait >/dev/null
		status=0
		"$@" || status=$?
		echo $status >&3
		systemctl poweroff --force --force
	) </dev/null &
	exec /lib/systemd/systemd --log-target=null </dev/null 3>&-
fi

layers=$1 upper=$2 kind=$3
mkdir -p "$upper" "$upper.work" "$upper.root"
rm -f "$upper.status"
flags="--mount --pid --ipc --uts --fork --kill-child"
[ "$kind" = net ] || flags="$flags --net"
here=
if [ "$kind" = systemd ]; then
	# A cgroup for it, of the second version, is all that systemd wants.
	groups=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) || exit 90
	here=$groups$(sed -n 's/^0:://p' /proc/self/cgroup)
	group=$groups/courierdns-$$
	mkdir "$group" 2>/dev/null || exit 90
	echo $$ >"$group/cgroup.procs"
	flags="$flags --cgroup"
fi

status=0
# shellcheck disable=SC2086 # flags
unshare $flags sh "$0" inside "$@" || status=$?
if [ -n "$here" ]; then
	echo $$ >"$here/cgroup.procs"
	for _ in 1 2 3 4 5; do
		! find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || break
		sleep 0.2
	done
	read -r status <"$upper.status" || status=1
fi
rm -rf "$upper.work" "$upper.root" "$upper.status"
exit "$status"
