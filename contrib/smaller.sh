#!/bin/sh
# Says which flags that make a program smaller are known to a compiler, its linker and, where that matters,
# the loader of this machine. What cannot be tried here (the program of a cross compiler does not run) is
# left out. Usage: smaller.sh small|brisk|whole|link CC..., with what makes it position-independent or not
set -eu
what=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/main.c" <<'END'
const char *texts(int at);
int main(int argc, char **argv)
{
	(void)argv;
	return texts(argc)[0] != 'b';
}
END
cat >"$dir/texts.c" <<'END'
const char *texts(int at);
const char *texts(int at)
{
	static const char *const all[] = { "a", "b", "c", "d" };
	return all[at & 3];
}
END

# Who does not know a flag warns of it, at the least.
knows() {
	said=$("$@" -o "$dir/main" "$dir/main.c" "$dir/texts.c" 2>&1) && [ -z "$said" ]
}

case $what in
small) # of what is hardly ever run
	if knows "$@" -Oz; then echo -Oz; else echo -Os; fi
	# a jump out of a function takes its epilogue along; the rest copies code, or keeps what is as soon
	# made again
	for flag in -fno-inline-functions-called-once -fno-jump-tables -fno-optimize-sibling-calls \
		-fno-caller-saves -fno-tree-dominator-opts -fno-tree-loop-im -fno-move-loop-invariants \
		-fno-gcse -fno-ipa-cp -fno-partial-inlining -fno-shrink-wrap; do
		if knows "$@" $flag; then echo $flag; fi
	done
	;;
brisk) # of what is run now and then: -O2 without what grows it most and gains it least
	for flag in -fno-inline-functions -falign-functions=1 -falign-jumps=1 -falign-loops=1; do
		if knows "$@" -O2 $flag; then printf '%s ' $flag; fi
	done
	;;
whole) # the program is optimised as one; clang's way of that wants a linker of its own
	case $("$@" --version) in
	*clang*) ;;
	*) if knows "$@" -O2 -flto -flto-partition=none; then echo -flto -flto-partition=none; fi ;;
	esac
	# where a call through a table is one instruction; no tables at each other's distance
	case $("$@" -dumpmachine) in
	x86_64*)
		for flag in -fno-plt -malign-data=abi; do
			if knows "$@" $flag; then echo $flag; fi
		done
		;;
	mips*) # where the program stays where it is linked to, others are called by their address too
		if knows "$@" -mplt; then echo -mplt; fi
		;;
	esac
	;;
link) # Each pointer in a table is a relocation: 24 bytes of the file, or a bit where the loader knows of
	# that; one that does not refuses to start the program, or starts one that ends at its first table.
	flag=-Wl,-z,pack-relative-relocs
	if knows "$@" -O2 $flag && "$dir/main"; then echo $flag; fi
	# no pages half empty between code and constants
	flag=-Wl,-z,noseparate-code
	if knows "$@" -O2 $flag; then echo $flag; fi
	;;
esac
