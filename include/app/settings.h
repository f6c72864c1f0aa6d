/* app/settings.h: where the configuration comes from: a file, the built-in default, the command
 * line, /etc/resolv.conf. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/complaint.h"
#include "conf/conf.h"

#define SETTINGS_MAX 16

struct settings {
	const char *path;					 /* of -c, or NULL */
	struct addr listen[SETTINGS_MAX], servers[SETTINGS_MAX]; /* of -l and -u */
	size_t listen_count, server_count;
	bool is_verbose;
};

/** The file that would be read, or NULL for none: that of -c; else the default file where it exists
 * and neither -l nor -u stand in for one. */
const char *settings_file(const struct settings *settings);

/** Neither a file nor -l says where to listen. */
bool settings_listens_by_default(const struct settings *settings);

/** The configuration as the daemon would use it: file or default, -l and -u put in place of listen
 * and of the default group. ERR_CONF where complaints were added; -ENOMEM. */
MUST_CHECK int settings_load(const struct settings *settings, struct complaints *complaints,
			     struct conf **ret_conf);

/** Gives a default group without servers those of /etc/resolv.conf that are not our own addresses;
 * their number in `ret_count`. -errno when the file cannot be read; -ENOMEM. */
MUST_CHECK int settings_use_resolv_conf(struct conf *conf, size_t *ret_count);
/** Gives the default group the servers that it has in `from`. -ENOMEM. */
MUST_CHECK int settings_keep_servers(struct conf *conf, const struct conf *from);
