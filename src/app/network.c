#include "app/network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/netlink.h"
#include "net/udp.h"
#include "net/watch.h"

/* Lines about changes: so many at once, and one more each so often. A network that does not come to
 * rest is told of, and fills no disk. */
#define LINES_AT_ONCE 5u
#define LINE_EVERY_US (12u * USEC_PER_SEC)

struct network {
	struct crew *crew;
	struct loop *loop;     /* the first worker's; */
	struct worker *worker; /* so is this */
	struct sources *sources;
	struct watch *watch;	 /* or NULL: the system has no more */
	struct netlink *netlink; /* likewise */
	/* Our addresses that servers were asked from when it was last looked at; `knows_sources` is
	 * false where memory was short for that. */
	struct addr *from;
	size_t from_count;
	bool knows_sources;
	uint64_t lines_until_us;
	unsigned held_back;
};

/* --- where servers are asked from ---------------------------------------------------------- */

static bool is_listed(const struct addr *list, size_t count, const struct addr *addr)
{
	for (size_t i = 0; i < count; i++) {
		if (addr_same_host(&list[i], addr))
			return true;
	}
	return false;
}

/* Into `list`, which has room for one of each server; each once. */
static size_t find_sources(const struct conf *conf, struct addr *list)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->group_count; i++) {
		const struct conf_group *group = &conf->groups[i];

		for (size_t j = 0; j < group->server_count; j++) {
			if (udp_client_source(&group->servers[j], &list[count]) == 0 &&
			    !is_listed(list, count, &list[count]))
				count++;
		}
	}
	return count;
}

static struct addr *room_for_sources(const struct conf *conf)
{
	size_t servers = 0;

	for (size_t i = 0; i < conf->group_count; i++)
		servers += conf->groups[i].server_count;
	return mem_alloc((servers + 1) * sizeof(struct addr));
}

static void learn_sources(struct network *network)
{
	const struct conf *conf = worker_plan(network->worker)->conf;
	struct addr *from = room_for_sources(conf);

	mem_free(network->from);
	network->from = from;
	network->knows_sources = from != NULL;
	network->from_count = from != NULL ? find_sources(conf, from) : 0;
}

/* --- name servers -------------------------------------------------------------------------- */

/* Reads the files again; where they name others, a plan with those. */
static bool take_servers(struct network *network)
{
	const struct plan *plan = worker_plan(network->worker);
	struct plan *renewed = NULL;
	bool has_changed = false;

	int err = sources_read(network->sources, plan->conf, &has_changed);
	if (err == 0 && has_changed)
		err = plan_renew(plan, crew_mate(network->crew, 0)->servers, &renewed);
	if (err == 0 && has_changed)
		err = crew_set_plan(network->crew, renewed, true);
	plan_unref(renewed);
	if (err == 0)
		return has_changed;
	LOG(LEVEL_ERROR, "name servers: %s; those in use stay", err_text(err));
	return false;
}

static void on_files(void *ctx)
{
	struct network *network = ctx;

	if (take_servers(network))
		crew_network_changed(network->crew);
	learn_sources(network);
}

/* --- addresses, routes, links -------------------------------------------------------------- */

static bool matters(void *ctx, const struct addr_prefix *to)
{
	const struct network *network = ctx;
	const struct conf *conf = worker_plan(network->worker)->conf;

	for (size_t i = 0; i < conf->group_count; i++) {
		for (size_t j = 0; j < conf->groups[i].server_count; j++) {
			if (addr_prefix_covers(to, &conf->groups[i].servers[j].addr))
				return true;
		}
	}
	return false;
}

/* Before the change, or as things are now. */
static bool leaves_from(void *ctx, const struct addr *local)
{
	const struct network *network = ctx;
	const struct conf *conf = worker_plan(network->worker)->conf;

	if (!network->knows_sources || is_listed(network->from, network->from_count, local))
		return true;
	struct addr *from = room_for_sources(conf);
	const bool leaves = from == NULL || is_listed(from, find_sources(conf, from), local);
	mem_free(from);
	return leaves;
}

