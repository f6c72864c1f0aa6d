/* Preloaded with counts.c: the calls that the program under measurement, and what it links, make to
 * the system. Each passes on what it was called with; no header says what that is, for here all of
 * it is words. */
#include "counts.h"

#include <stdbool.h>
#include <stddef.h>

#define EXPORTED __attribute__((visibility("default")))
#define FILES 65536
#define STREAM 1	   /* SOCK_STREAM */
#define KIND 0xf	   /* what of a socket's type is not a flag */
#define NEXT ((void *)-1L) /* RTLD_NEXT */

typedef long (*call_fn)(long, long, long, long, long, long);

void *dlsym(void *where, const char *name);

static bool is_stream[FILES];

static void set_stream(long fd, bool is_one)
{
	if ((int)fd >= 0 && (int)fd < FILES)
		is_stream[(int)fd] = is_one;
}

static bool is_of_stream(long fd)
{
	return (int)fd >= 0 && (int)fd < FILES && is_stream[(int)fd];
}

static void count_read(long fd)
{
	if (is_of_stream(fd))
		counts_add(COUNT_STREAM_READS);
}

static void count_write(long fd)
{
	if (is_of_stream(fd))
		counts_add(COUNT_STREAM_WRITES);
}

static void count_close(long fd)
{
	set_stream(fd, false);
}

static void count_other(long fd)
{
	(void)fd;
}

/* A function of that name in front of the one that is meant; what is to be done before and after
 * it. */
#define COUNTED_AROUND(name, before, after)                                 \
	EXPORTED long name(long a, long b, long c, long d, long e, long f); \
	EXPORTED long name(long a, long b, long c, long d, long e, long f)  \
	{                                                                   \
		static call_fn next;                                        \
                                                                            \
		if (next == NULL)                                           \
			next = (call_fn)dlsym(NEXT, #name);                 \
		counts_add(COUNT_CALLS);                                    \
		before;                                                     \
		const long result = next(a, b, c, d, e, f);                 \
		after;                                                      \
		return result;                                              \
	}
#define COUNTED(name, more) COUNTED_AROUND(name, more(a), )

COUNTED(read, count_read)
COUNTED(readv, count_read)
COUNTED(recv, count_read)
COUNTED(recvfrom, count_read)
COUNTED(recvmsg, count_read)
COUNTED(__read_chk, count_read)
COUNTED(__recv_chk, count_read)
COUNTED(__recvfrom_chk, count_read)
COUNTED(write, count_write)
COUNTED(writev, count_write)
COUNTED(send, count_write)
COUNTED(sendto, count_write)
COUNTED(sendmsg, count_write)
COUNTED(close, count_close)
COUNTED(recvmmsg, count_other)
COUNTED(sendmmsg, count_other)
COUNTED(bind, count_other)
COUNTED(connect, count_other)
COUNTED(shutdown, count_other)
COUNTED(setsockopt, count_other)
COUNTED(getsockopt, count_other)
COUNTED(getsockname, count_other)
COUNTED(getpeername, count_other)
COUNTED(fcntl, count_other)
COUNTED(ioctl, count_other)
COUNTED(poll, count_other)
COUNTED(ppoll, count_other)
COUNTED(epoll_wait, count_other)
COUNTED(epoll_pwait2, count_other)
COUNTED(epoll_ctl, count_other)
COUNTED(timerfd_settime, count_other)
COUNTED(getrandom, count_other)

/* Those that make sockets. */
#define COUNTED_MAKER(name, is_one) COUNTED_AROUND(name, , set_stream(result, is_one))

COUNTED_MAKER(socket, (b & KIND) == STREAM)
COUNTED_MAKER(accept, true)
COUNTED_MAKER(accept4, true)
