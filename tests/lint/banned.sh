#!/bin/sh
# Calls that nothing may make, and calls that only some rooms may make.
# shellcheck disable=SC2046 # our file names have no spaces
awk -f tests/lint/bare.awk src/*/*.[ch] include/*/*.h $(find tests -name '*.[ch]') | awk '
function ban(names, places, why,   n, i, name) {
	n = split(names, name, " ")
	for (i = 1; i <= n; i++) { allowed[name[i]] = places; reason[name[i]] = why }
}
BEGIN {
	ban("strcpy strcat sprintf vsprintf gets strtok atoi atol alloca rand localtime inet_ntoa" \
	    " gethostbyname signal", "^$", "is banned")
	ban("malloc calloc realloc free strdup strndup asprintf vasprintf getline",
	    "^(tests/|src/rr/|src/base/mem\\.c)", "belongs in base/mem.c: use mem_*")
	ban("time gettimeofday clock_gettime", "^(tests/|src/base/(clock|log)\\.c)",
	    "asks the system for the time, which is handed in")
	ban("getrandom getentropy", "^(tests/|src/base/random\\.c)", "belongs in base/random.c: use random_*")
	ban("random srandom srand rand_r drand48 erand48 lrand48 nrand48 mrand48 jrand48 srand48" \
	    " initstate arc4random ldns_get_random evutil_secure_rng_get_bytes evutil_weakrand", "^$",
	    "can be foreseen: use random_*")
	ban("exit _exit", "^(tests/|src/app/)", "ends the program, which only app/ may")
}
{
	file = $0; sub(/:.*/, "", file)
	line = $0; sub(/^[^:]*:/, "", line); sub(/:.*/, "", line)
	code = $0; sub(/^[^:]*:[^:]*:[^:]*:/, "", code)
	# whether a handler stays, systems differ; that a signal is ignored, they do not
	gsub(/signal\([A-Z0-9]+, SIG_IGN\)/, "", code)
	before = ""
	while (match(code, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
		name = substr(code, RSTART, RLENGTH - 1); sub(/[ \t]*$/, "", name)
		if (RSTART > 1) before = substr(code, RSTART - 1, 1)
		if (name in allowed && before !~ /[.>]/ && file !~ allowed[name]) {
			print file ":" line ": " name "() " reason[name]
			bad = 1
		}
		before = "("
		code = substr(code, RSTART + RLENGTH)
	}
}
END { exit bad }'
