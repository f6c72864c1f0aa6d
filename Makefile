# courierdns. Two commands do all the set-up on a fresh Debian 12: make run, make check.
# `make help` lists the others. V=1 shows whole commands. CC=clang, SAN=address,undefined,
# SAN=thread and COVERAGE=1 each build in a folder of their own below build/.

VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
MANDIR ?= $(PREFIX)/share/man
SAN ?=
# TLS=openssl has the doctor look at certificates, in folders of its own below build/
TLS ?=
V ?= 0
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
# yes where a program of header $(1) and call $(2) can be linked with the libraries $(3), else no
hash := \#
is_here = $(shell printf '$(hash)include <$(1)>\nint main(void) { return $(2) != 0; }\n' | \
	$(CC) -x c -o /dev/null - $(3) 2>/dev/null && echo yes || echo no)
# WEB=no leaves out the pages over HTTP; found out where it is not said
ifeq ($(origin WEB),undefined)
WEB := $(call is_here,event2/http.h,evhttp_new(0),-levent_extra -levent_core)
endif
# SECCOMP=no leaves out the filter of system calls, likewise
ifeq ($(origin SECCOMP),undefined)
SECCOMP := $(call is_here,seccomp.h,seccomp_init(0),-lseccomp)
endif
# PIE=no leaves the program where it is linked to: for MIPS, where each call and each text is looked up in a
# table otherwise, which makes a seventh more of it
PIE ?= yes
# NFTSET=no leaves out that addresses are put into sets of the packet filter, likewise
ifeq ($(origin NFTSET),undefined)
NFTSET := $(call is_here,libmnl/libmnl.h,mnl_nlmsg_put_header(0),-lmnl)
endif
# SYSTEMD=no leaves out what is told to systemd, and the sockets that it opens
SYSTEMD ?= yes
# Of a file beyond 2 GB, or with an inode number as large file systems have them, systems of 32 bits know
# only where they are asked for that; elsewhere it would give calls other names.
WIDE := $(if $(filter 4,$(lastword $(shell echo __SIZEOF_LONG__ | $(CC) -x c -E - 2>/dev/null))),-D_FILE_OFFSET_BITS=64)
# What was left out because somebody said so is built beside; what was found is kept, so that all is built
# anew where more is found.
said_no = $(filter no-command no-environment,$($(1))-$(firstword $(origin $(1))))
WITHOUT := $(if $(call said_no,WEB),-noweb)$(if $(call said_no,SECCOMP),-noseccomp)$(if $(call said_no,NFTSET),-nonftset)$(if $(call said_no,SYSTEMD),-nosystemd)$(if $(filter no,$(PIE)),-nopie)
FOUND := build/found$(WITHOUT)
$(shell mkdir -p build && echo '$(WEB) $(SECCOMP) $(NFTSET)' | cmp -s - $(FOUND) || echo '$(WEB) $(SECCOMP) $(NFTSET)' >$(FOUND))
# without what a router does without, as which $(ROUTER) is built
AS_ROUTER := WEB=no SECCOMP=no NFTSET=no SYSTEMD=no TLS=
NEEDS := sh contrib/needs.sh
MAKEFLAGS += --no-print-directory $(if $(filter 0,$(MAKELEVEL)),-j2)
ifneq (,$(filter clean,$(MAKECMDGOALS)))
.NOTPARALLEL:
endif

Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' $(1) $(2),)

