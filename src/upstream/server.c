#include "upstream/server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "server_internal.h"

#define LACKS_EDNS_FOR_US (3600ull * USEC_PER_SEC)

struct server *server_new(const char *group, const struct conf_server *how)
{
	struct server *server = mem_zalloc(sizeof(*server));

	if (server == NULL)
		return NULL;
	server->holders = 1;
	server->how = *how;
	server->group = mem_strdup(group);
	if (server->group == NULL) {
		server_unref(server);
		return NULL;
	}
	return server;
}

struct server *server_ref(struct server *server)
{
	server->holders++;
	return server;
}

void server_unref(struct server *server)
{
	if (server == NULL || --server->holders > 0)
		return;
	list_remove(&server->link);
	mem_free(server->group);
	mem_free(server);
}

const char *server_group(const struct server *server)
{
	return server->group;
}

const struct addr *server_addr(const struct server *server)
{
	return &server->how.addr;
}

const struct conf_server *server_how(const struct server *server)
{
	return &server->how;
}

bool server_lacks_edns(const struct server *server, uint64_t now_us)
{
	return now_us < server->lacks_edns_until_us;
}

void server_note_lacks_edns(struct server *server, uint64_t now_us)
{
	server->lacks_edns_until_us = now_us + LACKS_EDNS_FOR_US;
}
