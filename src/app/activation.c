#include "app/activation.h"

#include <errno.h>

#include "base/log.h"

void activation_tell_err(int err)
{
	if (err == ERR_MALFORMED)
		LOG(LEVEL_WARNING,
		    "LISTEN_FDS in the environment is no number of sockets; ports are "
		    "opened as if none were passed");
}

static bool is_used(const struct passed_socket *passed, const struct listeners *listeners)
{
	struct conf_listen listen;

	for (size_t i = 0; i < listeners_count(listeners); i++) {
		if (listeners_get(listeners, i, &listen) &&
		    (passed->is_tcp ? listen.tcp : listen.udp) &&
		    addr_equal(&listen.addr, &passed->addr))
			return true;
	}
	return false;
}

static void tell_one(const struct passed_socket *passed, size_t at)
{
	struct addr_text addr;

	if (passed->fault != NULL)
		LOG(LEVEL_WARNING, "socket %zu that was passed (%s) is not used: %s",
		    PASSED_FIRST + at, passed->name, passed->fault);
	else
		LOG(LEVEL_WARNING,
		    "socket %zu that was passed (%s), %s %s: no entry of `listen` is of that; nobody "
		    "who asks there is answered",
		    PASSED_FIRST + at, passed->name, addr_to_text(&passed->addr, &addr),
		    passed->is_tcp ? "tcp" : "udp");
}

/* How many of the same address and protocol come before it: the workers take them in their order.
 */
static size_t rank_of(const struct passed *passed, size_t at)
{
	const struct passed_socket one = passed_get(passed, at);
	size_t rank = 0;

	for (size_t i = 0; i < at; i++) {
		const struct passed_socket other = passed_get(passed, i);

		rank += other.fault == NULL && other.is_tcp == one.is_tcp &&
			addr_equal(&other.addr, &one.addr);
	}
	return rank;
}

/* The system gives it its share of what comes to the address, all the same. */
static void tell_unread(const struct passed_socket *passed, size_t at, size_t workers)
{
	struct addr_text addr;

	LOG(LEVEL_WARNING,
	    "socket %zu that was passed (%s), %s %s: there are more of that than workers (%zu): "
	    "nobody reads this one, and who is given to it is not answered",
	    PASSED_FIRST + at, passed->name, addr_to_text(&passed->addr, &addr),
	    passed->is_tcp ? "tcp" : "udp", workers);
}

static size_t count_missing(const struct passed *passed)
{
	size_t count = 0;

	for (size_t i = 0; i < passed_count(passed); i++)
		count += passed_get(passed, i).fd < 0;
	return count;
}

void activation_tell(const struct passed *passed, const struct listeners *listeners, size_t workers,
		     bool is_start)
{
	const size_t missing = count_missing(passed);
	size_t used = 0;

	if (passed_count(passed) == 0)
		return;
	for (size_t i = 0; i < passed_count(passed); i++) {
		const struct passed_socket socket = passed_get(passed, i);
		const bool is_wanted = socket.fault == NULL && is_used(&socket, listeners);

		if (is_wanted && rank_of(passed, i) < workers)
			used++;
		else if (is_wanted)
			tell_unread(&socket, i, workers);
		else if (socket.fd >= 0 && (is_start || socket.fault == NULL))
			tell_one(&socket, i);
	}
	if (is_start && missing > 0)
		LOG(LEVEL_WARNING,
		    "LISTEN_FDS in the environment says %zu, but %zu of these descriptors %s not "
		    "open: whoever started us has passed fewer",
		    passed_count(passed), missing, missing == 1 ? "is" : "are");
	if (passed_count(passed) > missing)
		LOG(LEVEL_INFO, "%zu of %zu sockets that were passed are used", used,
		    passed_count(passed) - missing);
}
