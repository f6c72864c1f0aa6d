#include "app/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/aside.h"
#include "base/log.h"
#include "base/mem.h"

#define DEFAULT_USER "courierdns"
#define FALLBACK_USER "nobody"
#define RUN_DIRECTORY "/run/courierdns"
#define LOW_PORTS_END 1024u
#define GROUPS_MAX 64
#define BIND (1u << CAP_NET_BIND_SERVICE)
#define ADMIN (1u << CAP_NET_ADMIN)

/* Under AddressSanitizer what has leaked is looked for by a thread that traces the others. */
#ifdef COURIERDNS_SANITIZED
#define IS_DUMPABLE 1
#else
#define IS_DUMPABLE 0
#endif

/* --- accounts ------------------------------------------------------------------------------ */

struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX]; /* others that it is in */
	size_t group_count;
};

/* An aside_fn. The context is a name; of no account nothing comes out. */
static ssize_t look_up_alone(const void *ctx, void *result, size_t size)
{
	const struct passwd *found = getpwnam(ctx);

	if (found == NULL || size != sizeof(struct account))
		return 0;
	*(struct account *)result = (struct account){ .uid = found->pw_uid, .gid = found->pw_gid };
	return (ssize_t)size;
}

/* Likewise, with its groups. */
static ssize_t look_up(const void *ctx, void *result, size_t size)
{
	const char *name = ctx;
	struct account *account = result;
	int count = GROUPS_MAX;

	if (look_up_alone(name, account, size) == 0)
		return 0;
	if (getgrouplist(name, account->gid, account->groups, &count) < 0)
		count = GROUPS_MAX; /* the first of more */
	for (int i = 0; i < count; i++) {
		if (account->groups[i] != account->gid)
			account->groups[account->group_count++] = account->groups[i];
	}
	return sizeof(*account);
}

/* What the system loads to look accounts up by is several hundred kB, for good: that is done aside,
 * where it can be. What a child has died of is not tried again. */
static bool find_aside(aside_fn fn, const char *name, struct account *ret_account)
{
	ssize_t len = aside_run(fn, name, ret_account, sizeof(*ret_account));

	if (len < 0 && len != -ECHILD)
		len = fn(name, ret_account, sizeof(*ret_account));
	return len > 0;
}

/* In the sandbox there are no processes, nor all the calls that groups are looked up by. */
static bool is_there(const char *name, bool is_start, struct account *ret_account)
{
	return is_start ? find_aside(look_up_alone, name, ret_account)
			: look_up_alone(name, ret_account, sizeof(*ret_account)) > 0;
}

/* --- whom ---------------------------------------------------------------------------------- */

static int take_name(struct conf *conf, const char *name)
{
	conf->user = mem_strdup(name);
	return conf->user != NULL ? 0 : -ENOMEM;
}

static bool is_one_of_ours(const char *name)
{
	return name != NULL &&
	       (strcmp(name, DEFAULT_USER) == 0 || strcmp(name, FALLBACK_USER) == 0);
}

int privileges_find(struct conf *conf, const char *in_use, struct complaints *complaints)
{
	const bool is_start = in_use == NULL;
	struct account account;

	if (conf->user == NULL && is_one_of_ours(in_use))
		return take_name(conf, in_use);
	if (conf->user == NULL)
		return take_name(conf, is_there(DEFAULT_USER, is_start, &account) ? DEFAULT_USER
										  : FALLBACK_USER);
	if (conf->user[0] == '\0' || (in_use != NULL && strcmp(conf->user, in_use) == 0))
		return 0;

	const bool is_found = is_there(conf->user, is_start, &account);
	struct complaint_quote quote;
	complaint_quote(conf->user, strlen(conf->user), &quote);
	if (!is_found)
		complaint_add(complaints, &conf->user_place,
			      "user is %s, an account that this system does not have; expected one "
			      "that it has, or \"\" to stay root",
			      quote.text);
	else if (account.uid == 0)
		complaint_add(
			complaints, &conf->user_place,
			"user is %s, which is root; expected another account, or \"\" to stay "
			"root",
			quote.text);
	return 0;
}

/* --- capabilities: capget(2), capset(2) ---------------------------------------------------- */

struct capabilities {
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
};

static uint32_t held(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct capabilities now = { 0 };

	return syscall(SYS_capget, &header, now.words) == 0 ? now.words[0].permitted : 0;
}

/* Gives up all others, and what a program that we started would inherit. */
static int keep_only(uint32_t kept)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct capabilities next = { .words = { { .effective = kept, .permitted = kept } } };

	return syscall(SYS_capset, &header, next.words) == 0 ? 0 : -errno;
}

static bool listens_low(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		if (conf->listen[i].addr.port < LOW_PORTS_END)
			return true;
	}
	return conf->web_enabled && conf->web_path == NULL && conf->web_port < LOW_PORTS_END;
}

