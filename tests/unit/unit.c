#include "unit.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

/* A sanitizer brings a malloc() of its own; that for addresses looks for leaks too. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#elif __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif
#ifndef HAS_TSAN
#define HAS_TSAN 0
#endif

#define TRIES_ONE_BY_ONE 100u
#define CHILD_TIMEOUT_S 120u

/* --- the run going on ---------------------------------------------------------------------- */

static struct {
	const struct CMUnitTest *test;
	void *state;
	bool is_set_up, was_starved;
	bool mem_only;
	uint64_t fail_at; /* 0 in a plain run */
	struct {
		const void *thing;
		void (*give_back)(void);
	} owned[128];
	size_t owned_count;
	size_t zalloc_used;
} run;

static alignas(max_align_t) uint8_t zalloc_bytes[1 << 20];

static void die(const char *why)
{
	fprintf(stderr, "unit: %s\n", why);
	abort();
}

void *unit_own_pointer(const void *thing, void (*give_back)(void))
{
	if (thing == NULL)
		return NULL;
	if (run.owned_count == sizeof(run.owned) / sizeof(run.owned[0]))
		die("one test owns too many things");
	run.owned[run.owned_count].thing = thing;
	run.owned[run.owned_count++].give_back = give_back;
	return (void *)(uintptr_t)thing;
}

static void give_back_all(void)
{
	while (run.owned_count > 0) {
		run.owned_count--;
		/* every pointer is passed alike, whatever it points to */
		((void (*)(void *))run.owned[run.owned_count].give_back)(
			(void *)(uintptr_t)run.owned[run.owned_count].thing);
	}
}

void *unit_zalloc(size_t size)
{
	const size_t align = alignof(max_align_t);
	size = (size + align - 1) & ~(align - 1);
	if (size > sizeof(zalloc_bytes) - run.zalloc_used)
		die("unit_zalloc: used up");
	void *block = zalloc_bytes + run.zalloc_used;
	run.zalloc_used += size;
	return memset(block, 0, size);
}

uint64_t unit_random(uint64_t *seed)
{
	/* splitmix64 (Steele, Lea and Flood, 2014) */
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* --- counting and failing allocations ------------------------------------------------------ */

#if HAS_ASAN
int __lsan_do_recoverable_leak_check(void);
#endif

#if HAS_ASAN || HAS_TSAN

static void arm(void)
{
	mem_fail_nth(run.fail_at);
}

static void disarm(void)
{
}

bool unit_is_starved(void)
{
	return run.fail_at > 0 && mem_allocations() >= run.fail_at;
}

/* The sanitizer for addresses finds what is left when the child ends. */
static size_t report_leaks(void)
{
	return 0;
}

#else

/* Blocks that are live since arm(), by open addressing; what does not fit is not watched. */
#define BLOCKS_MAX 65536u
static struct {
	uintptr_t block;
	void *caller;
} blocks[BLOCKS_MAX];
static size_t blocks_used; /* slots that are or were taken */
static bool is_armed;
static uint64_t allocations;
static uintptr_t cmocka_start, cmocka_end;
#define TOMBSTONE 1u

/* The allocator of the C library, behind the functions below that stand in its place. */
#ifdef __GLIBC__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *block);
#else
static struct {
	void *(*malloc)(size_t size);
	void *(*realloc)(void *old, size_t size);
	void (*free)(void *block);
} behind;

/* As POSIX has it of dlsym(): ISO C knows no pointer that is both. */
static void find_behind(const char *name, void *ret_function)
{
	*(void **)ret_function = dlsym(RTLD_NEXT, name);
}

static void *__libc_malloc(size_t size)
{
	if (behind.malloc == NULL)
		find_behind("malloc", &behind.malloc);
	return behind.malloc(size);
}

/* Theirs would call our malloc(), and count twice. */
static void *__libc_calloc(size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	void *block = __libc_malloc(bytes);
	return block == NULL ? NULL : memset(block, 0, bytes);
}

static void *__libc_realloc(void *old, size_t size)
{
	if (behind.realloc == NULL)
		find_behind("realloc", &behind.realloc);
	return behind.realloc(old, size);
}

static void __libc_free(void *block)
{
	if (behind.free == NULL)
		find_behind("free", &behind.free);
	behind.free(block);
}
#endif

static int find_cmocka(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	if (strstr(info->dlpi_name, "libcmocka") == NULL)
		return 0;
	cmocka_start = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end =
			info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
		if (info->dlpi_phdr[i].p_type == PT_LOAD && end > cmocka_end)
			cmocka_end = end;
	}
	return 1;
}

