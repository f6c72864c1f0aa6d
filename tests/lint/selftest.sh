#!/bin/sh
# Each check is shown a small house in order, which must pass, and the same house with one thing
# wrong, which must fail and be named.
lint=$(cd "$(dirname "$0")" && pwd)
house=$(mktemp -d)
trap 'rm -rf "$house"' EXIT
cd "$house" || exit 1
failed=0

build() {
	rm -rf ./* .ci
	mkdir -p include/base include/wire include/cache include/net src/base src/wire src/cache src/net \
		tests .ci debian contrib/rpm
	ln -s "$lint" tests/lint
	for module in base/err wire/name cache/cache net/udp; do
		printf '#pragma once\n#include <stddef.h>\n' >include/$module.h
		printf '#include "%s.h"\n\n#include <string.h>\n' $module >src/$module.c
	done
	echo 'int err_text(int code);' >>include/base/err.h
	cat >>src/base/err.c <<-'C'
		/* strcpy(a, b) here is a remark, and below it is text. */
		int err_text(int code)
		{
			const char *text = "strcpy(\"a\", b) // /*";	// sprintf(a, b)
			return code == '"' ? 0 : (int)strlen(text);
		}
	C
	printf '#!/bin/sh\necho in order\n' >tests/run.sh
	echo 'VERSION := 1.2' >Makefile
	echo 'courierdns (1.2-1) unstable; urgency=medium' >debian/changelog
	echo 'Version: 1.2' >contrib/rpm/courierdns.spec
	gcc -Iinclude -c -o err.o src/base/err.c
}

# passes CHECK: the house as it is now.
passes() {
	said=$(sh tests/lint/"$1".sh err.o 2>&1) || {
		printf 'selftest: %s.sh complains of a house in order:\n%s\n' "$1" "$said"
		failed=1
	}
}

# fails CHECK WORD: the house as it is now, and what is said has WORD in it. Builds it anew.
fails() {
	if said=$(sh tests/lint/"$1".sh err.o 2>&1); then
		echo "selftest: $1.sh overlooks what it should call '$2'"
		failed=1
	elif ! echo "$said" | grep -q -e "$2"; then
		printf "selftest: %s.sh does not say '%s' but:\n%s\n" "$1" "$2" "$said"
		failed=1
	fi
	build
}

build
for check in floors symbols headers banned words versions shell; do
	passes $check
done

echo '#include "wire/name.h"' >>include/base/err.h
fails floors 'base/ may not include wire/'
echo '#include "cache/cache.h"' >>src/net/udp.c
fails floors 'net/ may not include cache/'
echo '#include "net/udp.h"' >>src/cache/cache_internal.h
fails floors 'cache/ may not include net/'
echo '#include <ldns/ldns.h>' >>src/wire/name.c
fails floors 'ldns/ldns.h does not belong'
echo '#include <event2/event.h>' >>src/cache/cache.c
fails floors 'event2/event.h does not belong'
echo '#include "base/log.h"' >>src/base/err.c
echo '#include "base/err.h"' >>include/base/log.h
fails floors 'base/log'

echo 'int text; int err_text(void) { return 0; }' | gcc -c -o err.o -x c -
fails symbols 'exported variable text'
echo 'int text_of_err(void) { return 0; }' | gcc -c -o err.o -x c -
fails symbols 'lacks the module name'

echo 'struct error { uint8_t code; };' >>include/base/err.h
fails headers 'include/base/err.h: does not compile alone'
sed -i 1d include/wire/name.h
fails headers 'include/wire/name.h: no #pragma once'
printf '#include <string.h>\n#include "net/udp.h"\n' >src/net/udp.c
fails headers '"net/udp.h" comes first'
printf '#include "net/udp.h"\n#include <string.h>\n#include <stdlib.h>\n' >src/net/udp.c
fails headers '<stdlib.h> is out of order'
printf '#include "net/udp.h"\n#include "base/err.h"\n#include <stdlib.h>\n' >src/net/udp.c
fails headers '<stdlib.h> is out of order'

for call in strcpy strcat sprintf vsprintf gets strtok atoi atol alloca rand localtime inet_ntoa \
	gethostbyname signal malloc free time exit random srand rand_r drand48 getrandom; do
	printf 'int x = y; /* a */ x = %s (y);\n' $call >>src/net/udp.c
	fails banned "src/net/udp.c:4: $call()"
done
echo 'int x = (gets(y), 0);' >tests/test_x.c
fails banned 'tests/test_x.c:1: gets()'

echo "see /w""ork/notes" >notes.md
fails words 'notes.md:1:.*a path of one machine'

echo 'courierdns (1.1-3) unstable; urgency=medium' >debian/changelog
fails versions 'debian/changelog: version 1.1'
echo 'Version: 1.3' >contrib/rpm/courierdns.spec
fails versions 'courierdns.spec: version 1.3'

# shellcheck disable=SC2016 # it is for the other script to expand
echo 'echo $PATH' >>tests/run.sh
fails shell SC2086
printf '#!/bin/bash\ncd somewhere\n' >.ci/run
fails shell SC2164

exit $failed