# --- what to build -------------------------------------------------------------------------
# The order of the floors is the order of the archives: each may use those behind it.
FLOORS := app front side query upstream devices cache policy rr net conf wire base
STRICT := base wire cache policy devices
comma := ,
COMPILER := $(notdir $(lastword $(CC)))
RELEASE := build/release$(filter-out -gcc,-$(COMPILER))$(TLS:%=-%)$(WITHOUT)
ROUTER := build/release$(filter-out -gcc,-$(COMPILER))-noweb-noseccomp-nonftset-nosystemd
BUILD := build/$(if $(COVERAGE),coverage,$(COMPILER)$(if $(SAN),-$(subst $(comma),-,$(SAN))))$(TLS:%=-%)$(WITHOUT)

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wswitch-enum -Wundef -Wvla -Wcast-align -Werror
HARDEN := $(if $(filter no,$(PIE)),-fno-pie,-fPIE) -fstack-protector-strong -fvisibility=hidden -fno-common
BASEFLAGS := -std=c11 -D_GNU_SOURCE $(WIDE) -DCOURIERDNS_VERSION='"$(VERSION)"' -Iinclude $(WARN) $(HARDEN) \
	$(if $(filter openssl,$(TLS)),-DCOURIERDNS_OPENSSL) -DCOURIERDNS_WEB=$(if $(filter no,$(WEB)),0,1) \
	-DCOURIERDNS_SECCOMP=$(if $(filter no,$(SECCOMP)),0,1) -DCOURIERDNS_NFTSET=$(if $(filter no,$(NFTSET)),0,1) \
	-DCOURIERDNS_SYSTEMD=$(if $(filter no,$(SYSTEMD)),0,1)
TESTFLAGS := $(if $(COVERAGE),-O0 --coverage,-O1) -g -fno-omit-frame-pointer -DCOURIERDNS_TESTS \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) $(if $(SAN)$(COVERAGE),-DCOURIERDNS_SANITIZED)
# What is answered from the cache passes through the first, what is asked upstream through the second,
# which is made fast where that costs little; the rest is made small. (make bench-check PROFILE=1, make size)
# A debugger unwinds by -g. Of the stack, what has a buffer is protected: -strong would be all whose address
# is taken as well, for 10 kB more.
# How far calls are checked is for a distribution to say, where it does.
FORTIFY := $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
FAST := base/hash% cache/cache_key cache/index net/udp net/udp_replies query/fastpath
BRISK := base/slab cache/cache cache/entry cache/store front/listener_udp query/worker \
	query/request wire/reply
RELEASEFLAGS := -O2 -g $(FORTIFY) -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -fstack-protector --param=ssp-buffer-size=4 -Icontrib/release
# Known by trying, once, when first wanted; WHOLE= and the like do without.
tried = $(eval $(1) := $$(shell sh contrib/smaller.sh $(2) $(CC) $(if $(filter no,$(PIE)),-fno-pie -no-pie,-fPIE -pie)))$($(1))
AS_SMALL = $(call tried,AS_SMALL,small)
AS_BRISK = $(call tried,AS_BRISK,brisk)
WHOLE = $(call tried,WHOLE,whole)
PACK = $(call tried,PACK,link)
# The link lays out constants: of what is not a module's, the last -O counts.
# for $(1), a module
release_flags = $(WHOLE) $(if $(filter $(FAST),$(1)),$(filter -falign-%,$(AS_BRISK)),$(if $(filter $(BRISK),$(1)),$(AS_BRISK),$(AS_SMALL)))
LINKFLAGS := $(if $(filter no,$(PIE)),-no-pie,-pie) -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections
LIBS := -lldns -lconfig $(if $(filter-out no,$(WEB)),-levent_extra) -levent_core $(if $(filter-out no,$(SECCOMP)),-lseccomp) $(if $(filter-out no,$(NFTSET)),-lmnl) -pthread $(if $(filter openssl,$(TLS)),-lssl -lcrypto)

