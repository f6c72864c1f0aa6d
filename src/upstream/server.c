#include "upstream/server.h"

#include "base/clock.h"
#include "base/mem.h"

#define LACKS_EDNS_FOR_US (3600ull * USEC_PER_SEC)

struct server {
	struct addr addr;
	uint64_t lacks_edns_until_us;
};

struct server *server_new(const struct addr *addr)
{
	struct server *server = mem_zalloc(sizeof(*server));

	if (server != NULL)
		server->addr = *addr;
	return server;
}

void server_free(struct server *server)
{
	mem_free(server);
}

const struct addr *server_addr(const struct server *server)
{
	return &server->addr;
}

bool server_lacks_edns(const struct server *server, uint64_t now_us)
{
	return now_us < server->lacks_edns_until_us;
}

void server_note_lacks_edns(struct server *server, uint64_t now_us)
{
	server->lacks_edns_until_us = now_us + LACKS_EDNS_FOR_US;
}
