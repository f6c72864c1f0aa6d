#include "udp_burst.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "udp_internal.h"

static size_t len_of(const struct mmsghdr *message)
{
	return message->msg_hdr.msg_iov->iov_len;
}

/* The one of the first `count` messages that is for what is so long, or a new one. While they are
 * looked through, the part of a message is the first one of its length. */
static unsigned find_message(const struct udp_burst *burst, unsigned count, size_t len)
{
	if (len > UDP_CUT_MAX || burst->cuts_nothing)
		return count;
	for (unsigned i = count; i > 0; i--) {
		if (len_of(&burst->messages[i - 1]) == len)
			return i - 1;
	}
	return count;
}

static unsigned count_messages(struct udp_burst *burst)
{
	unsigned count = 0;

	for (unsigned i = 0; i < burst->count; i++) {
		const unsigned at = find_message(burst, count, burst->parts[i].iov_len);

		if (at == count)
			burst->messages[count++].msg_hdr = (struct msghdr){
				.msg_iov = &burst->parts[i],
			};
		burst->messages[at].msg_hdr.msg_iovlen++;
		burst->message_of[i] = (uint8_t)at;
	}
	return count;
}

static void put_cut(struct msghdr *message, union udp_cut *cut)
{
	const uint16_t len = (uint16_t)message->msg_iov->iov_len;

	memset(cut, 0, sizeof(*cut));
	cut->head = (struct cmsghdr){ .cmsg_level = IPPROTO_UDP,
				      .cmsg_type = UDP_SEGMENT,
				      .cmsg_len = CMSG_LEN(sizeof(len)) };
	memcpy(CMSG_DATA(&cut->head), &len, sizeof(len));
	message->msg_control = cut;
	message->msg_controllen = sizeof(*cut);
}

/* Makes messages of the parts; returns how many. */
static unsigned sort(struct udp_burst *burst)
{
	const unsigned count = count_messages(burst);
	struct iovec *ends[UDP_BURST_MAX], *end = burst->sorted;

	for (unsigned i = 0; i < count; i++) {
		struct msghdr *message = &burst->messages[i].msg_hdr;

		if (message->msg_iovlen > 1)
			put_cut(message, &burst->cuts[i]);
		message->msg_iov = ends[i] = end;
		end += message->msg_iovlen;
	}
	for (unsigned i = 0; i < burst->count; i++)
		*ends[burst->message_of[i]]++ = burst->parts[i];
	return count;
}

/* From the `first` message on each part becomes one of its own; returns how many. */
static unsigned take_apart(struct udp_burst *burst, unsigned first)
{
	struct iovec *part = burst->messages[first].msg_hdr.msg_iov;
	const unsigned count = burst->count - (unsigned)(part - burst->sorted);

	for (unsigned i = 0; i < count; i++)
		burst->messages[i].msg_hdr =
			(struct msghdr){ .msg_iov = part + i, .msg_iovlen = 1 };
	return count;
}

int udp_burst_send(struct udp_burst *burst, int fd)
{
	if (burst->count > 1 && !burst->is_asked) {
		burst->is_asked = true;
		burst->cuts_nothing = !udp_knows_cutting(fd);
	}
	unsigned count = sort(burst), done = 0;
	int err = 0;

	while (done < count && err == 0) {
		const int sent = sendmmsg(fd, burst->messages + done, count - done, 0);

		if (sent > 0) {
			done += (unsigned)sent;
		} else if (burst->messages[done].msg_hdr.msg_iovlen > 1 && udp_cannot_cut(errno)) {
			burst->cuts_nothing = true;
			count = take_apart(burst, done);
			done = 0;
		} else if (errno != EINTR) {
			err = -errno;
		}
	}
	burst->count = 0;
	return err;
}