SOURCES := $(wildcard $(FLOORS:%=src/%/*.c))
# What is not built is not tested.
UNIT := $(filter-out $(if $(filter no,$(NFTSET)),net/test_nftset%) $(if $(filter no,$(SYSTEMD)),net/test_passed),$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/test_*.c)))
SCENARIO := $(patsubst tests/%.c,%,$(wildcard tests/scenario/*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/bench_*.c))

.PHONY: help all run check programs unit scenario fuzz-programs fuzz-replay functional flaps catalogue \
	reloads lint tidy cppcheck analyze fuzz format format-check size size-router bench bench-table bench-check bench-parts faults soak differential lab coverage \
	man man-check install clean ci needs-build needs-check needs-tools needs-faults needs-bench needs-lab
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

help:	## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

all: $(RELEASE)/courierdns	## the program, optimised and hardened: build/release/courierdns

# --- objects, one archive per floor, per variant -------------------------------------------
# $(1) directory, $(2) compiler, $(3) flags, $(4) more of them for what is in src/, $(5) for the link of
# the program. An archive looks at its folder too, for files that have gone; whatever is made looks at the
# Makefile, for flags that have changed. The program is linked of objects, for what is optimised as a
# whole wants an `ar` of its own, and is made into instructions by the link, as the flags of the compiler say
# which; that floors need none above them is for the unit tests to see.
define variant
$(1)/obj/%.o: src/%.c Makefile $(FOUND)
	$$(call say,CC,$$<)
	@mkdir -p $$(dir $$@)
	$$(Q)$(2) $$(BASEFLAGS) $$(if $$(filter $$(STRICT),$$(firstword $$(subst /, ,$$*))),-Wconversion) \
		$(3) $(4) \
		$$(CPPFLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<

$(1)/tests/%.o: tests/%.c Makefile $(FOUND)
	@mkdir -p $$(dir $$@)
	$$(Q)$(2) $$(BASEFLAGS) $(3) -Itests/$$(firstword $$(subst /, ,$$*)) $$(CPPFLAGS) $$(CFLAGS) \
		-MMD -MP -c -o $$@ $$<

$(foreach floor,$(FLOORS),
$(1)/lib$(floor).a: $(patsubst src/%.c,$(1)/obj/%.o,$(filter-out src/app/main.c,$(wildcard src/$(floor)/*.c))) $(wildcard src/$(floor)) Makefile
	@mkdir -p $$(dir $$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^))

$(1)/courierdns: $(SOURCES:src/%.c=$(1)/obj/%.o)
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) $$(CFLAGS) $$(LINKFLAGS) $(5) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(eval $(call variant,$(RELEASE),$(CC),$(RELEASEFLAGS),$$(call release_flags,$$*),$$(WHOLE) $$(firstword $$(AS_SMALL)) $$(PACK)))
$(eval $(call variant,$(BUILD),$(CC),$(TESTFLAGS)))
link_test = $(CC) $(TESTFLAGS) $(LINKFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)

# --- running it ----------------------------------------------------------------------------
PORT ?= 5300
run: needs-build	## builds and starts it on 127.0.0.1, in the foreground (PORT=5300)
	$(Q)$(MAKE) all
	$(Q)PORT=$(PORT) sh contrib/try.sh $(RELEASE)/courierdns

needs-build:
	$(Q)$(NEEDS) build

needs-check:
	$(Q)$(NEEDS) build check

needs-tools:	## installs what fuzz, format, tidy, cppcheck and analyze need
	$(Q)$(NEEDS) build check tools

needs-faults:
	$(Q)$(NEEDS) build $(if $(CUT),check,faults)

needs-bench:
	$(Q)$(NEEDS) build $(if $(QUICK),check,bench)

needs-lab:
	$(Q)$(NEEDS) build $(if $(CUT),check,lab)

needs-package:
	$(Q)$(NEEDS) build package

# --- tests ---------------------------------------------------------------------------------
check: needs-check	## everything a commit must pass
	$(Q)$(MAKE) -Otarget unit scenario fuzz-replay lint man-check
	$(Q)$(MAKE) functional
	$(Q)$(MAKE) catalogue

# A unit test links its own floor and those below, nothing else: what does not link leaks.
floors_from = $(if $(2),$(if $(filter $(1),$(firstword $(2))),$(2),$(call \
	floors_from,$(1),$(wordlist 2,99,$(2)))))
define unit_test
$(BUILD)/unit/$(1): $(BUILD)/tests/unit/$(1).o $(BUILD)/tests/unit/unit.o \
		$(patsubst %,$(BUILD)/lib%.a,$(call floors_from,$(firstword $(subst /, ,$(1))),$(FLOORS)))
	$$(call say,TEST,$(1))
	@mkdir -p $$(dir $$@)
	$$(Q)$$(link_test) -lcmocka $$(LIBS) -ldl -lm
endef
$(foreach test,$(UNIT),$(eval $(call unit_test,$(test))))

# What the tests run, without running it.
programs: $(UNIT:%=$(BUILD)/unit/%) $(BUILD)/courierdns $(BUILD)/scenario_run

unit: $(UNIT:%=$(BUILD)/unit/%)	## every module by itself, also with memory running short
	$(Q)sh tests/unit/run.sh $^

# Of net/ only the timers are the real ones: tests/scenario/fake_net.c is the rest.
$(BUILD)/scenario_run: $(SCENARIO:%=$(BUILD)/tests/%.o) $(BUILD)/obj/net/timer.o \
		$(patsubst %,$(BUILD)/lib%.a,$(filter-out app front net,$(FLOORS)))
	$(call say,TEST,scenario_run)
	$(Q)$(link_test) $(LIBS)

# Each is played again with its first, second, ... allocation failing, STARVE times.
STARVE ?= 100
scenario: $(BUILD)/scenario_run	## whole conversations, with the network and the time made up
	$(Q)$< --starve=$(STARVE) $(filter-out $(if $(filter no,$(NFTSET)),tests/scenario/nft_%),$(wildcard tests/scenario/*.scn))

# What the tests preload into the program, and what loads it (tests/faults).
$(BUILD)/starve.so $(BUILD)/intrude.so: $(BUILD)/%.so: tests/functional/%.c Makefile
	@mkdir -p $(dir $@)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O1 -g -fPIC -shared -o $@ $<

MILL := $(RELEASE)/faults
LAB := devices apple
functional: $(BUILD)/courierdns $(BUILD)/starve.so $(BUILD)/intrude.so $(MILL)/load $(MILL)/upstream $(LAB:%=$(RELEASE)/lab/%)	## the program on loopback against scripted and real servers
	$(Q)COURIERDNS=$(abspath $<) SAN=$(SAN)$(if $(COVERAGE),coverage) TLS=$(TLS) WEB=$(WEB) SECCOMP=$(SECCOMP) NFTSET=$(NFTSET) SYSTEMD=$(SYSTEMD) \
		STARVER=$(abspath $(BUILD)/starve.so) INTRUDER=$(abspath $(BUILD)/intrude.so) \
		MILL=$(abspath $(MILL)) LAB=$(abspath $(RELEASE)/lab) sh tests/functional/run.sh

# The same tests as `functional` has, for longer; what they measure is printed.
FLAPS_TESTS := ^network\.(flaps|FO_08|an_outage|a_slow)
flaps: needs-check	## the WAN gone and back a hundred times, and outages of a minute: figures
	$(Q)$(MAKE) all
	@echo "flaps: 50 questions a second meanwhile            demanded             measured"
	$(Q)COURIERDNS=$(abspath $(RELEASE)/courierdns) FLAPS=100 OUTAGE=60 JOBS=1 ONLY='$(FLAPS_TESTS)' \
		sh tests/functional/run.sh

# 200 reloads with one worker and with four, every fourth of a broken file, under 2,000 questions a second.
reloads: needs-check	## two hundred reloads under load: what is lost, memory, descriptors
	$(Q)$(MAKE) all $(MILL)/upstream
	$(Q)COURIERDNS=$(abspath $(RELEASE)/courierdns) MILL=$(abspath $(MILL)) RELOADS=200 RELOAD_QPS=2000 JOBS=1 \
		ONLY='^reload.OP_01' sh tests/functional/run.sh

catalogue:	## which cases of the catalogue have a test
	$(Q)sh tests/lint/catalogue.sh

# --- fuzzing: clang's libFuzzer; the corpus is replayed by check through a plain main -------
FUZZ_FLAGS := -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_BUILD := build/fuzz$(WITHOUT)
FUZZ_FLOORS := $(filter-out app front,$(FLOORS))
TIME ?= 60
TARGET ?= $(FUZZ)
$(eval $(call variant,$(FUZZ_BUILD),clang,$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link$(comma)address$(comma)undefined))

$(FUZZ_BUILD)/fuzz_%: $(FUZZ_BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_FLOORS:%=$(FUZZ_BUILD)/lib%.a)
	$(call say,FUZZ,$*)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined $(LINKFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(FUZZ_FLOORS:%=$(BUILD)/lib%.a)
	$(call say,REPLAY,$*)
	$(Q)$(link_test) $(LIBS)

fuzz-programs: $(TARGET:%=$(FUZZ_BUILD)/fuzz_%)

# What reaches something new is in build/fuzz/new/ then; KEEP=1 adds it to the corpus of the tree.
fuzz: fuzz-programs	## new inputs for TARGET=..., for TIME=60 seconds each
	$(Q)FUZZ_BUILD=$(FUZZ_BUILD) KEEP="$(KEEP)" sh tests/fuzz/run.sh $(TIME) $(TARGET)

fuzz-replay: $(FUZZ:%=$(BUILD)/replay_%)	## the inputs kept from fuzzing, once more
	$(Q)for target in $(FUZZ); do \
		$(BUILD)/replay_$$target tests/fuzz/corpus/$$target/* || exit 1; done
	@echo "fuzz-replay: $(words $(wildcard tests/fuzz/corpus/*/*)) inputs"