/* cmocka's own allocations are none of the test's. */
static bool is_counted(const void *caller)
{
	return is_armed && !((uintptr_t)caller >= cmocka_start && (uintptr_t)caller < cmocka_end);
}

static bool must_fail(const void *caller)
{
	return !run.mem_only && is_counted(caller) && ++allocations == run.fail_at;
}

static void *watch(void *block, void *caller)
{
	if (block == NULL || !is_counted(caller) || blocks_used >= BLOCKS_MAX / 2)
		return block;
	size_t at = ((uintptr_t)block >> 4) % BLOCKS_MAX;
	while (blocks[at].block > TOMBSTONE)
		at = (at + 1) % BLOCKS_MAX;
	if (blocks[at].block == 0)
		blocks_used++;
	blocks[at].block = (uintptr_t)block;
	blocks[at].caller = caller;
	return block;
}

static void unwatch(const void *block)
{
	if (!is_armed || block == NULL)
		return;
	for (size_t at = ((uintptr_t)block >> 4) % BLOCKS_MAX; blocks[at].block != 0;
	     at = (at + 1) % BLOCKS_MAX) {
		if (blocks[at].block == (uintptr_t)block) {
			blocks[at].block = TOMBSTONE;
			return;
		}
	}
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size)
{
	void *caller = __builtin_return_address(0);
	return must_fail(caller) ? NULL : watch(__libc_malloc(size), caller);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	void *caller = __builtin_return_address(0);
	return must_fail(caller) ? NULL : watch(__libc_calloc(count, size), caller);
}

EXPORTED void *realloc(void *old, size_t size)
{
	void *caller = __builtin_return_address(0);
	if (must_fail(caller))
		return NULL;
	unwatch(old);
	void *block = __libc_realloc(old, size);
	/* where there was no room after all, the old one is still there */
	watch(block == NULL && size > 0 ? old : block, caller);
	return block;
}

EXPORTED void free(void *block)
{
	unwatch(block);
	__libc_free(block);
}

static void arm(void)
{
	if (cmocka_end == 0)
		dl_iterate_phdr(find_cmocka, NULL);
	mem_fail_nth(run.mem_only ? run.fail_at : 0);
	memset(blocks, 0, sizeof(blocks));
	blocks_used = 0;
	allocations = 0;
	is_armed = run.fail_at > 0;
}

static void disarm(void)
{
	is_armed = false;
}

bool unit_is_starved(void)
{
	return run.fail_at > 0 && (run.mem_only ? mem_allocations() : allocations) >= run.fail_at;
}

static size_t report_leaks(void)
{
	size_t leaks = 0;
	for (size_t i = 0; i < BLOCKS_MAX; i++) {
		if (blocks[i].block <= TOMBSTONE)
			continue;
		Dl_info info;
		bool known = dladdr(blocks[i].caller, &info) != 0;
		fprintf(stderr, "unit: not given back: a block allocated at %s+0x%zx\n",
			known ? info.dli_fname : "?",
			known ? (size_t)((uintptr_t)blocks[i].caller - (uintptr_t)info.dli_fbase)
			      : 0);
		leaks++;
	}
	return leaks;
}

#endif

/* --- a test inside cmocka ------------------------------------------------------------------ */

/* cmocka turns these into failed assertions; a crash must be a crash, with its report. */
static const int crash_signals[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS };
#define CRASH_SIGNALS (sizeof(crash_signals) / sizeof(crash_signals[0]))
static struct sigaction crash_actions[CRASH_SIGNALS];

static void start_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRASH_SIGNALS; i++)
		sigaction(crash_signals[i], &crash_actions[i], NULL);
	run.state = run.test->initial_state;
	run.is_set_up = false;
	arm();
	if (run.test->setup_func != NULL) {
		if (run.test->setup_func(&run.state) != 0)
			fail_msg("setup failed");
		run.is_set_up = true;
	}
	run.test->test_func(&run.state);
}

