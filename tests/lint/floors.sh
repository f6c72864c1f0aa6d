#!/bin/sh
# Who may include whom, row by row (app may include all), where third-party headers live, and no
# cycle between modules (foo.c and foo.h are one module).
awk '
function allow(room, rooms,   n, i, to) {
	known[room] = 1
	n = split(rooms, to, " ")
	for (i = 1; i <= n; i++) may[room, to[i]] = 1
}
BEGIN {
	allow("base", ""); allow("wire", "base"); allow("conf", "base wire")
	allow("rr", "base wire conf"); allow("net", "base wire conf")
	allow("policy", "base wire conf rr"); allow("cache", "base wire conf")
	allow("devices", "base wire conf"); allow("upstream", "base wire conf net")
	allow("query", "base wire conf rr net policy cache devices upstream")
	allow("front", "base wire conf net query")
	allow("side", "base wire conf net cache devices upstream"); known["app"] = 1
	only["ldns"] = "/rr/"; only["libconfig.h"] = "/conf/conf_load\\."
	only["openssl"] = "/net/tls_look\\."
	only["libmnl"] = "/net/nftset_message\\."
	only["event2"] = "/(net/|side/web(_visit|_internal)?\\.)"
	only["sys/socket.h"] = "/(base/(addr|log)\\.|net/|upstream/|front/|side/|app/)"
}
FNR == 1 { split(FILENAME, part, "/"); from = part[2] }
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
	name = $0; sub(/^[^"<]*["<]/, "", name); sub(/[">].*/, "", name)
	split(name, part, "/"); to = part[1]
	if ((to in only && FILENAME !~ only[to]) || (name in only && FILENAME !~ only[name]))
		{ print FILENAME ":" FNR ": " name " does not belong here"; bad = 1 }
	if (/include[ \t]*"/ && to in known && to != from && from != "app" && !((from, to) in may))
		{ print FILENAME ":" FNR ": " from "/ may not include " to "/"; bad = 1 }
}
END { exit bad }' src/*/*.[ch] include/*/*.h || exit 1

# tsort names the modules of a loop and fails. What a folder keeps to itself (*_internal.h) may use
# the folder's contracts, which is no loop.
loop=$(awk '
FNR == 1 { self = FILENAME; sub(/^[^\/]*\//, "", self); sub(/\.[ch]$/, "", self) }
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\""); sub(/\.h$/, "", quoted[2])
	if (quoted[2] != self) print self, quoted[2]
}' src/*/*.c include/*/*.h | tsort 2>&1 >/dev/null) || {
	echo "modules that include each other:"
	echo "$loop" | sed -n 's/^tsort: \([^:]*\)$/  \1/p'
	exit 1
}
