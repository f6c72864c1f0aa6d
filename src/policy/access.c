#include "policy/access.h"

#include <string.h>

#include "base/mem.h"
#include "policy/prefix_table.h"

/* What the first byte of an address decides, or the first two: an action, or one of these. */
#define LOOK 255u   /* no more than the table knows */
#define SECOND 256u /* from here on: the second byte decides, by that row of `second` */

struct access {
	struct prefix_table *table, *trusted;
	enum access_action *actions; /* by index in the table */
	uint16_t first[2][256];	     /* IPv4, IPv6 */
	uint8_t (*second)[256];
};

static enum access_action look(const struct access *access, const struct addr *client)
{
	size_t index = 0;

	if (!prefix_table_find(access->table, client, &index))
		return ACCESS_REFUSE;
	return access->actions[index];
}

static uint16_t *first_of(struct access *access, const struct addr *addr)
{
	return &access->first[addr->family == ADDR_IPV6][addr->bytes[0]];
}

/* Numbers the rows of `second`: one for each first byte that alone does not decide, for there are
 * longer networks that begin with it. Returns how many. */
static size_t number_rows(struct access *access, const struct conf *conf)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->access_count; i++) {
		const struct addr_prefix *net = &conf->access[i].net;
		uint16_t *first = first_of(access, &net->net);

		if (net->bits > 8 && *first == 0)
			*first = (uint16_t)(SECOND + count++);
	}
	return count;
}

/* The same of the first two bytes. */
static void mark_divided(struct access *access, const struct conf *conf)
{
	for (size_t i = 0; i < conf->access_count; i++) {
		const struct addr_prefix *net = &conf->access[i].net;

		if (net->bits > 16)
			access->second[*first_of(access, &net->net) - SECOND][net->net.bytes[1]] =
				LOOK;
	}
}

static void decide_ahead(struct access *access, const struct conf *conf)
{
	mark_divided(access, conf);
	for (unsigned i = 0; i < 2 * 256; i++) {
		struct addr addr = { .family = i < 256 ? ADDR_IPV4 : ADDR_IPV6,
				     .bytes = { (uint8_t)i } };
		uint16_t *first = first_of(access, &addr);

		if (*first == 0) {
			*first = (uint16_t)look(access, &addr);
			continue;
		}
		for (unsigned n = 0; n < 256; n++) {
			uint8_t *second = &access->second[*first - SECOND][n];

			addr.bytes[1] = (uint8_t)n;
			if (*second != LOOK)
				*second = (uint8_t)look(access, &addr);
		}
	}
}

static bool compile(struct access *access, const struct conf *conf)
{
	const size_t count = conf->access_count;
	struct addr_prefix *prefixes = mem_alloc(count * sizeof(*prefixes) + 1);

	access->actions = mem_alloc(count * sizeof(access->actions[0]) + 1);
	if (prefixes != NULL && access->actions != NULL) {
		for (size_t i = 0; i < count; i++) {
			prefixes[i] = conf->access[i].net;
			access->actions[i] = conf->access[i].action;
		}
		access->table = prefix_table_new(prefixes, count);
		access->trusted = prefix_table_new(conf->trusted, conf->trusted_count);
	}
	mem_free(prefixes);
	if (access->actions == NULL || access->table == NULL || access->trusted == NULL)
		return false;
	access->second = mem_zalloc(number_rows(access, conf) * sizeof(access->second[0]) + 1);
	if (access->second == NULL)
		return false;
	decide_ahead(access, conf);
	return true;
}

struct access *access_new(const struct conf *conf)
{
	struct access *access = mem_zalloc(sizeof(*access));

	if (access != NULL && !compile(access, conf)) {
		access_free(access);
		return NULL;
	}
	return access;
}

void access_free(struct access *access)
{
	if (access == NULL)
		return;
	mem_free(access->second);
	mem_free(access->actions);
	prefix_table_free(access->trusted);
	prefix_table_free(access->table);
	mem_free(access);
}

enum access_action access_judge(const struct access *access, const struct addr *client)
{
	unsigned known = LOOK;

	if (client->family != ADDR_NONE)
		known = access->first[client->family == ADDR_IPV6][client->bytes[0]];
	if (known >= SECOND)
		known = access->second[known - SECOND][client->bytes[1]];
	return known == LOOK ? look(access, client) : (enum access_action)known;
}

bool access_trusts(const struct access *access, const struct addr *client)
{
	size_t index;

	return prefix_table_find(access->trusted, client, &index);
}
