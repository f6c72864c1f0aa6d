#include <string.h>

#include "base/mem.h"
#include "exchange_internal.h"

/* A failure's reply is kept whole up to this, else its header and question. */
#define FAILURE_MAX 4096u

void exchange_kept_forget(struct exchange_kept **kept)
{
	mem_free(*kept);
	*kept = NULL;
}

static bool put(struct exchange_kept **kept, const struct attempt_reply *reply, size_t len,
		const struct server *server)
{
	struct exchange_kept *one = mem_alloc(sizeof(*one) + len);

	if (one == NULL)
		return false;
	one->reply = *reply;
	one->reply.wire = one->bytes;
	one->server = server;
	memcpy(one->bytes, reply->wire, len);
	exchange_kept_forget(kept);
	*kept = one;
	return true;
}

/* What tells the client most, if all fail. SERVFAIL comes from a server that has tried: the name
 * may be at fault, another try may do better, and the last good answer may stand in (RFC 8767).
 * REFUSED says only that this server will not, to us; NOTIMP and FORMERR that it does not
 * understand what others may. */
static unsigned worth(const struct attempt_reply *reply)
{
	switch (message_rcode(&reply->facts)) {
	case RCODE_SERVFAIL:
		return 3;
	case RCODE_REFUSED:
		return 2;
	case RCODE_NOTIMP:
		return 1;
	default:
		return 0;
	}
}

void exchange_kept_put_failure(struct exchange_kept **kept, const struct attempt_reply *reply,
			       const struct server *server)
{
	const size_t cut_len = MESSAGE_HEADER_LEN + reply->facts.question_len;

	if (*kept != NULL && worth(reply) <= worth(&(*kept)->reply))
		return;
	const bool is_whole = reply->facts.wire_len <= FAILURE_MAX;
	if (!put(kept, reply, is_whole ? reply->facts.wire_len : cut_len, server) || is_whole)
		return;
	struct exchange_kept *cut = *kept;
	memset(cut->bytes + 6, 0, 6); /* the counts of the records that are gone */
	cut->reply.quality = message_read(cut->bytes, cut_len, &cut->reply.facts);
}

void exchange_kept_put(struct exchange_kept **kept, const struct attempt_reply *reply,
		       const struct server *server, bool instead)
{
	if (*kept == NULL || instead)
		(void)put(kept, reply, reply->facts.wire_len, server);
}
