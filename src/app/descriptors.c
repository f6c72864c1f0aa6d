#include "app/descriptors.h"

#include <limits.h>
#include <sys/resource.h>

#include "base/log.h"
#include "side/web.h"

/* Those that are always open: the three standard ones, the loop's own, what watches the network and
 * the control socket. */
#define ALWAYS 12u
/* Of each further worker: its loop's, and what wakes it. */
#define PER_WORKER 4u
/* For the configuration and what it includes, /etc/resolv.conf, the system log. */
#define FOR_FILES 8u
/* With fewer than these for questions and TCP clients there is no point in starting. */
#define LEAST_FOR_SOCKETS 12u
#define LEAST_TCP_CLIENTS 4u

static unsigned workers(const struct conf *conf)
{
	return conf->workers > 1 ? conf->workers : 1;
}

static unsigned listening(const struct conf *conf)
{
	unsigned count = 0;

	for (size_t i = 0; i < conf->listen_count; i++)
		count += (unsigned)conf->listen[i].udp + (unsigned)conf->listen[i].tcp;
	return workers(conf) * count;
}

/* For anything but questions and TCP clients. */
static unsigned always(const struct conf *conf)
{
	const unsigned web = conf->web_enabled ? 1 + WEB_CONNECTIONS_MAX + 1 : 0;

	return ALWAYS + FOR_FILES + web + listening(conf) + PER_WORKER * (workers(conf) - 1);
}

static unsigned wanted(const struct conf *conf)
{
	return always(conf) + conf->tcp_clients + 2 * conf->inflight;
}

unsigned descriptors_raise(unsigned want)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return want; /* or nothing is known of it, so nothing is cut */
	const unsigned before = (unsigned)limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? (unsigned)limit.rlim_cur : before;
}

int descriptors_fit(struct conf *conf, const struct conf *now, struct complaints *complaints)
{
	const unsigned want = wanted(conf), allowed = descriptors_raise(want);
	const unsigned least = always(conf) + workers(conf) * LEAST_FOR_SOCKETS;
	const uint32_t inflight = conf->inflight, tcp_clients = conf->tcp_clients;

	if (allowed >= want)
		return 0;
	if (allowed < least) {
		complaint_add(complaints, NULL,
			      "the system allows %u open files (ulimit -n), and at least %u "
			      "are needed for %u worker%s",
			      allowed, least, workers(conf), workers(conf) > 1 ? "s" : "");
		return ERR_LIMIT;
	}
	const uint32_t room = allowed - always(conf);
	const uint32_t for_tcp = room / 4 > LEAST_TCP_CLIENTS ? room / 4 : LEAST_TCP_CLIENTS;
	if (conf->tcp_clients > for_tcp)
		conf->tcp_clients = for_tcp;
	if (conf->inflight > (room - conf->tcp_clients) / 2)
		conf->inflight = (room - conf->tcp_clients) / 2;
	if (now != NULL && now->inflight == conf->inflight && now->tcp_clients == conf->tcp_clients)
		return 0;
	LOG(LEVEL_WARNING,
	    "the system allows %u open files (ulimit -n), and the configuration wants %u: "
	    "limits.inflight is %u instead of %u, limits.tcp_clients %u instead of %u",
	    allowed, want, conf->inflight, inflight, conf->tcp_clients, tcp_clients);
	return 0;
}

void descriptors_share(struct loop *loop, const struct conf *conf, struct loop_sockets sockets)
{
	struct rlimit limit;

	sockets.max_incoming = sockets.max_outgoing = 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT_MAX &&
	    limit.rlim_cur > FOR_FILES + conf->tcp_clients) {
		sockets.max_incoming = (int)(limit.rlim_cur - FOR_FILES);
		sockets.max_outgoing = sockets.max_incoming - (int)conf->tcp_clients;
	}
	loop_limit_sockets(loop, &sockets);
}
