#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "net/udp.h"
#include "outgoing.h"
#include "socket.h"
#include "udp_burst.h"
#include "udp_internal.h"

/* One recvmmsg() takes this many; what is left is told again in the next turn. */
#define IN_MAX 32u
#define BATCHES_PER_TURN 4u
/* As much as we ever say that we take. */
#define IN_USUAL 4096u
#define IN_STRIDE (IN_USUAL + 192)
/* So much waits for the end of the turn; more leaves sooner. */
#define OUT_MAX UDP_BURST_MAX
#define OUT_BYTES UDP_CLIENT_MAX
/* Closed ones are kept for the next, up to this. */
#define SPARE_MAX 64u

struct udp_client {
	struct list link; /* in post->waiting or post->failed; among the spare ones `next` alone */
	struct loop *loop;
	struct post *post;
	struct event readable;
	int fd;
	int err;	     /* of what was sent, not told yet */
	uint8_t first, last; /* of its messages in the post */
	bool *is_freed;	     /* set while the owner is called, to be told there */
	udp_client_fn fn;
	void *ctx;
};

/* What all clients of a loop share. Large, but its pages are touched only as far as batches fill.
 *
 * Always true: the messages of a client in `waiting` are a chain by out_next from its first to its
 * last; those of nobody are skipped, and all are gone when `waiting` is empty. */
struct post {
	struct list waiting; /* have something to send */
	struct list failed;  /* have an error to be told */
	struct loop_task turn_end;
	struct list spare;
	unsigned spare_count;
	struct loop_orphan end;
	unsigned out_count;
	size_t out_len; /* used of out_bytes */
	uint8_t out_next[OUT_MAX];
	struct iovec out_parts[OUT_MAX];
	struct udp_burst burst; /* those of one client, while they leave */
	struct mmsghdr in[IN_MAX];
	/* What is longer than usual goes on behind the head of `whole`; there is one. */
	struct iovec in_parts[IN_MAX][2];
	uint8_t out_bytes[OUT_BYTES];
	uint8_t usual[IN_MAX][IN_STRIDE];
	uint8_t whole[LOOP_READ_MAX];
};

/* --- sending ------------------------------------------------------------------------------- */

/* Nothing is wrong with the way, there is just no room: such a packet is lost. */
static bool is_lack(int err)
{
	return err == -EAGAIN || err == -ENOBUFS || err == -ENOMEM;
}

/* After an error nothing more is tried: it is told, and whoever hears of it asks elsewhere. */
static int send_waiting(struct post *post, const struct udp_client *client)
{
	struct udp_burst *burst = &post->burst;

	for (unsigned at = client->first;; at = post->out_next[at]) {
		burst->parts[burst->count++] = post->out_parts[at];
		if (at == client->last)
			return udp_burst_send(burst, client->fd);
	}
}

static void send_all(struct post *post)
{
	for (struct list *link; (link = list_first(&post->waiting)) != NULL;) {
		struct udp_client *client = LIST_ITEM(link, struct udp_client, link);
		const int err = send_waiting(post, client);

		list_remove(link);
		if (err == 0 || is_lack(err))
			continue;
		client->err = err;
		list_add(&post->failed, link);
	}
	post->out_count = 0;
	post->out_len = 0;
}

static void on_turn_end(void *ctx)
{
	struct post *post = ctx;

	send_all(post);
	for (struct list *link; (link = list_first(&post->failed)) != NULL;) {
		struct udp_client *client = LIST_ITEM(link, struct udp_client, link);
		const int err = client->err;

		list_remove(link);
		client->err = 0;
		client->fn(client->ctx, err, NULL, 0);
	}
}

static void put_out(struct udp_client *client, const uint8_t *wire, size_t wire_len)
{
	struct post *post = client->post;
	const uint8_t at = (uint8_t)post->out_count++;
	uint8_t *bytes = post->out_bytes + post->out_len;

	post->out_len += wire_len;
	memcpy(bytes, wire, wire_len);
	post->out_parts[at] = (struct iovec){ .iov_base = bytes, .iov_len = wire_len };
	if (list_has(&client->link)) {
		post->out_next[client->last] = at;
	} else {
		client->first = at;
		list_add(&post->waiting, &client->link);
	}
	client->last = at;
}

int udp_client_send(struct udp_client *client, const uint8_t *wire, size_t wire_len)
{
	struct post *post = client->post;

	if (wire_len > UDP_CLIENT_MAX)
		return -EMSGSIZE;
	if (client->err != 0)
		return 0; /* it is about to be told */
	if (post->out_count == OUT_MAX || OUT_BYTES < post->out_len + wire_len)
		send_all(post);
	if (client->err == 0)
		put_out(client, wire, wire_len);
	loop_task_set(client->loop, &post->turn_end);
	return 0;
}

/* --- receiving ----------------------------------------------------------------------------- */