static int end_test(void **state)
{
	(void)state;
	int status = 0;
	give_back_all();
	if (run.test->teardown_func != NULL && (run.is_set_up || run.test->setup_func == NULL))
		status = run.test->teardown_func(&run.state);
	disarm();
	run.was_starved = unit_is_starved();
	mem_fail_nth(0);
	run.zalloc_used = 0;
	return status;
}

/* 0 where it passed. */
static int run_once(const struct CMUnitTest *test, uint64_t fail_at)
{
	const struct CMUnitTest wrapped = { test->name, start_test, NULL, end_test, NULL };
	run.test = test;
	run.fail_at = fail_at;
	return _cmocka_run_group_tests(test->name, &wrapped, 1, NULL, NULL);
}

/* --- the reruns ---------------------------------------------------------------------------- */

enum { CHILD_OK = 0, CHILD_LEAK = 41, CHILD_UNEVEN = 42 };

static int rerun_in_child(const struct CMUnitTest *test, uint64_t *progress)
{
	alarm(CHILD_TIMEOUT_S);
	const char *starve = getenv("STARVE");
	const uint64_t most = starve == NULL ? UINT64_MAX : strtoull(starve, NULL, 10);
	uint64_t nth = 1;
	do {
		/* only what the last run says is of interest */
		fflush(NULL);
		if (ftruncate(STDERR_FILENO, 0) != 0 || lseek(STDERR_FILENO, 0, SEEK_SET) != 0)
			die("cannot empty a temporary file");
		*progress = nth;
		const int failed = run_once(test, nth);
		if (report_leaks() > 0)
			return CHILD_LEAK;
		if (failed != 0 && !run.was_starved)
			return CHILD_UNEVEN;
		nth += 1 + (nth > TRIES_ONE_BY_ONE ? nth / 8 : 0);
	} while (run.was_starved && nth <= most);
#if HAS_ASAN
	if (__lsan_do_recoverable_leak_check() != 0)
		return CHILD_LEAK;
#endif
	return CHILD_OK;
}

static void show(FILE *from)
{
	char bytes[4096];
	size_t len;
	rewind(from);
	while ((len = fread(bytes, 1, sizeof(bytes), from)) > 0)
		fwrite(bytes, 1, len, stderr);
}

static bool explain(const struct CMUnitTest *test, int status, uint64_t nth, FILE *said)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_OK)
		return true;
	show(said);
	fprintf(stderr, "[  FAILED  ] %s: with allocation %llu failing: ", test->name,
		(unsigned long long)nth);
	if (WIFSIGNALED(status))
		fprintf(stderr, "died of signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) == CHILD_LEAK)
		fprintf(stderr, "memory was not given back\n");
	else if (WEXITSTATUS(status) == CHILD_UNEVEN)
		fprintf(stderr, "failed although no allocation did\n");
	else
		fprintf(stderr, "ended with status %d\n", WEXITSTATUS(status));
	return false;
}

/* In a child, so that one test's wreckage is not the next one's ground. */
static bool survives_starvation(const struct CMUnitTest *test, uint64_t *progress)
{
	FILE *said = tmpfile();
	if (said == NULL)
		die("no temporary file");
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		dup2(fileno(said), STDOUT_FILENO);
		dup2(fileno(said), STDERR_FILENO);
		int status = rerun_in_child(test, progress);
		fflush(NULL);
		_exit(status);
	}
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child)
		die("no child process");
	bool survived = explain(test, status, *progress, said);
	fclose(said);
	return survived;
}

int unit_main(const struct CMUnitTest *tests, size_t count, enum unit_failures failures)
{
	size_t failed = 0;

	run.mem_only = failures == UNIT_FAIL_MEM;
	for (size_t i = 0; i < CRASH_SIGNALS; i++)
		sigaction(crash_signals[i], NULL, &crash_actions[i]);
	uint64_t *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		die("no memory");
	for (size_t i = 0; i < count; i++) {
		if (run_once(&tests[i], 0) != 0 ||
		    (failures != UNIT_FAIL_NONE && !survives_starvation(&tests[i], progress)))
			failed++;
	}
	munmap(progress, sizeof(*progress));
	printf("unit: %zu passed, %zu failed\n", count - failed, failed);
	return failed > 0;
}
