#include "side/control.h"

#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/local.h"

/* After a reply of this size what it took is worth giving back to the system. */
#define LARGE_REPLY 65536u

struct control {
	struct loop *loop;
	struct local_listener *listener;
	const struct control_command *commands;
	void *ctx;
	uint64_t *turned_away;
	struct list peers; /* the oldest first */
	unsigned peer_count;
};

struct peer {
	struct list link;
	struct control *control;
	struct local *local;
	struct timer patience;
	bool is_answered;
	bool is_slow;  /* of its reply some was left after a while */
	size_t unsent; /* when patience was last renewed */
	size_t reply_len, len;
	uint8_t request[CONTROL_REQUEST_MAX];
};

static void peer_free(struct peer *peer)
{
	const bool was_large = peer->reply_len >= LARGE_REPLY;

	list_remove(&peer->link);
	peer->control->peer_count--;
	timer_stop(loop_timers(peer->control->loop), &peer->patience);
	local_free(peer->local);
	mem_free(peer);
	if (was_large)
		mem_trim();
}

static void turn_away(struct peer *peer)
{
	(*peer->control->turned_away)++;
	peer_free(peer);
}

/* --- a reply ------------------------------------------------------------------------------- */

const struct control_command *control_find(const struct control_command *commands, const char *name)
{
	for (; commands->usage.name != NULL; commands++) {
		if (strcmp(commands->usage.name, name) == 0)
			return commands;
	}
	return NULL;
}

static enum control_code run(const struct control *control, const struct control_request *request,
			     FILE *out)
{
	const struct control_command *command = control_find(control->commands, request->words[0]);
	struct control_call call;

	if (command == NULL) {
		fprintf(out, "there is no command \"%s\"\n", request->words[0]);
		return CONTROL_REFUSED;
	}
	if (!control_request_read(request, &command->usage, &call, out))
		return CONTROL_USAGE;
	return command->run(control->ctx, &call, out);
}

struct reply {
	FILE *out;
	char *bytes; /* once `out` is closed */
	size_t len;
};

/* The digit is known when the text is. Where memory is short for either the peer is gone. */
static bool begin_reply(struct peer *peer, struct reply *reply)
{
	*reply = (struct reply){ .len = 0 };
	reply->out = open_memstream(&reply->bytes, &reply->len);
	if (reply->out == NULL) {
		peer_free(peer);
		return false;
	}
	fputs("?\n", reply->out);
	return true;
}

static void end_reply(struct peer *peer, struct reply *reply, enum control_code code)
{
	const bool is_whole = ferror(reply->out) == 0;

	if (fclose(reply->out) != 0 || !is_whole || reply->bytes == NULL) {
		mem_free(reply->bytes);
		peer_free(peer);
		return;
	}
	reply->bytes[0] = (char)('0' + code);
	peer->is_answered = true;
	peer->unsent = peer->reply_len = reply->len;
	timer_start(loop_timers(peer->control->loop), &peer->patience, CONTROL_PATIENCE_US);
	if (local_answer(peer->local, reply->bytes, reply->len) != 0)
		peer_free(peer);
}

static void answer(struct peer *peer, const struct control_request *request)
{
	struct reply reply;

	if (begin_reply(peer, &reply))
		end_reply(peer, &reply, run(peer->control, request, reply.out));
}

static void refuse(struct peer *peer, const char *why)
{
	struct reply reply;

	if (!begin_reply(peer, &reply))
		return;
	fputs(why, reply.out);
	end_reply(peer, &reply, CONTROL_REFUSED);
}

/* --- its peer ------------------------------------------------------------------------------ */

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct peer *peer = ctx;
	struct control_request request;

	if (len > sizeof(peer->request) - peer->len) {
		(*peer->control->turned_away)++;
		refuse(peer, "the request is too long\n");
		return;
	}
	memcpy(peer->request + peer->len, bytes, len);
	peer->len += len;
	switch (control_request_parse(peer->request, peer->len, &request)) {
	case CONTROL_PARSE_WHOLE:
		answer(peer, &request);
		return;
	case CONTROL_PARSE_MORE:
		return;
	case CONTROL_PARSE_BAD:
		refuse(peer, "the request is not one\n");
		return;
	}
}

static void on_over(void *ctx, int err)
{
	(void)err;
	peer_free(ctx);
}

static const struct local_events events = { .on_bytes = on_bytes, .on_over = on_over };

static void on_patience_over(void *ctx)
{
	struct peer *peer = ctx;
	const size_t unsent = local_unsent(peer->local);

	if (!peer->is_answered || unsent == peer->unsent) {
		turn_away(peer);
		return;
	}
	peer->unsent = unsent;
	peer->is_slow = true;
	timer_start(loop_timers(peer->control->loop), &peer->patience, CONTROL_PATIENCE_US);
}

/* Whoever has said nothing whole for longest makes room, else whoever is slow to take its reply;
 * who is just being answered does not. */
static bool make_room(struct control *control)
{
	struct peer *slow = NULL;

	for (struct list *link = list_first(&control->peers); link != NULL;
	     link = list_next(&control->peers, link)) {
		struct peer *peer = LIST_ITEM(link, struct peer, link);

		if (!peer->is_answered) {
			turn_away(peer);
			return true;
		}
		if (slow == NULL && peer->is_slow)
			slow = peer;
	}
	if (slow != NULL)
		turn_away(slow);
	return slow != NULL;
}

static void on_accept(void *ctx, struct local *local)
{
	struct control *control = ctx;
	const bool has_room = control->peer_count < CONTROL_CONNECTIONS_MAX || make_room(control);
	struct peer *peer = has_room ? mem_alloc(sizeof(*peer)) : NULL;

	if (peer == NULL) {
		(*control->turned_away)++;
		local_free(local);
		return;
	}
	memset(peer, 0, offsetof(struct peer, request));
	peer->control = control;
	peer->local = local;
	timer_init(&peer->patience, on_patience_over, peer);
	timer_start(loop_timers(control->loop), &peer->patience, CONTROL_PATIENCE_US);
	list_add(&control->peers, &peer->link);
	control->peer_count++;
	local_attach(local, &events, peer);
}

/* --- the whole ----------------------------------------------------------------------------- */

int control_new(struct loop *loop, const char *path, const struct control_command *commands,
		void *ctx, uint64_t *turned_away, struct control **ret_control)
{
	struct control *control = mem_zalloc(sizeof(*control));

	if (control == NULL)
		return -ENOMEM;
	*control = (struct control){
		.loop = loop, .commands = commands, .ctx = ctx, .turned_away = turned_away
	};
	list_init(&control->peers);
	const int err = local_listener_new(loop, path, on_accept, control, &control->listener);
	if (err != 0) {
		control_free(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

bool control_is_there(const struct control *control)
{
	return local_listener_is_there(control->listener);
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	for (struct list *link; (link = list_first(&control->peers)) != NULL;)
		peer_free(LIST_ITEM(link, struct peer, link));
	local_listener_free(control->listener);
	mem_free(control);
}
