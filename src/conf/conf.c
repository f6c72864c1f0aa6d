#include "conf/conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void conf_free_names(struct conf_name *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_free(names[i].wire);
	mem_free(names);
}

/* A list of what begins with a text. */
static void free_texts(void *list, size_t count, size_t each)
{
	char **text = list;

	for (; count > 0; count--, text += each / sizeof(*text))
		mem_free(*text);
	mem_free(list);
}

static void free_zone(struct conf_zone *zone)
{
	conf_free_names(zone->names, zone->name_count);
	conf_free_names(zone->except, zone->except_count);
	free_texts(zone->records, zone->record_count, sizeof(*zone->records));
	mem_free(zone->types);
	mem_free(zone->clients);
	free_texts(zone->nftsets, zone->nftset_count, sizeof(*zone->nftsets));
}

void conf_clear_courier(struct conf_courier *courier)
{
	mem_free(courier->name);
	mem_free(courier->alias.wire);
	mem_free(courier->target.wire);
	mem_free(courier->count_txt.wire);
	conf_free_names(courier->variants, courier->variant_count);
	mem_free(courier->types);
}

void conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	mem_free(conf->listen);
	mem_free(conf->access);
	mem_free(conf->trusted);
	for (size_t i = 0; i < conf->group_count; i++) {
		mem_free(conf->groups[i].servers);
		mem_free(conf->groups[i].resolv_conf);
	}
	free_texts(conf->groups, conf->group_count, sizeof(*conf->groups));
	for (size_t i = 0; i < conf->zone_count; i++)
		free_zone(&conf->zones[i]);
	mem_free(conf->zones);
	for (size_t i = 0; i < conf->courier_count; i++)
		conf_clear_courier(&conf->couriers[i]);
	mem_free(conf->couriers);
	mem_free(conf->control_socket);
	mem_free(conf->web_path);
	conf_free_names(conf->web_hosts, conf->web_host_count);
	mem_free(conf->user);
	conf_free_names(conf->rebinding_allow, conf->rebinding_allow_count);
	free_texts(conf->files, conf->file_count, sizeof(*conf->files));
	mem_free(conf);
}

bool conf_has_nftsets(const struct conf *conf)
{
	for (size_t i = 0; i < conf->zone_count; i++) {
		if (conf->zones[i].nftset_count > 0)
			return true;
	}
	return false;
}

bool conf_server_equal(const struct conf_server *a, const struct conf_server *b)
{
	return addr_equal(&a->addr, &b->addr) && addr_equal(&a->source, &b->source) &&
	       strcmp(a->interface, b->interface) == 0;
}

int conf_find_group(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->group_count; i++)
		if (strcmp(conf->groups[i].name, name) == 0)
			return (int)i;
	return CONF_GROUP_NONE;
}

size_t conf_name_fill(const struct conf_name *name, uint32_t n, uint8_t ret_name[NAME_MAX_LEN])
{
	static const size_t marker_len = 3; /* {n}, the only brace there is */
	const uint8_t *marker = memchr(name->wire, '{', name->len);
	const size_t head = (size_t)(marker - name->wire);
	char digits[sizeof("4294967295")];
	const size_t count = (size_t)snprintf(digits, sizeof(digits), "%" PRIu32, n);
	size_t label = 0;

	while (label + name->wire[label] < head)
		label += 1u + name->wire[label];
	memcpy(ret_name, name->wire, head);
	memcpy(ret_name + head, digits, count);
	memcpy(ret_name + head + count, marker + marker_len, name->len - head - marker_len);
	ret_name[label] = (uint8_t)(name->wire[label] + count - marker_len);
	return name->len + count - marker_len;
}
