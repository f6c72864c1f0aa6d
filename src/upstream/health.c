#include "upstream/health.h"

#include "base/mem.h"

struct health {
	struct loop *loop;
	struct stats *stats;
	struct transport_stream *streams;
};

struct health *health_new(struct loop *loop, struct stats *stats, struct transport_stream *streams)
{
	struct health *health = mem_zalloc(sizeof(*health));

	if (health == NULL)
		return NULL;
	health->loop = loop;
	health->stats = stats;
	health->streams = streams;
	return health;
}

void health_free(struct health *health)
{
	mem_free(health);
}

void health_note_asked(struct health *health, struct server *server)
{
	(void)health;
	(void)server;
}

void health_network_changed(struct health *health)
{
	(void)health;
}
