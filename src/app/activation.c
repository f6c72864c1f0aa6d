#include "app/activation.h"

#include <errno.h>

#include "base/log.h"

int activation_read(struct passed **ret_passed)
{
	const int err = passed_new(PASSED_FIRST, ret_passed);

	if (err == 0 || err == -ENOMEM)
		return err;
	LOG(LEVEL_WARNING, "LISTEN_FDS in the environment is no number of sockets; ports are "
			   "opened as if none were passed");
	return 0;
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

void activation_tell(const struct passed *passed, const struct listeners *listeners)
{
	size_t used = 0;

	for (size_t i = 0; i < passed_count(passed); i++) {
		const struct passed_socket socket = passed_get(passed, i);

		if (socket.fault == NULL && is_used(&socket, listeners))
			used++;
		else
			tell_one(&socket, i);
	}
	if (passed_count(passed) > 0)
		LOG(LEVEL_INFO, "%zu of %zu sockets that were passed are used", used,
		    passed_count(passed));
}
