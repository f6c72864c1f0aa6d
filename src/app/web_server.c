#include "app/web_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/port_holder.h"
#include "app/web_pages.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/local.h"
#include "side/web.h"

/* An address may come yet, and a port be given up. */
#define AGAIN_US (10u * USEC_PER_SEC)

struct web_server {
	struct loop *loop;
	struct commands *commands;
	struct web_page_site site;
	struct web *web; /* NULL while none is open */
	char *path;	 /* where it is or was to be; NULL: the address */
	struct addr addr;
	bool is_told; /* that it cannot be there */
	struct timer again;
};

static const struct conf *conf_of(const struct web_server *server)
{
	return worker_plan(server->commands->worker)->conf;
}

static const struct conf_name *names(void *ctx, size_t *ret_count)
{
	const struct commands *commands = ctx;
	const struct conf *conf = worker_plan(commands->worker)->conf;

	*ret_count = conf->web_host_count;
	return conf->web_hosts;
}

/* --- what the log says --------------------------------------------------------------------- */

struct place_text {
	char text[160];
};

/* As it is written in a browser, where that can be. */
static const char *place_of(const struct web_server *server, struct place_text *into)
{
	struct addr_text addr;
	struct addr host = server->addr;

	host.port = 0;
	addr_to_text(&host, &addr);
	if (server->path != NULL)
		snprintf(into->text, sizeof(into->text), "%s", server->path);
	else
		snprintf(into->text, sizeof(into->text),
			 host.family == ADDR_IPV6 ? "http://[%s]:%u/" : "http://%s:%u/", addr.text,
			 (unsigned)server->addr.port);
	return into->text;
}

static bool is_loopback(const struct addr *addr)
{
	static const uint8_t ipv6[16] = { [15] = 1 };

	return addr->family == ADDR_IPV4 ? addr->bytes[0] == 127
					 : memcmp(addr->bytes, ipv6, sizeof(ipv6)) == 0;
}

static void tell_open(const struct web_server *server)
{
	const bool is_near = server->path != NULL || is_loopback(&server->addr);
	struct place_text place;

	LOG(LEVEL_INFO, "web: pages at %s%s", place_of(server, &place),
	    is_near ? "" : ", without a password, for whoever reaches it");
}

static void complain(const struct web_server *server, int err)
{
	struct port_holder holder;
	struct place_text place;

	place_of(server, &place);
	if (err == -EADDRINUSE && server->path == NULL)
		LOG(LEVEL_WARNING, "web: %s: taken by %s; going on without, and trying again",
		    place.text, port_holder_find(&server->addr, true, &holder));
	else if (err == -EADDRINUSE)
		LOG(LEVEL_WARNING,
		    "web: %s: another program listens there (pid %d); going on without, and "
		    "trying again",
		    place.text, local_holder(server->path));
	else
		LOG(LEVEL_WARNING, "web: %s: %s; going on without, and trying again", place.text,
		    err_text(err));
}

/* --- opening and closing ------------------------------------------------------------------- */

static void close_it(struct web_server *server)
{
	web_free(server->web);
	server->web = NULL;
}

/* False: memory is short. */
static bool set_place(struct web_server *server, const struct conf *conf)
{
	char *path = conf->web_path == NULL ? NULL : mem_strdup(conf->web_path);

	if (path == NULL && conf->web_path != NULL)
		return false;
	mem_free(server->path);
	server->path = path;
	server->addr = conf->web_listen;
	server->addr.port = conf->web_port;
	server->is_told = false;
	return true;
}

static bool is_place(const struct web_server *server, const struct conf *conf)
{
	if (conf->web_path != NULL || server->path != NULL)
		return conf->web_path != NULL && server->path != NULL &&
		       strcmp(conf->web_path, server->path) == 0;
	return addr_same_host(&server->addr, &conf->web_listen) &&
	       server->addr.port == conf->web_port;
}

static void open_it(struct web_server *server)
{
	const int err =
		web_new(server->loop, server->path, &server->addr, &server->site, &server->web);

	if (err == 0) {
		tell_open(server);
		server->is_told = false;
		return;
	}
	if (!server->is_told)
		complain(server, err);
	server->is_told = true;
	timer_start(loop_timers(server->loop), &server->again, AGAIN_US);
}

static void on_again(void *ctx)
{
	struct web_server *server = ctx;
	const struct conf *conf = conf_of(server);

	if (!conf->web_enabled) {
		close_it(server);
		server->addr.family = ADDR_NONE; /* when it comes back, all is told anew */
		return;
	}
	if (!is_place(server, conf)) {
		close_it(server);
		if (!set_place(server, conf)) {
			timer_start(loop_timers(server->loop), &server->again, AGAIN_US);
			return;
		}
	}
	if (server->web != NULL && web_socket_is_there(web_socket(server->web)))
		return;
	close_it(server);
	open_it(server);
}

/* In a build without pages there never is one, and the link drops all this. */
static bool is_there(const struct web_server *server)
{
	return COURIERDNS_WEB && server != NULL;
}

int web_server_new(struct loop *loop, struct commands *commands, struct web_server **ret_server)
{
	*ret_server = NULL;
	if (!COURIERDNS_WEB)
		return 0;
	struct web_server *server = mem_zalloc(sizeof(*server));
	if (server == NULL)
		return -ENOMEM;
	web_prepare();
	server->loop = loop;
	server->commands = commands;
	server->site = (struct web_page_site){
		.routes = web_pages(),
		.names = names,
		.ctx = commands,
		.turned_away = &worker_stats(commands->worker)->count[STAT_LIMIT_WEB],
	};
	timer_init(&server->again, on_again, server);
	on_again(server);
	*ret_server = server;
	return 0;
}

const char *web_server_path(const struct web_server *server)
{
	return is_there(server) && server->web != NULL ? server->path : NULL;
}

void web_server_free(struct web_server *server)
{
	if (!is_there(server))
		return;
	timer_stop(loop_timers(server->loop), &server->again);
	close_it(server);
	mem_free(server->path);
	mem_free(server);
}

void web_server_follow(struct web_server *server)
{
	if (is_there(server))
		timer_start(loop_timers(server->loop), &server->again, 0);
}
