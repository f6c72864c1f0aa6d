#include "app/settings.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "app/privileges.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf_load.h"
#include "policy/policy.h"

const char *settings_file(const struct settings *settings)
{
	if (settings->path != NULL)
		return settings->path;
	if (settings->listen_count > 0 || settings->server_count > 0)
		return NULL;
	return access(CONF_LOAD_DEFAULT_PATH, F_OK) == 0 ? CONF_LOAD_DEFAULT_PATH : NULL;
}

const char *settings_file_text(const struct settings *settings)
{
	const char *file = settings_file(settings);

	return file == NULL ? "the built-in default" : file;
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

int settings_set_servers(struct conf_group *group, const struct addr *servers, size_t count)
{
	struct conf_server *copy = mem_zalloc((count + 1) * sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		copy[i].addr = servers[i];
	mem_free(group->servers);
	group->servers = copy;
	group->server_count = count;
	return 0;
}

static int replace_default_servers(struct conf_group *group, const struct settings *settings)
{
	int err = settings_set_servers(group, settings->servers, settings->server_count);

	if (err != 0)
		return err;
	mem_free(group->resolv_conf);
	group->resolv_conf = NULL;
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

/* --- whether we would ask ourselves --------------------------------------------------------- */

/* Addresses that we answer on. */
struct own {
	struct addr *addrs;
	size_t count, room;
};

static int add_own(struct own *own, const struct addr *addr)
{
	if (own->count == own->room) {
		const size_t room = own->room * 2 + 16;
		struct addr *grown = mem_realloc(own->addrs, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		own->addrs = grown;
		own->room = room;
	}
	own->addrs[own->count++] = *addr;
	return 0;
}

/* A listener on a wildcard answers on every address of the machine. */
static int add_interfaces(struct own *own, const struct addr *wildcard)
{
	struct ifaddrs *all = NULL;
	int err = 0;

	if (getifaddrs(&all) != 0)
		return errno == ENOMEM ? -ENOMEM : 0; /* then only loopback is known to be us */
	for (const struct ifaddrs *at = all; at != NULL && err == 0; at = at->ifa_next) {
		struct addr addr;

		if (at->ifa_addr == NULL || addr_from_sockaddr(at->ifa_addr, &addr) != 0 ||
		    addr.family != wildcard->family)
			continue;
		addr.port = wildcard->port;
		err = add_own(own, &addr);
	}
	freeifaddrs(all);
	return err;
}

static int find_own(const struct conf *conf, struct own *own)
{
	int err = 0;

	for (size_t i = 0; i < conf->listen_count && err == 0; i++) {
		const struct addr *addr = &conf->listen[i].addr;

		err = add_own(own, addr);
		if (err == 0 && addr_is_wildcard(addr))
			err = add_interfaces(own, addr);
	}
	return err;
}

/* A question to such a server comes back as a question, and so on. */
static int refuse_own(const struct conf *conf, struct complaints *complaints)
{
	struct own own = { .addrs = NULL };
	int err = find_own(conf, &own);

	for (size_t i = 0; err == 0 && i < conf->group_count; i++) {
		const struct conf_group *group = &conf->groups[i];

		for (size_t j = 0; j < group->server_count; j++) {
			const struct conf_server *server = &group->servers[j];
			struct addr_text text;

			if (!resolv_conf_is_own(&server->addr, own.addrs, own.count))
				continue;
			complaint_add(complaints, &server->place,
				      "upstreams.%s.servers has %s, where this program is told to "
				      "listen; expected a server that is not itself",
				      group->name, addr_to_text(&server->addr, &text));
		}
	}
	mem_free(own.addrs);
	if (err != 0)
		return err;
	return complaint_count(complaints) > 0 ? ERR_CONF : 0;
}

static int replace_control_socket(struct conf *conf, const char *path,
				  struct complaints *complaints)
{
	char *copy = mem_strdup(path);

	if (copy == NULL)
		return -ENOMEM;
	mem_free(conf->control_socket);
	conf->control_socket = copy;
	if (conf->web_path == NULL || strcmp(conf->web_path, path) != 0)
		return 0;
	complaint_add(complaints, NULL, "-s is \"%s\", which is web.listen; expected another path",
		      path);
	return ERR_CONF;
}

int settings_load(const struct settings *settings, struct complaints *complaints,
		  struct conf **ret_conf)
{
	struct conf *conf = NULL;
	int err = conf_load(settings_file(settings), complaints, &conf);

	if (conf == NULL)
		return err;
	if (err == ERR_CONF)
		complain_of_records(conf, complaints);
	if (privileges_find(conf, settings->user, complaints) != 0)
		err = -ENOMEM;
	if (err == 0 && settings->listen_count > 0)
		err = replace_listen(conf, settings);
	if (err == 0 && settings->server_count > 0)
		err = replace_default_servers(&conf->groups[0], settings);
	if (err == 0 && settings->control_socket != NULL)
		err = replace_control_socket(conf, settings->control_socket, complaints);
	if (err == 0)
		err = refuse_own(conf, complaints);
	if (err != 0) {
		conf_free(conf);
		return err;
	}
	*ret_conf = conf;
	return 0;
}

/* --- servers out of files ------------------------------------------------------------------ */

int settings_read_servers(const struct conf *conf, const char *path,
			  struct addr ret_servers[RESOLV_CONF_MAX], size_t *ret_count)
{
	struct own own = { .addrs = NULL };
	int err = find_own(conf, &own);

	if (err == 0)
		err = resolv_conf_read(path, own.addrs, own.count, ret_servers, ret_count);
	mem_free(own.addrs);
	return err;
}

/* --- what may come yet --------------------------------------------------------------------- */

static bool is_here(const struct ifaddrs *all, const struct addr *source)
{
	for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
		struct addr addr;

		if (at->ifa_addr != NULL && addr_from_sockaddr(at->ifa_addr, &addr) == 0 &&
		    memcmp(addr.bytes, source->bytes, sizeof(addr.bytes)) == 0)
			return true;
	}
	/* all of 127.0.0.0/8 is, whatever is written on the interface */
	return source->family == ADDR_IPV4 && source->bytes[0] == 127;
}

static void warn_of(const struct conf_group *group, const struct conf_server *server,
		    const struct ifaddrs *all)
{
	struct addr_text addr, source;

	if (server->interface[0] != '\0' && if_nametoindex(server->interface) == 0)
		LOG(LEVEL_WARNING,
		    "group %s: server %s: there is no interface %s here yet; until it comes the "
		    "server cannot be asked",
		    group->name, addr_to_text(&server->addr, &addr), server->interface);
	if (server->source.family != ADDR_NONE && !is_here(all, &server->source))
		LOG(LEVEL_WARNING,
		    "group %s: server %s: no interface here has the source %s yet; until one has "
		    "it the server cannot be asked",
		    group->name, addr_to_text(&server->addr, &addr),
		    addr_to_text(&server->source, &source));
}

void settings_warn(const struct conf *conf)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) != 0)
		return;
	for (size_t i = 0; i < conf->group_count; i++) {
		for (size_t j = 0; j < conf->groups[i].server_count; j++)
			warn_of(&conf->groups[i], &conf->groups[i].servers[j], all);
	}
	freeifaddrs(all);
}