static bool may_log(struct network *network)
{
	const uint64_t now_us = loop_clock(network->loop)->now_us;

	if (network->lines_until_us < now_us)
		network->lines_until_us = now_us;
	if (network->lines_until_us >= now_us + LINES_AT_ONCE * LINE_EVERY_US) {
		network->held_back++;
		return false;
	}
	network->lines_until_us += LINE_EVERY_US;
	return true;
}

struct changes_text {
	char text[128];
};

static void add_text(struct changes_text *into, unsigned count, const char *what)
{
	const size_t len = strlen(into->text);

	if (count > 0)
		snprintf(into->text + len, sizeof(into->text) - len, "%s%s", len > 0 ? ", " : "",
			 what);
}

/* "a link, addresses" */
static const char *changes_to_text(const struct netlink_changes *changes, struct changes_text *into)
{
	into->text[0] = '\0';
	add_text(into, changes->links, "links");
	add_text(into, changes->addresses, "addresses");
	add_text(into, changes->routes, "routes to servers");
	add_text(into, changes->losses, "more than could be followed");
	return into->text;
}

static void on_change(void *ctx, const struct netlink_changes *changes)
{
	struct network *network = ctx;
	struct changes_text text;
	char earlier[64] = "";

	/* an address that two servers share comes and goes, and none of ours is asked otherwise */
	if (changes->links + changes->addresses + changes->routes + changes->losses == 0) {
		on_files(network);
		return;
	}
	if (may_log(network)) {
		if (network->held_back > 0)
			snprintf(earlier, sizeof(earlier), " (and %u times before)",
				 network->held_back);
		LOG(LEVEL_NOTICE,
		    "the network has changed%s: %s; servers are asked anew, failures forgotten",
		    earlier, changes_to_text(changes, &text));
		network->held_back = 0;
	}
	/* our own addresses are no name servers, whatever a file says */
	(void)take_servers(network);
	crew_network_changed(network->crew);
	learn_sources(network);
}

/* --- beginning and end --------------------------------------------------------------------- */

void network_follow(struct network *network)
{
	const struct conf *conf = worker_plan(network->worker)->conf;
	size_t count = 0;
	int err = -ENOMEM;

	if (network->watch == NULL)
		return;
	const char **paths = mem_alloc(conf->group_count * sizeof(*paths));
	for (size_t i = 0; paths != NULL && i < conf->group_count; i++) {
		if (conf->groups[i].resolv_conf != NULL)
			paths[count++] = conf->groups[i].resolv_conf;
	}
	if (paths != NULL)
		err = watch_set(network->watch, paths, count);
	mem_free(paths);
	if (err != 0)
		LOG(LEVEL_ERROR, "name server files: %s; they are watched as before",
		    err_text(err));
	on_files(network); /* for what was written since they were read and before they were watched
			    */
}

/* Both are a help, not a need. */
static int begin_watching(struct network *network)
{
	static const struct netlink_events events = { .matters = matters,
						      .leaves_from = leaves_from,
						      .on_change = on_change };
	int err = watch_new(network->loop, on_files, network, &network->watch);

	if (err == -ENOMEM)
		return err;
	if (err != 0)
		LOG(LEVEL_WARNING,
		    "name server files cannot be watched: %s; when they change, send HUP",
		    err_text(err));
	err = netlink_new(network->loop, &events, network, &network->netlink);
	if (err == -ENOMEM)
		return err;
	if (err != 0)
		LOG(LEVEL_WARNING,
		    "changes of addresses and routes cannot be watched: %s; after one, servers "
		    "are found again by asking alone",
		    err_text(err));
	return 0;
}

int network_new(struct crew *crew, struct sources *sources, struct network **ret_network)
{
	const struct crew_mate *first = crew_mate(crew, 0);
	struct network *network = mem_zalloc(sizeof(*network));

	if (network == NULL)
		return -ENOMEM;
	*network = (struct network){
		.crew = crew, .loop = first->loop, .worker = first->worker, .sources = sources
	};
	int err = begin_watching(network);
	if (err != 0) {
		network_free(network);
		return err;
	}
	network_follow(network);
	*ret_network = network;
	return 0;
}

void network_free(struct network *network)
{
	if (network == NULL)
		return;
	watch_free(network->watch);
	netlink_free(network->netlink);
	mem_free(network->from);
	mem_free(network);
}
