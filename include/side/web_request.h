/* side/web_request.h: of a request over HTTP, what we read of it ourselves: its target (RFC 9112
 * section 3.2) and the host that it was sent to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

#define WEB_REQUEST_PATH_MAX 1024u /* bytes with the NUL */

struct web_request_target {
	char path[WEB_REQUEST_PATH_MAX]; /* decoded, printable ASCII, without the query */
	const char *authority;		 /* in the target's text, where it names one; or NULL */
	size_t authority_len;
};

/** "/PATH?QUERY" or "http://HOST:PORT/PATH?QUERY". False for any other, and where the path is too
 * long or has bytes in it that no path of ours has. */
bool web_request_read_target(const char *text, struct web_request_target *ret_target);

/** HOST[:PORT] is an address, localhost, or one of the names, in any letter case. A page from
 * elsewhere whose name was made to lead here (DNS rebinding) has a name of its own. */
bool web_request_is_own_host(const char *host, size_t len, const struct conf_name *names,
			     size_t count);
