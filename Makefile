# courierdns. Two commands do all the set-up on a fresh Debian 12: make run, make check.
# V=1 shows whole commands; SAN=address,undefined and CC=clang build a variant of their own.

VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
SAN ?=
V ?= 0
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
NEEDS := contrib/needs.sh

Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' $(1) $(2),)

# --- what to build -------------------------------------------------------------------------
# The order of the floors is the order of the archives: each may use those behind it.
FLOORS := app front query upstream cache policy rr net conf wire base
STRICT := base wire cache policy
VARIANT := $(notdir $(CC))$(if $(SAN),-san)
RELEASE := build/release
BUILD := build/$(VARIANT)

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wswitch-enum -Wundef -Wvla -Wcast-align -Werror
HARDEN := -fPIE -fstack-protector-strong -fvisibility=hidden -fno-common
BASEFLAGS := -std=c11 -D_GNU_SOURCE -DCOURIERDNS_VERSION='"$(VERSION)"' -Iinclude $(WARN) $(HARDEN)
TESTFLAGS := -O1 -g -fno-omit-frame-pointer \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
RELEASEFLAGS := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LIBS := -lldns -lconfig -levent_core

SOURCES := $(wildcard $(FLOORS:%=src/%/*.c))
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/test_*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all run check unit scenario fuzz-replay functional real catalogue lint tidy cppcheck \
	analyze fuzz format format-check size coverage install clean ci needs-build needs-check
.DEFAULT_GOAL := all
.SECONDARY:

all: $(RELEASE)/courierdns

# --- objects, one archive per floor, per variant -------------------------------------------
# $(1) directory, $(2) compiler, $(3) flags
define variant
$(1)/obj/%.o: src/%.c
	$$(call say,CC,$$<)
	@mkdir -p $$(dir $$@)
	$$(Q)$(2) $$(BASEFLAGS) $$(if $$(filter $$(STRICT),$$(firstword $$(subst /, ,$$*))),-Wconversion) \
		$(3) $$(CPPFLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<

$(foreach floor,$(FLOORS),
$(1)/lib$(floor).a: $(patsubst src/%.c,$(1)/obj/%.o,$(filter-out src/app/main.c,$(wildcard src/$(floor)/*.c)))
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^)

$(1)/courierdns: $(1)/obj/app/main.o $(FLOORS:%=$(1)/lib%.a)
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(eval $(call variant,$(RELEASE),$(CC),$(RELEASEFLAGS)))
$(eval $(call variant,$(BUILD),$(CC),$(TESTFLAGS)))

# --- running it ----------------------------------------------------------------------------
PORT ?= 5300
run: needs-build
	$(Q)$(MAKE) --no-print-directory all
	$(Q)PORT=$(PORT) sh contrib/try.sh $(RELEASE)/courierdns

needs-build:
	$(Q)sh $(NEEDS) build

needs-check: needs-build
	$(Q)sh $(NEEDS) check

# --- tests ---------------------------------------------------------------------------------
# A unit test links its own floor and those below, nothing else: what does not link leaks.
floors_from = $(shell echo $(FLOORS) | sed 's/.*\b$(1)\b/$(1)/')
define unit_test
$(BUILD)/unit/$(1): tests/unit/$(1).c tests/unit/unit.c tests/unit/unit.h \
		$(foreach f,$(call floors_from,$(firstword $(subst /, ,$(1)))),$(BUILD)/lib$(f).a)
	$$(call say,TEST,$(1))
	@mkdir -p $$(dir $$@)
	$$(Q)$$(CC) $$(BASEFLAGS) $$(TESTFLAGS) -Itests/unit $$(LDFLAGS) -o $$@ \
		$$(filter %.c %.a,$$^) -lcmocka $$(LIBS) -ldl
endef
$(foreach test,$(UNIT),$(eval $(call unit_test,$(test))))

check: needs-check
	$(Q)$(MAKE) --no-print-directory unit scenario fuzz-replay lint
	$(Q)$(MAKE) --no-print-directory functional
	$(Q)$(MAKE) --no-print-directory catalogue

unit: $(UNIT:%=$(BUILD)/unit/%)
	$(Q)sh tests/unit/run.sh $^

SCENARIO_SOURCES := $(wildcard tests/scenario/*.c)
$(BUILD)/scenario_run: $(SCENARIO_SOURCES) $(FLOORS:%=$(BUILD)/lib%.a)
	$(call say,TEST,scenario_run)
	$(Q)$(CC) $(BASEFLAGS) $(TESTFLAGS) -Itests/scenario $(LDFLAGS) -o $@ $(SCENARIO_SOURCES) \
		$(filter-out %/libfront.a %/libapp.a,$(filter %.a,$^)) $(LIBS)

scenario: $(BUILD)/scenario_run
	$(Q)$(BUILD)/scenario_run $(wildcard tests/scenario/*.scn)

functional: $(BUILD)/courierdns
	$(Q)COURIERDNS=$(abspath $(BUILD)/courierdns) SAN=$(SAN) sh tests/functional/run.sh

catalogue:
	$(Q)sh tests/lint/catalogue.sh

# --- fuzzing: clang's libFuzzer; the corpus is replayed by check through a plain main -------
FUZZ_FLAGS := -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_BUILD := build/fuzz
TIME ?= 60
TARGET ?= $(FUZZ)
$(eval $(call variant,$(FUZZ_BUILD),clang,$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined))
FUZZ_FLOORS := $(filter-out app front,$(FLOORS))

$(FUZZ_BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_FLOORS:%=$(FUZZ_BUILD)/lib%.a)
	$(call say,FUZZ,$*)
	$(Q)clang $(BASEFLAGS) $(FUZZ_FLAGS) -Itests/fuzz -fsanitize=fuzzer,address,undefined \
		$(LDFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

$(BUILD)/replay_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(FUZZ_FLOORS:%=$(BUILD)/lib%.a)
	$(call say,REPLAY,$*)
	$(Q)$(CC) $(BASEFLAGS) $(TESTFLAGS) -Itests/fuzz $(LDFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

fuzz: $(FUZZ:%=$(FUZZ_BUILD)/fuzz_%)
	$(Q)FUZZ_BUILD=$(FUZZ_BUILD) sh tests/fuzz/run.sh $(TIME) $(TARGET)

fuzz-replay: $(FUZZ:%=$(BUILD)/replay_%)
	$(Q)for target in $(FUZZ); do \
		$(BUILD)/replay_$$target tests/fuzz/corpus/$$target/* || exit 1; done

# --- reading it ----------------------------------------------------------------------------
lint: $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
	$(Q)sh tests/lint/run.sh $^

C_FILES := $(SOURCES) $(wildcard tests/unit/*.c tests/unit/*/*.c tests/fuzz/*.c tests/scenario/*.c)
H_FILES := $(wildcard include/*/*.h src/*/*.h tests/unit/*.h tests/fuzz/*.h tests/scenario/*.h)
tidy:
	$(Q)clang-tidy --quiet $(SOURCES) -- $(filter-out -Werror,$(BASEFLAGS))
cppcheck:
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 -Iinclude src
analyze:
	$(Q)for file in $(SOURCES); do clang --analyze --analyzer-output text -Xclang -analyzer-werror \
		$(filter-out -Werror,$(BASEFLAGS)) -o /dev/null $$file || exit 1; done
format:
	$(Q)clang-format -i $(C_FILES) $(H_FILES)
format-check:
	$(Q)clang-format --dry-run -Werror $(C_FILES) $(H_FILES)

size: $(RELEASE)/courierdns
	$(Q)sh tests/bench/size.sh $(RELEASE)/courierdns

coverage:
	$(Q)sh tests/lint/coverage.sh

install: all
	install -D -m 755 $(RELEASE)/courierdns $(DESTDIR)$(PREFIX)/sbin/courierdns
	test -e $(DESTDIR)$(SYSCONFDIR)/courierdns.conf || \
		install -D -m 644 etc/courierdns.conf $(DESTDIR)$(SYSCONFDIR)/courierdns.conf

clean:
	rm -rf build

ci:
	bash .ci/run

-include $(shell find build -name '*.d' 2>/dev/null)
