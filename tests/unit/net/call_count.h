/* call_count.h: how often the system is called. Included once by a test program; being there, its
 * functions are linked instead of the C library's. */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* of recvmmsg() and sendmmsg(), as the C library has them */
#ifdef __GLIBC__
#define CALL_FLAGS int
#else
#define CALL_FLAGS unsigned
#endif

enum call { CALL_RECVMMSG, CALL_SENDMMSG, CALL_RECV, CALL_SEND, CALL_COUNT };

static unsigned call_counts[CALL_COUNT];
static int call_cut_err;   /* what a send that is to be cut fails with; 0: it does not */
static unsigned call_cuts; /* messages that were */
static int call_alone_err; /* what sendmsg() fails with; 0: it does not */
/* As before Linux 4.18: there is no UDP_SEGMENT, and a message that asks for it goes out whole. */
static bool call_knows_no_cut;

static inline void call_count_reset(void)
{
	memset(call_counts, 0, sizeof(call_counts));
	call_cuts = 0;
}

static inline unsigned call_count(enum call call)
{
	return call_counts[call];
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, CALL_FLAGS flags,
	     struct timespec *timeout)
{
	call_counts[CALL_RECVMMSG]++;
	return (int)syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);
}

static inline bool call_is_cut(struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	while (control != NULL && control->cmsg_level != IPPROTO_UDP)
		control = CMSG_NXTHDR(message, control);
	return control != NULL;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, CALL_FLAGS flags)
{
	call_counts[CALL_SENDMMSG]++;
	for (unsigned i = 0; i < count && call_cut_err != 0; i++) {
		if (call_is_cut(&messages[i].msg_hdr))
			count = i;
	}
	if (count == 0) {
		errno = call_cut_err;
		return -1;
	}
	for (unsigned i = 0; i < count && call_knows_no_cut; i++)
		messages[i].msg_hdr.msg_controllen = 0;
	for (unsigned i = 0; i < count; i++)
		call_cuts += call_is_cut(&messages[i].msg_hdr);
	return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (call_alone_err != 0) {
		errno = call_alone_err;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, message, flags);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (call_knows_no_cut && level == IPPROTO_UDP && name == 103) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
	call_counts[CALL_RECV]++;
	return syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	call_counts[CALL_SEND]++;
	return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}