# --- reading it ----------------------------------------------------------------------------
lint: $(SOURCES:src/%.c=$(BUILD)/obj/%.o)	## floors, names, headers, banned calls, scripts; sizes
	$(Q)sh tests/lint/run.sh $^

C_FILES := $(SOURCES) $(wildcard tests/*/*.c tests/unit/*/*.c)
H_FILES := $(wildcard include/*/*.h src/*/*.h tests/*/*.h tests/unit/*/*.h)
READFLAGS := $(filter-out -Werror,$(BASEFLAGS))

# One file a job: $(call each,NAME,COMMAND) makes NAME of every source.
define each
$(1): $(SOURCES:%=$(1)+%)
$(SOURCES:%=$(1)+%): $(1)+%:
	$$(Q)$(2)
endef
$(eval $(call each,tidy,clang-tidy --quiet $$* -- $$(READFLAGS) 2>/dev/null))
tidy:	## clang-tidy
$(eval $(call each,analyze,clang --analyze --analyzer-output text -Xclang -analyzer-werror $$(READFLAGS) $$* \
	&& gcc $$(BASEFLAGS) -O1 -fanalyzer -c -o /dev/null $$*))
analyze:	## the static analyzers of clang and gcc
cppcheck:	## cppcheck
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=ctuuninitvar --error-exitcode=1 -Iinclude src
format:		## lays out the C files with clang-format
	$(Q)clang-format -i $(C_FILES) $(H_FILES)
