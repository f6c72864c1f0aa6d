#include "conf/conf.h"

#include <string.h>

#include "base/mem.h"

static void free_names(struct conf_name *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_free(names[i].wire);
	mem_free(names);
}

static void free_zones(struct conf_zone *zones, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free_names(zones[i].names, zones[i].name_count);
		free_names(zones[i].except, zones[i].except_count);
		for (size_t j = 0; j < zones[i].record_count; j++)
			mem_free(zones[i].records[j].text);
		mem_free(zones[i].records);
		mem_free(zones[i].types);
		mem_free(zones[i].clients);
	}
	mem_free(zones);
}

void conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	mem_free(conf->listen);
	mem_free(conf->access);
	for (size_t i = 0; i < conf->group_count; i++) {
		mem_free(conf->groups[i].name);
		mem_free(conf->groups[i].servers);
		mem_free(conf->groups[i].resolv_conf);
	}
	mem_free(conf->groups);
	free_zones(conf->zones, conf->zone_count);
	free_names(conf->rebinding_allow, conf->rebinding_allow_count);
	for (size_t i = 0; i < conf->file_count; i++)
		mem_free(conf->files[i]);
	mem_free(conf->files);
	mem_free(conf);
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
