#include "upstream/transport_udp.h"

#include "base/random.h"
#include "wire/message.h"

int transport_udp_open(struct transport_udp *question, struct loop *loop,
		       const struct conf_server *server, udp_client_fn fn, void *ctx)
{
	struct udp_client *socket;

	int err = udp_client_new(loop, server, fn, ctx, &socket);
	if (err != 0)
		return err;
	*question = (struct transport_udp){ .socket = socket, .id = random_u16() };
	return 0;
}

bool transport_udp_is_open(const struct transport_udp *question)
{
	return question->socket != NULL;
}

int transport_udp_send(struct transport_udp *question, uint8_t *query, size_t query_len)
{
	message_set_id(query, question->id);
	return udp_client_send(question->socket, query, query_len);
}

void transport_udp_close(struct transport_udp *question)
{
	udp_client_free(question->socket);
	question->socket = NULL;
}