static uint32_t wanted(const struct conf *conf)
{
	return (listens_low(conf) ? BIND : 0) | (conf_has_nftsets(conf) ? ADMIN : 0);
}

/* --- becoming another ---------------------------------------------------------------------- */

static int become(const struct account *account, uint32_t kept)
{
	/* else all is lost with the user ID; where we may not, a program that we started could
	 * have them, which no_new_privs prevents as well */
	if (prctl(PR_SET_KEEPCAPS, 1) != 0)
		return -errno;
	for (unsigned long each = 0; prctl(PR_CAPBSET_READ, each) >= 0; each++)
		(void)prctl(PR_CAPBSET_DROP, each);
	if (setgroups(account->group_count, account->groups) != 0 ||
	    setresgid(account->gid, account->gid, account->gid) != 0 ||
	    setresuid(account->uid, account->uid, account->uid) != 0)
		return -errno;
	const int err = keep_only(kept);
	if (err != 0)
		return err;
	/* what cannot be is seen to, all the same: everything else rests on it */
	if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
		return -EPERM;
	return prctl(PR_SET_DUMPABLE, IS_DUMPABLE) == 0 ? 0 : -errno;
}

/* Root of a user namespace that has no such account. */
static bool is_nobody_there(uid_t uid)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	unsigned long first, count;
	bool is_mapped = file == NULL;

	while (!is_mapped && fscanf(file, "%lu %*u %lu", &first, &count) == 2)
		is_mapped = uid >= first && uid - first < count;
	if (file != NULL)
		(void)fclose(file);
	return !is_mapped;
}

/* --- the directory of the control socket --------------------------------------------------- */

/* Root's; others may write to it only where one of these bits says that they may do nothing with
 * what is root's in there. */
static bool is_roots(int directory, mode_t unless)
{
	struct stat is;

	return fstat(directory, &is) == 0 && is.st_uid == 0 &&
	       ((is.st_mode & 022) == 0 || (is.st_mode & unless) != 0);
}

/* Nobody but root can put another file in place of one in there. */
static bool is_roots_alone(int directory)
{
	return is_roots(directory, 0);
}

static void give_directory(int parent, const char *name, const struct account *account)
{
	const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fchown(fd, account->uid, account->gid) == 0)
		(void)fchmod(fd, 0755);
	close(fd);
}

/* The directory that a path from / on leads to, where that goes through nobody's hands but root's,
 * and through no link; and the last name. -1. */
