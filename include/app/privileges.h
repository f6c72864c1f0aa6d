/* app/privileges.h: which account the program runs as, and what that may do.
 *
 * Started as root it becomes the account of `user` once all that wants root is open, and keeps
 * nothing of root's but CAP_NET_BIND_SERVICE, and that only where it listens on a port below 1024,
 * and CAP_NET_ADMIN, and that only where a zone names an nft set.
 * Started by anybody else it stays who it is. Neither way back, nor anything that a program started
 * by it could gain. Files that it makes from then on, the control socket too, are the account's by
 * themselves. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "conf/complaint.h"
#include "conf/conf.h"

#define PRIVILEGES_USER_MAX 64 /* with its NUL; the system takes no longer ones */

struct privileges {
	uid_t uid;			/* that of the account */
	gid_t gid;			/* likewise, where it has become that one */
	uint32_t kept;			/* capabilities: a bit each */
	bool has_become;		/* it was root, and is no longer */
	char user[PRIVILEGES_USER_MAX]; /* as the configuration of the start had it */
};

/** Puts into conf->user, where it is not written, who that means here: "courierdns", else "nobody".
 * A written account that there is not becomes a complaint, and ERR_CONF. Nobody is looked for where
 * it is the account `in_use` already (NULL: none is), for that may take as long as a directory
 * service likes. -ENOMEM. */
MUST_CHECK int privileges_find(struct conf *conf, const char *in_use,
			       struct complaints *complaints);

/** Whether a socket at this path can be made by root alone, though it is another that goes on: its
 * directory is there and root's, and nobody else may write to it. */
bool privileges_wants_root(const struct conf *conf, const char *path);
/** Gives such a socket, which we have made, to the account. */
void privileges_give(const char *path, uid_t uid, gid_t gid);

/** Becomes the account, before there is any other thread; says so in the log, and what it cannot
 * read of what a reload would. Makes the directory of the control socket, where it is missing, and
 * has it belong to the account; `give`, called as root yet, does so with sockets that are open.
 * Root that cannot become another is an error, told in the log. */
typedef void (*privileges_give_fn)(void *ctx, uid_t uid, gid_t gid);
MUST_CHECK int privileges_drop(const struct conf *conf, privileges_give_fn give, void *ctx,
			       struct privileges *ret_privileges);
/** Says so in the log where the next configuration names another account: that is of the next
 * start.
 */
void privileges_tell_change(const struct privileges *privileges, const struct conf *next);