format-check:	## whether that would change anything
	$(Q)clang-format --dry-run -Werror $(C_FILES) $(H_FILES)

size: $(RELEASE)/courierdns	## bytes of the program, for mipsel too, memory idle and with its cache full
	$(Q)sh tests/bench/size.sh $<
	$(Q)$(MAKE) $(AS_ROUTER) size-router

size-router: $(RELEASE)/courierdns
	$(Q)sh tests/bench/size_router.sh $<

$(BENCH:%=$(RELEASE)/%): $(RELEASE)/%: $(RELEASE)/tests/bench/%.o \
		$(patsubst src/%.c,$(RELEASE)/obj/%.o,$(filter-out src/app/main.c,$(SOURCES)))
	$(Q)$(CC) $(RELEASEFLAGS) $(WHOLE) $(LINKFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lm

bench-parts: $(BENCH:%=$(RELEASE)/%)	## what the parts cost, one by one: nanoseconds, bytes
	$(Q)for bench in $^; do echo "$$(basename $$bench):"; $$bench || exit 1; done

# Both build/release/faults/load and .../upstream; what they share stands in every one of them.
FAULTS := load upstream
FAULTS_PARTS := $(filter-out $(FAULTS:%=tests/faults/%.c),$(wildcard tests/faults/*.c))
$(FAULTS:%=$(RELEASE)/faults/%): $(RELEASE)/faults/%: $(RELEASE)/tests/faults/%.o \
		$(FAULTS_PARTS:%.c=$(RELEASE)/%.o)
	@mkdir -p $(dir $@)
	$(Q)$(CC) $(RELEASEFLAGS) $(LINKFLAGS) $(LDFLAGS) -o $@ $^ -lm

# CUT=1: smaller numbers and without the other servers; ONLY=L1,L5 picks figures, PEERS="unbound" others.
faults: needs-faults	## figures under load and faults, demanded, ours and those of others (CUT=1: short)
	$(Q)$(MAKE) all $(FAULTS:%=$(RELEASE)/faults/%)
	$(Q)$(MAKE) $(AS_ROUTER) all
	$(Q)FAULTS=$(abspath $(RELEASE)) FAULTS_ROUTER=$(abspath $(ROUTER)) CUT="$(CUT)" ONLY="$(ONLY)" \
		PEERS="$(PEERS)" sh tests/faults/run.sh

# MINUTES=36 are 24 hours at 50 questions a second, CUT=1 less than one; WORKERS=4 has more than one thread.
soak: needs-check	## ten minutes of a day's questions, faults and reloads: what grows, slows down or goes wrong
	$(Q)$(MAKE) all $(FAULTS:%=$(RELEASE)/faults/%)
	$(Q)FAULTS=$(abspath $(RELEASE)) CUT="$(CUT)" MINUTES="$(MINUTES)" sh tests/faults/run.sh soak

# QUERIES=100000 is how many; CUT=1: 2,000.
differential: needs-check	## 100,000 questions, asked upstream itself and through the program: what differs
	$(Q)$(MAKE) all
	$(Q)FAULTS=$(abspath $(RELEASE)) CUT="$(CUT)" QUERIES="$(QUERIES)" sh tests/faults/run.sh differential

# build/release/bench/load, .../echo, .../origin and .../hostile; what they share stands in every one of them.
METER := load echo origin hostile
COUNTS := $(wildcard tests/bench/counts*.c)
METER_PARTS := $(filter-out $(METER:%=tests/bench/%.c) $(BENCH:%=tests/bench/%.c) \
	$(COUNTS),$(wildcard tests/bench/*.c)) $(FAULTS_PARTS)
METERS := $(METER:%=$(RELEASE)/bench/%) $(RELEASE)/bench/counts.so
$(METER:%=$(RELEASE)/bench/%): $(RELEASE)/bench/%: $(RELEASE)/tests/bench/%.o \
		$(METER_PARTS:%.c=$(RELEASE)/%.o)
	@mkdir -p $(dir $@)
	$(Q)$(CC) $(RELEASEFLAGS) $(LINKFLAGS) $(LDFLAGS) -o $@ $^ -lm

$(RELEASE)/bench/counts.so: $(COUNTS) tests/bench/counts.h Makefile
	@mkdir -p $(dir $@)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O1 -g -fPIC -shared -o $@ $(COUNTS)

# QUICK=1: under 3 minutes, without other servers; ONLY=W1,W4 picks, PEERS="unbound dnsdist" others.
bench: needs-bench	## how fast, how large: ours and others beside an echo, which is the limit (QUICK=1)
	$(Q)$(MAKE) all $(METERS) $(RELEASE)/bench_devices
	$(Q)PROGRAMS=$(abspath $(RELEASE)) QUICK="$(QUICK)" ONLY="$(ONLY)" PEERS="$(PEERS)" \
		sh tests/bench/run.sh
	$(if $(ONLY),,$(Q)echo "what the timeline of devices costs a hit:"; $(RELEASE)/bench_devices)

bench-table:	## the tables of the last bench in Markdown, as README.md has them
	$(Q)/usr/bin/python3 -B tests/bench/tables.py $(RELEASE)/bench/results.json

# RECORD=1 writes them down, PROFILE=1 tells by function where instructions go.
bench-check: needs-check	## instructions and allocations of a query, beside what they were
	$(Q)$(MAKE) all $(METERS)
	$(Q)PROGRAMS=$(abspath $(RELEASE)) RECORD="$(RECORD)" PROFILE="$(PROFILE)" \
		sh tests/bench/run.sh check

LAB_PARTS := $(filter-out $(LAB:%=tests/lab/%.c),$(wildcard tests/lab/*.c)) $(FAULTS_PARTS)
$(LAB:%=$(RELEASE)/lab/%): $(RELEASE)/lab/%: $(RELEASE)/tests/lab/%.o $(LAB_PARTS:%.c=$(RELEASE)/%.o)
	@mkdir -p $(dir $@)
	$(Q)$(CC) $(RELEASEFLAGS) $(LINKFLAGS) $(LDFLAGS) -o $@ $^

# DEVICES=40 are fewer; ONLY="courierdns unbound" picks routers, SETTINGS="plain nxdomain" settings; CUT=1: short.
lab: needs-lab	## 200 iPads are activated behind courierdns and others, in namespaces (DEVICES=200)
	$(Q)$(MAKE) all $(LAB:%=$(RELEASE)/lab/%)
	$(Q)PROGRAMS=$(abspath $(RELEASE)) CUT="$(CUT)" ONLY="$(ONLY)" SETTINGS="$(SETTINGS)" \
		DEVICES="$(DEVICES)" sh tests/lab/run.sh

# ARCH=mipsel, s390x or musl; all three where none is said. cross-programs makes them and runs none.
ARCH ?= mipsel s390x musl
.PHONY: cross cross-programs
cross: needs-check	## builds for other machines and musl, and runs tests there (ARCH=mipsel)
	+$(Q)for arch in $(ARCH); do sh contrib/cross.sh $$arch || exit 1; done

cross-programs:
	+$(Q)for arch in $(ARCH); do sh contrib/cross.sh $$arch build || exit 1; done

coverage:	## which lines the tests reach, floor by floor
	$(Q)sh tests/lint/coverage.sh

# --- manual pages and completions: frames in contrib, the rest from the program's own tables --
DOCS_PARTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/docs/*.c))
$(BUILD)/docs: $(DOCS_PARTS) $(FLOORS:%=$(BUILD)/lib%.a)
	$(Q)$(link_test) $(LIBS)

PAGES := $(notdir $(wildcard contrib/man/*.[58]))
COMPLETIONS := $(notdir $(wildcard contrib/completion/*))
MADE := $(PAGES:%=build/man/%) $(COMPLETIONS:%=build/completion/%)
$(MADE): build/%: contrib/% $(BUILD)/docs
	@mkdir -p $(dir $@)
	$(Q)$(BUILD)/docs $< > $@

man-check: $(MADE) $(BUILD)/courierdns	## what mandoc and the shells say of these, and that bash completes by them
	$(Q)sh tests/docs/check.sh build $(BUILD)/courierdns

man: $(MADE)	## manual pages and completions, into build/man and build/completion

# --- and the rest --------------------------------------------------------------------------
# DOCS=no: without manual pages and completions.
install: all $(if $(filter no,$(DOCS)),,man)	## to PREFIX and SYSCONFDIR, below DESTDIR
	install -D -m 755 $(RELEASE)/courierdns $(DESTDIR)$(PREFIX)/sbin/courierdns
	test -e $(DESTDIR)$(SYSCONFDIR)/courierdns.conf || \
		install -D -m 644 etc/courierdns.conf $(DESTDIR)$(SYSCONFDIR)/courierdns.conf
ifneq ($(DOCS),no)
	for page in $(PAGES); do \
		install -D -m 644 build/man/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit 1; done
	install -D -m 644 build/completion/courierdns.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/courierdns
	install -D -m 644 build/completion/_courierdns \
		$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_courierdns
	install -D -m 644 build/completion/courierdns.fish \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/courierdns.fish
endif

# --- packages ------------------------------------------------------------------------------
.PHONY: dist deb rpm package-check needs-package
dist:		## build/dist/courierdns-VERSION.tar.gz
	$(Q)sh contrib/dist.sh $(VERSION) build/dist

# Both ask no network themselves; needs-package does, for what is missing here.
deb: needs-package	## Debian packages, in build/deb, read by lintian
	$(Q)sh contrib/deb.sh $(VERSION)

rpm: needs-package	## RPM packages, in build/rpm, read by rpmlint
	$(Q)sh contrib/rpm.sh $(VERSION)

# ONLY="busy purge" picks scenes, MANAGER=no leaves out those under systemd, KEEP=1 keeps the machine.
package-check: needs-package	## installs, starts, upgrades and purges the Debian package in a machine of its own
	$(Q)$(MAKE) deb
	$(Q)ONLY="$(ONLY)" MANAGER="$(MANAGER)" KEEP="$(KEEP)" sh tests/package/run.sh

clean:	## removes build/
	rm -rf build

ci:	## all of the above, as .ci/run does it
	bash .ci/run

# Of what this make makes alone: another may be at work beside it.
-include $(shell find $(BUILD) $(RELEASE) $(if $(filter fuzz% $(FUZZ_BUILD)/%,$(MAKECMDGOALS)),$(FUZZ_BUILD)) \
	-name '*.d' 2>/dev/null)
