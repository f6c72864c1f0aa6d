/* Preloaded into the program under test: memory runs short when the test says so. The file that
 * $STARVE names is mapped: a number N, of which each Nth allocation fails (0: none), and behind it
 * how many have failed, and how many there were meanwhile. $THREADS is how many threads may be
 * started. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

struct orders {
	_Atomic uint32_t nth, failed, calls;
};

static struct orders *orders;

__attribute__((constructor)) static void open_orders(void)
{
	const char *path = getenv("STARVE");
	const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		abort(); /* a test that starves nobody shows nothing */
	void *map = mmap(NULL, sizeof(struct orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	orders = map;
}

static bool is_refused(void)
{
	const uint32_t nth = orders == NULL ? 0 : orders->nth;

	if (nth == 0 || ++orders->calls % nth != 0)
		return false;
	orders->failed++;
	errno = ENOMEM;
	return true;
}

EXPORTED void *malloc(size_t size)
{
	return is_refused() ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __libc_calloc(count, size);
}

EXPORTED void *realloc(void *old, size_t size)
{
	return is_refused() ? NULL : __libc_realloc(old, size);
}

EXPORTED int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			    void *ctx)
{
	static _Atomic int started;
	static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	const char *most = getenv("THREADS");

	if (most != NULL && ++started > strtol(most, NULL, 10))
		return EAGAIN;
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attr, run, ctx);
}
