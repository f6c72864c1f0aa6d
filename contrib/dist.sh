#!/bin/sh
# Packs the tree as it is here, without what is built: DIRECTORY/courierdns-VERSION.tar.gz. The same tree
# gives the same bytes. Usage: dist.sh VERSION DIRECTORY [TAR-OPTION]...
set -eu
name=courierdns-$1
out=$2
shift 2

files() {
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory='*' -c core.quotePath=false ls-files --cached --others --exclude-standard
	else
		find . -type f -not -path './build/*' -not -path './.git/*' -printf '%P\n'
	fi
}

# The time that debian/changelog tells of the version: the same wherever and whenever it is packed.
epoch=${SOURCE_DATE_EPOCH:-$(date -d "$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)" +%s)}
mkdir -p "$out"
files | LC_ALL=C sort -u | while IFS= read -r file; do
	[ ! -e "$file" ] || echo "$file"
done | tar --create --no-recursion "$@" --transform "s,^,$name/,S" --mtime="@$epoch" --owner=0 --group=0 \
	--numeric-owner --mode=u+w,go+r-w --format=gnu --files-from - |
	gzip -9n >"$out/$name.tar.gz.part"
mv "$out/$name.tar.gz.part" "$out/$name.tar.gz"
