/* app/command_socket.h: the control socket of the daemon, where the configuration wants it. */
#pragma once

#include "app/commands.h"
#include "net/loop.h"

struct command_socket;

/** Opens it, at once. NULL when memory is short. */
struct command_socket *command_socket_new(struct loop *loop, struct commands *commands);
/** Where it is open; NULL: nowhere, or there is none. */
const char *command_socket_path(const struct command_socket *socket);
void command_socket_free(struct command_socket *socket); /* NULL is fine */

/** Opens, closes or moves it, as the worker's plan says by now, or anew where its file is gone;
 * from a later turn of the loop, since a command may be what changed it. What cannot be is told,
 * and gone without. */
void command_socket_follow(struct command_socket *socket);
