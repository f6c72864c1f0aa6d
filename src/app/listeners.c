#include "app/listeners.h"

#include <errno.h>

#include "app/port_holder.h"
#include "base/log.h"
#include "base/mem.h"
#include "front/listener_stream.h"
#include "front/listener_udp.h"

struct listeners {
	struct loop *loop;
	struct worker *worker;
	bool is_default;
	struct listener_stream_table *connections;
	struct listener_udp **udp;
	struct listener_stream **stream;
	struct addr *addrs;
	size_t count;
};

static int complain(const struct listeners *listeners, const struct addr *addr, bool is_tcp,
		    int err)
{
	const char *protocol = is_tcp ? "tcp" : "udp";
	struct port_holder holder;
	struct addr_text text;

	addr_to_text(addr, &text);
	switch (err) {
	case -EADDRNOTAVAIL:
	case -EAFNOSUPPORT:
		if (listeners->is_default && addr->family == ADDR_IPV6) {
			LOG(LEVEL_WARNING, "%s %s: %s; going on without it", text.text, protocol,
			    err_text(err));
			return 0;
		}
		log_write(LEVEL_ERROR, "%s %s: this machine has no such address", text.text,
			  protocol);
		return err;
	case -EADDRINUSE:
		log_write(LEVEL_ERROR, "%s %s: taken by %s; stop it, or listen elsewhere (-l)",
			  text.text, protocol, port_holder_find(addr, is_tcp, &holder));
		return err;
	case -EACCES:
		log_write(LEVEL_ERROR, "%s %s: ports below 1024 need root or CAP_NET_BIND_SERVICE",
			  text.text, protocol);
		return err;
	default:
		log_write(LEVEL_ERROR, "%s %s: cannot listen: %s", text.text, protocol,
			  err_text(err));
		return err;
	}
}

static int open_one(struct listeners *listeners, const struct conf_listen *listen, size_t at)
{
	int err = 0;

	listeners->addrs[at] = listen->addr;
	if (listen->udp)
		err = listener_udp_new(listeners->loop, listeners->worker, &listen->addr,
				       &listeners->udp[at]);
	if (err != 0)
		return complain(listeners, &listen->addr, false, err);
	if (listen->tcp)
		err = listener_stream_new(listeners->connections, &listen->addr,
					  &listeners->stream[at]);
	return err == 0 ? 0 : complain(listeners, &listen->addr, true, err);
}

int listeners_open(struct loop *loop, struct worker *worker, bool is_default,
		   const struct listeners *first, struct listeners **ret_listeners)
{
	const struct conf *conf = worker_plan(worker)->conf;
	struct listeners *listeners = mem_zalloc(sizeof(*listeners));
	int err = -ENOMEM;

	if (listeners == NULL)
		return -ENOMEM;
	*listeners = (struct listeners){ .loop = loop, .worker = worker, .is_default = is_default };
	listeners->udp = mem_zalloc(conf->listen_count * sizeof(struct listener_udp *));
	listeners->stream = mem_zalloc(conf->listen_count * sizeof(struct listener_stream *));
	listeners->addrs = mem_zalloc(conf->listen_count * sizeof(struct addr));
	listeners->connections = listener_stream_table_new(loop, worker);
	if (listeners->udp == NULL || listeners->stream == NULL || listeners->addrs == NULL ||
	    listeners->connections == NULL)
		goto out;
	listeners->count = conf->listen_count;
	err = 0;
	for (size_t i = 0; i < conf->listen_count && err == 0; i++) {
		struct conf_listen listen = conf->listen[i];

		if (first == NULL || listeners_get(first, i, &listen))
			err = open_one(listeners, &listen, i);
	}
	if (err != 0)
		goto out;
	*ret_listeners = listeners;
	listeners = NULL;
out:
	listeners_free(listeners);
	return err;
}

void listeners_stop_accepting(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++) {
		listener_stream_free(listeners->stream[i]);
		listeners->stream[i] = NULL;
	}
}

void listeners_free(struct listeners *listeners)
{
	if (listeners == NULL)
		return;
	listeners_stop_accepting(listeners);
	listener_stream_table_free(listeners->connections);
	for (size_t i = 0; i < listeners->count; i++)
		listener_udp_free(listeners->udp[i]);
	mem_free(listeners->udp);
	mem_free(listeners->stream);
	mem_free(listeners->addrs);
	mem_free(listeners);
}

uint32_t listeners_connections(const struct listeners *listeners)
{
	return listener_stream_connections(listeners->connections);
}

size_t listeners_count(const struct listeners *listeners)
{
	return listeners->count;
}

bool listeners_get(const struct listeners *listeners, size_t at, struct conf_listen *ret_listen)
{
	*ret_listen = (struct conf_listen){
		.addr = listeners->addrs[at],
		.udp = listeners->udp[at] != NULL,
		.tcp = listeners->stream[at] != NULL,
	};
	return ret_listen->udp || ret_listen->tcp;
}
