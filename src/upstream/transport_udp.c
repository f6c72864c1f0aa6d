#include "upstream/transport_udp.h"

int transport_udp_ask(struct loop *loop, const struct addr *server, const uint8_t *query,
		      size_t query_len, udp_client_fn fn, void *ctx,
		      struct transport_udp *ret_question)
{
	struct udp_client *client = NULL;
	int err = udp_client_new(loop, server, fn, ctx, &client);

	if (err != 0)
		return err;
	err = udp_client_send(client, query, query_len);
	if (err != 0) {
		udp_client_free(client);
		return err;
	}
	ret_question->socket = client;
	return 0;
}

void transport_udp_close(struct transport_udp *question)
{
	udp_client_free(question->socket);
	question->socket = NULL;
}
