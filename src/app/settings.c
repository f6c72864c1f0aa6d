#include "app/settings.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf_load.h"
#include "conf/resolv_conf.h"
#include "policy/policy.h"

const char *settings_file(const struct settings *settings)
{
	if (settings->path != NULL)
		return settings->path;
	if (settings->listen_count > 0 || settings->server_count > 0)
		return NULL;
	return access(CONF_LOAD_DEFAULT_PATH, F_OK) == 0 ? CONF_LOAD_DEFAULT_PATH : NULL;
}

bool settings_listens_by_default(const struct settings *settings)
{
	return settings_file(settings) == NULL && settings->listen_count == 0;
}

static int replace_listen(struct conf *conf, const struct settings *settings)
{
	struct conf_listen *listen = mem_zalloc(settings->listen_count * sizeof(*listen));

	if (listen == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < settings->listen_count; i++) {
		listen[i].addr = settings->listen[i];
		listen[i].udp = listen[i].tcp = true;
	}
	mem_free(conf->listen);
	conf->listen = listen;
	conf->listen_count = settings->listen_count;
	return 0;
}

static int replace_default_servers(struct conf *conf, const struct addr *servers, size_t count)
{
	struct conf_server *copy = mem_zalloc(count * sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		copy[i].addr = servers[i];
	mem_free(conf->groups[0].servers);
	conf->groups[0].servers = copy;
	conf->groups[0].server_count = count;
	return 0;
}

/* What is said of records comes with what is said of the rest, not after that is put right. */
static void complain_of_records(const struct conf *conf, struct complaints *complaints)
{
	const struct hash_key key = { 0, 0 };
	struct policy *policy = NULL;

	if (policy_compile(conf, &key, complaints, &policy) == 0)
		policy_free(policy);
}

int settings_load(const struct settings *settings, struct complaints *complaints,
		  struct conf **ret_conf)
{
	struct conf *conf = NULL;
	int err = conf_load(settings_file(settings), complaints, &conf);

	if (err == ERR_CONF && conf != NULL)
		complain_of_records(conf, complaints);
	if (err == 0 && settings->listen_count > 0)
		err = replace_listen(conf, settings);
	if (err == 0 && settings->server_count > 0)
		err = replace_default_servers(conf, settings->servers, settings->server_count);
	if (err != 0) {
		conf_free(conf);
		return err;
	}
	*ret_conf = conf;
	return 0;
}

int settings_use_resolv_conf(struct conf *conf, size_t *ret_count)
{
	struct addr found[RESOLV_CONF_MAX];
	size_t count = 0;

	*ret_count = conf->groups[0].server_count;
	if (conf->groups[0].server_count > 0)
		return 0;
	struct addr *own = mem_alloc((conf->listen_count + 1) * sizeof(*own));
	if (own == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < conf->listen_count; i++)
		own[i] = conf->listen[i].addr;
	int err = resolv_conf_read(RESOLV_CONF_PATH, own, conf->listen_count, found, &count);
	mem_free(own);
	if (err == 0 && count > 0)
		err = replace_default_servers(conf, found, count);
	if (err == 0)
		*ret_count = count;
	return err;
}

int settings_keep_servers(struct conf *conf, const struct conf *from)
{
	const struct conf_group *group = &from->groups[0];
	struct conf_server *copy = mem_dup(group->servers, group->server_count * sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	mem_free(conf->groups[0].servers);
	conf->groups[0].servers = copy;
	conf->groups[0].server_count = group->server_count;
	return 0;
}
