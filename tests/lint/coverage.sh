#!/bin/sh
# Runs the tests in a build that counts lines and says, floor by floor, how many were reached. Fails
# where wire, cache, policy, devices or query stay under 95 %, and where a test fails.
unset MAKEFLAGS MFLAGS MAKELEVEL # of the make that calls: ours build with both cores
build=build/coverage
status=0
find $build -name '*.gcda' -delete 2>/dev/null
echo "coverage: unit, scenario"
make COVERAGE=1 -j2 -Otarget unit scenario || status=1
# The other runs of these tests take the fast path, which must make no difference to what they see.
echo "coverage: functional, all of it by the long way"
make COVERAGE=1 programs && $build/courierdns version >/dev/null || status=1
chmod -R a+rwX $build/obj # whoever becomes another account counts in the same files
COURIERDNS_LONG_WAY=1 make COVERAGE=1 functional || status=1

# gcov prints each source beside its counts: "  5:  12:code", "#####" where a line was not reached.
find $build/obj -name '*.gcno' -exec gcov --stdout --relative-only {} + 2>/dev/null | awk '
BEGIN {
	floors = split("base wire conf rr net policy cache devices upstream query side front app", floor, " ")
	split("wire cache policy devices query", list, " "); for (i in list) aim[list[i]] = 95
}
{
	count = $0; sub(/:.*/, "", count); gsub(/[ *]/, "", count)
	line = $0; sub(/^[^:]*: */, "", line); sub(/:.*/, "", line)
	code = $0; sub(/^[^:]*:[^:]*:/, "", code)
}
line == 0 && code ~ /^Source:/ { file = substr(code, 8) }
line > 0 && count != "-" {
	place = file ":" line
	if (!(place in reached)) { order[++places] = place; text[place] = code; reached[place] = 0 }
	if (count !~ /[#=]/) reached[place] = 1
}
function end_run() {
	if (run) print run "\t" first "-" last "\t" run " lines from:" text[first] | worst
	run = 0
}
END {
	worst = "sort -k1,1nr -s | head -n 20 | cut -f2-"
	for (i = 1; i <= places; i++) {
		split(order[i], part, "[/:]")
		all[part[2]]++
		good[part[2]] += reached[order[i]]
	}
	print "coverage: lines reached"
	for (i = 1; i <= floors; i++) {
		name = floor[i]
		if (!all[name]) continue
		share = 100 * good[name] / all[name]
		if (name in aim && share < aim[name]) bad = 1
		printf "  %-10s %5.1f %% of %5d%s\n", name, share, all[name], \
			name in aim ? (share < aim[name] ? "  UNDER " : "  aim ") aim[name] " %" : ""
	}
	if (bad) print "the longest stretches not reached, where there is an aim:"
	for (i = 1; i <= places; i++) {
		split(order[i], part, "[/:]")
		file = order[i]; sub(/:.*/, "", file)
		if (file != last_file || reached[order[i]]) end_run()
		last_file = file
		if (bad && part[2] in aim && !reached[order[i]]) {
			if (!run++) first = order[i]
			last = order[i]; sub(/.*:/, "", last)
		}
	}
	end_run()
	close(worst)
	exit bad
}' || status=1
exit $status