/* Of those in one batch that are longer than usual all but the last have lost their ends to it. */
static void hand_out(struct udp_client *client, unsigned at, bool is_last_long)
{
	struct post *post = client->post;
	const size_t len = post->in[at].msg_len;

	if (len <= IN_USUAL || !is_last_long) {
		client->fn(client->ctx, 0, post->usual[at], len < IN_USUAL ? len : IN_USUAL);
		return;
	}
	memcpy(post->whole, post->usual[at], IN_USUAL);
	client->fn(client->ctx, 0, post->whole, len);
}

/* False: nothing is left, or the client has been freed. */
static bool take_batch(struct udp_client *client, const bool *is_freed)
{
	const struct post *post = client->post;
	const int received = recvmmsg(client->fd, client->post->in, IN_MAX, 0, NULL);
	int last_long = -1;

	if (received < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (received < 0) {
		client->fn(client->ctx, -errno, NULL, 0);
		return !*is_freed;
	}
	for (int i = 0; i < received; i++) {
		if (post->in[i].msg_len > IN_USUAL)
			last_long = i;
	}
	for (int i = 0; i < received; i++) {
		hand_out(client, (unsigned)i, i == last_long);
		if (*is_freed)
			return false;
	}
	return received == (int)IN_MAX;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct udp_client *client = ctx;
	bool is_freed = false;

	(void)fd;
	(void)what;
	loop_tick(client->loop);
	client->is_freed = &is_freed;
	for (unsigned i = 0; i < BATCHES_PER_TURN && take_batch(client, &is_freed); i++)
		;
	if (is_freed)
		return;
	client->is_freed = NULL;
}

/* --- beginning and end --------------------------------------------------------------------- */

static void free_spare(void *ctx)
{
	struct post *post = ctx;

	loop_orphan_ends(&post->end);
	for (struct list *link; (link = list_first(&post->spare)) != NULL;) {
		list_remove(link);
		mem_free(LIST_ITEM(link, struct udp_client, link));
	}
}

/* NULL when memory is short. */
static struct post *post_of(struct loop *loop)
{
	struct post *post = loop_scratch(loop, LOOP_SCRATCH_POST, sizeof(*post));

	if (post == NULL || list_has(&post->end.link))
		return post;
	list_init(&post->waiting);
	list_init(&post->failed);
	list_init(&post->spare);
	post->turn_end = (struct loop_task){ .run = on_turn_end, .ctx = post };
	post->end = (struct loop_orphan){ .free = free_spare, .ctx = post };
	loop_adopt(loop, &post->end);
	for (unsigned i = 0; i < IN_MAX; i++) {
		post->in_parts[i][0] = (struct iovec){ post->usual[i], IN_USUAL };
		post->in_parts[i][1] =
			(struct iovec){ post->whole + IN_USUAL, LOOP_READ_MAX - IN_USUAL };
		post->in[i].msg_hdr =
			(struct msghdr){ .msg_iov = post->in_parts[i], .msg_iovlen = 2 };
	}
	return post;
}

static struct udp_client *client_alloc(struct post *post)
{
	struct list *link = list_first(&post->spare);

	if (link == NULL)
		return mem_alloc(sizeof(struct udp_client));
	list_remove(link);
	post->spare_count--;
	return LIST_ITEM(link, struct udp_client, link);
}

static void client_give_back(struct post *post, struct udp_client *client)
{
	if (post->spare_count == SPARE_MAX) {
		mem_free(client);
		return;
	}
	list_add(&post->spare, &client->link);
	post->spare_count++;
}

int udp_client_new(struct loop *loop, const struct conf_server *to, udp_client_fn fn, void *ctx,
		   struct udp_client **ret_client)
{
	struct post *post = post_of(loop);
	struct udp_client *client = post == NULL ? NULL : client_alloc(post);

	if (client == NULL)
		return -ENOMEM;
	const int fd = outgoing_keep(loop, udp_open_socket(to->addr.family));
	int err = fd < 0 ? fd : outgoing_connect(fd, to);
	if (err != 0)
		goto out;
	*client = (struct udp_client){ .loop = loop, .post = post, .fd = fd, .fn = fn, .ctx = ctx };
	err = socket_watch(loop, &client->readable, fd, on_readable, client);
	if (err != 0)
		goto out;
	*ret_client = client;
	client = NULL;
out:
	if (client != NULL) {
		if (fd >= 0)
			close(fd);
		client->link = (struct list){ .next = NULL };
		client_give_back(post, client);
	}
	return err;
}

int udp_client_source(const struct conf_server *to, struct addr *ret_source)
{
	const int fd = udp_open_socket(to->addr.family);

	if (fd < 0)
		return fd;
	int err = outgoing_connect(fd, to);
	if (err == 0)
		err = socket_local(fd, ret_source);
	if (err == 0)
		ret_source->port = 0;
	close(fd);
	return err;
}

void udp_client_free(struct udp_client *client)
{
	if (client == NULL)
		return;
	if (client->is_freed != NULL)
		*client->is_freed = true;
	list_remove(&client->link);
	event_del(&client->readable);
	close(client->fd);
	client_give_back(client->post, client);
}
