/* app/web_server.h: the pages over HTTP, where the configuration wants them. */
#pragma once

#include "app/commands.h"
#include "net/loop.h"

struct web_server;

/** Opens it, at once, if it is wanted. -ENOMEM. In a build with WEB=no, whose configuration never
 * wants it, there is none: NULL, which is fine everywhere. */
MUST_CHECK int web_server_new(struct loop *loop, struct commands *commands,
			      struct web_server **ret_server);
void web_server_free(struct web_server *server);

/** Where it is open, or NULL; NULL too at an address, and of none. */
const char *web_server_path(const struct web_server *server);

/** Opens, closes or moves it, as the worker's plan says by now, or anew where its file is gone.
 * What cannot be is told, gone without, and tried again now and then. */
void web_server_follow(struct web_server *server);