static int open_held(const char *path, const char **ret_name)
{
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char step[NAME_MAX + 1];

	for (const char *end; at >= 0 && (end = strchr(++path, '/')) != NULL; path = end) {
		const size_t len = (size_t)(end - path);
		int next = -1;

		if (len < sizeof(step) && is_roots(at, S_ISVTX)) {
			memcpy(step, path, len);
			step[len] = '\0';
			next = openat(at, len == 0 ? "." : step,
				      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		close(at);
		at = next;
	}
	*ret_name = path;
	return at;
}

bool privileges_wants_root(const struct conf *conf, const char *path)
{
	static const char ours[] = RUN_DIRECTORY "/";
	const char *name;

	if (geteuid() != 0 || conf->user[0] == '\0' || path[0] != '/' ||
	    strncmp(path, ours, sizeof(ours) - 1) == 0)
		return false;
	const int parent = open_held(path, &name);
	if (parent < 0)
		return false;
	const bool is_alone = is_roots_alone(parent);
	close(parent);
	return is_alone;
}

void privileges_give(const char *path, uid_t uid, gid_t gid)
{
	const char *name;
	const int parent = open_held(path, &name);

	if (parent < 0)
		return;
	if (!is_roots_alone(parent) || fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
		LOG(LEVEL_WARNING, "%s stays root's", path);
	else
		LOG(LEVEL_INFO,
		    "%s stays there when this ends, as only root may remove it; the next start does",
		    path);
	close(parent);
}

/* Makes it where it is missing. One that is there is somebody's, but for our own, which an earlier
 * start may have made as root. What cannot be done is seen when the socket is opened. */
static void prepare_directory(const char *socket, const struct account *account)
{
	char path[128]; /* more than the path of a socket may have */
	const char *end = strrchr(socket, '/');
	const int len = end == NULL ? 0 : (int)(end - socket);

	if (len == 0 || (size_t)len >= sizeof(path))
		return;
	(void)snprintf(path, sizeof(path), "%.*s", len, socket);
	char *name = strrchr(path, '/') + 1;
	char *parent_path = name - 1 == path ? "/" : path;
	const bool is_ours = strcmp(path, RUN_DIRECTORY) == 0;
	name[-1] = '\0';

	const int parent = open(parent_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return;
	if (is_roots_alone(parent) && (mkdirat(parent, name, 0700) == 0 || is_ours))
		give_directory(parent, name, account);
	close(parent);
}

/* --- what is told -------------------------------------------------------------------------- */

static void tell_unreadable(const char *path, const char *user)
{
	if (access(path, R_OK) == 0 || errno != EACCES)
		return;
	LOG(LEVEL_WARNING,
	    "%s: %s cannot read it, or not come to it, and will not when it is read again: a "
	    "reload will fail; let it (chgrp, chmod g+r), or name another account in user",
	    path, user);
}

static void tell_all_unreadable(const struct conf *conf)
{
	for (size_t i = 0; i < conf->file_count; i++)
		tell_unreadable(conf->files[i], conf->user);
	for (size_t i = 0; i < conf->group_count; i++) {
		if (conf->groups[i].resolv_conf != NULL)
			tell_unreadable(conf->groups[i].resolv_conf, conf->user);
	}
}

static void tell_stays(const struct conf *conf, const struct privileges *now)
{
	if (now->uid == 0)
		LOG(LEVEL_WARNING, "runs as root, as user = \"\" says: whoever gets into it has "
				   "this machine");
	else if (conf->user_place.file != NULL && conf->user[0] != '\0') {
		struct account account;

		if (!is_there(conf->user, true, &account) || account.uid != now->uid)
			LOG(LEVEL_WARNING,
			    "user = \"%s\": only root can become another; runs as whoever started "
			    "it (uid %u)",
			    conf->user, (unsigned)now->uid);
	}
}

static void tell_become(const struct conf *conf, const struct privileges *now)
{
	if (conf->user_place.file == NULL && strcmp(conf->user, FALLBACK_USER) == 0)
		LOG(LEVEL_NOTICE, "there is no account " DEFAULT_USER
				  ", so it becomes " FALLBACK_USER "; user names another");
	LOG(LEVEL_INFO, "runs as %s (uid %u, gid %u)%s", conf->user, (unsigned)now->uid,
	    (unsigned)now->gid, (now->kept & BIND) != 0 ? ", and may open ports below 1024" : "");
	if ((now->kept & ADMIN) != 0)
		LOG(LEVEL_INFO, "keeps CAP_NET_ADMIN for the nft sets of zones");
}

/* --- the whole ----------------------------------------------------------------------------- */

static int leave_root(const struct conf *conf, privileges_give_fn give, void *ctx,
		      struct privileges *privileges)
{
	struct account account;
	int err = find_aside(look_up, conf->user, &account) ? 0 : -ENOENT;

	if (err == 0 && is_nobody_there(account.uid)) {
		LOG(LEVEL_WARNING,
		    "there is no %s in this user namespace: stays its root, without what root may",
		    conf->user);
		return keep_only(privileges->kept);
	}
	if (err == 0) {
		prepare_directory(conf->control_socket, &account);
		if (conf->web_enabled && conf->web_path != NULL)
			prepare_directory(conf->web_path, &account);
		give(ctx, account.uid, account.gid);
		err = become(&account, privileges->kept);
	}
	if (err != 0) {
		log_write(
			LEVEL_ERROR,
			"cannot become %s: %s; start it as that account, or stay root with user = "
			"\"\"",
			conf->user, err == -ENOENT ? "there is no such account" : err_text(err));
		return err;
	}
	privileges->uid = account.uid;
	privileges->gid = account.gid;
	privileges->has_become = true;
	return 0;
}

int privileges_drop(const struct conf *conf, privileges_give_fn give, void *ctx,
		    struct privileges *ret_privileges)
{
	const bool is_root = getuid() == 0 || geteuid() == 0;
	const bool stays = !is_root || conf->user[0] == '\0';
	struct privileges *now = ret_privileges;
	int err = 0;

	*now = (struct privileges){ .uid = geteuid(), .kept = wanted(conf) & held() };
	(void)snprintf(now->user, sizeof(now->user), "%s", conf->user);
	if (!stays)
		err = leave_root(conf, give, ctx, now);
	else if (!is_root)
		err = keep_only(now->kept);
	/* who keeps us from that (SystemCallFilter=~@privileged) has given us no more than we want
	 */
	if (err != 0 && (is_root || err != -EPERM))
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (stays) {
		tell_stays(conf, now);
	} else if (now->has_become) {
		tell_become(conf, now);
		tell_all_unreadable(conf);
	}
	return 0;
}

void privileges_tell_change(const struct privileges *privileges, const struct conf *next)
{
	if (strcmp(privileges->user, next->user) != 0)
		LOG(LEVEL_WARNING,
		    "reload: user = \"%s\" takes effect at the next start; until then it runs as "
		    "it did",
		    next->user);
}
