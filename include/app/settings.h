/* app/settings.h: where the configuration comes from: a file, the built-in default, the command
 * line, and the files that name servers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/complaint.h"
#include "conf/conf.h"
#include "conf/resolv_conf.h"

#define SETTINGS_MAX 16

struct settings {
	const char *path; /* of -c, or NULL */
	size_t listen_count, server_count;
	const char *control_socket; /* of -s; NULL: as the file says */
	bool is_verbose;
	const char *user; /* the account that the program has become, or NULL */
	struct addr listen[SETTINGS_MAX], servers[SETTINGS_MAX]; /* of -l and -u */
};

/** The file that would be read, or NULL for none: that of -c; else the default file where it exists
 * and neither -l nor -u stand in for one. */
const char *settings_file(const struct settings *settings);
/** The same for people, "the built-in default" for none. */
const char *settings_file_text(const struct settings *settings);

/** Neither a file nor -l says where to listen. */
bool settings_listens_by_default(const struct settings *settings);

/** The configuration as the daemon would use it: file or default, -l, -u and -s put in place of
 * listen, of the default group and of control.socket; conf->user says whom to become, written or
 * not (privileges_find()). ERR_CONF where complaints were added; -ENOMEM. */
MUST_CHECK int settings_load(const struct settings *settings, struct complaints *complaints,
			     struct conf **ret_conf);

/** What the file names: its servers but for those that are ourselves, which would be a loop. -errno
 * when it cannot be read; -ENOMEM. */
MUST_CHECK int settings_read_servers(const struct conf *conf, const char *path,
				     struct addr ret_servers[RESOLV_CONF_MAX], size_t *ret_count);
/** Gives the group these servers in place of its own. -ENOMEM. */
MUST_CHECK int settings_set_servers(struct conf_group *group, const struct addr *servers,
				    size_t count);
/** Logs what is no mistake but may be one: sources and interfaces that are not here, or not yet. */
void settings_warn(const struct conf *conf);
