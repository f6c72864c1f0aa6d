#include "net/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "net/settle.h"
#include "socket.h"
#include "wire/cursor.h"

/* What may befall a name in a directory. A file is written in place (by IN_MODIFY, too, for a
 * writer may keep it open), moved there, deleted, or becomes readable. */
#define NAME_EVENTS                                                                         \
	(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | \
	 IN_ATTRIB | IN_ONLYDIR)
/* And the file itself: one that is mounted over the name is written where we do not look. */
#define FILE_EVENTS (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define LINKS_MAX 40u /* as the kernel has it */
#define READS_PER_TURN 16u

/* A name in a directory, or with NULL a file. */
struct mark {
	int descriptor;
	char *name;
};

struct watch {
	struct loop *loop;
	int fd;
	char **paths;
	size_t path_count;
	struct mark *marks;
	size_t mark_count, mark_room;
	bool is_incomplete; /* there is something that cannot be watched */
	watch_fn fn;
	void *ctx;
	struct event readable;
	struct settle settle;
	struct timer retry;
};

/* --- marks --------------------------------------------------------------------------------- */

static void remove_marks(struct watch *watch)
{
	for (size_t i = 0; i < watch->mark_count; i++) {
		/* names of one directory share its descriptor: the second time it is gone */
		(void)inotify_rm_watch(watch->fd, watch->marks[i].descriptor);
		mem_free(watch->marks[i].name);
	}
	watch->mark_count = 0;
}

static int make_room(struct watch *watch)
{
	if (watch->mark_count < watch->mark_room)
		return 0;
	const size_t room = watch->mark_room * 2 + 8;
	struct mark *grown = mem_realloc(watch->marks, room * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	watch->marks = grown;
	watch->mark_room = room;
	return 0;
}

static int place_mark(struct watch *watch, const char *path, const char *name)
{
	struct mark mark = { .name = NULL };

	if (make_room(watch) != 0)
		return -ENOMEM;
	mark.descriptor =
		inotify_add_watch(watch->fd, path, name != NULL ? NAME_EVENTS : FILE_EVENTS);
	if (mark.descriptor < 0)
		return -errno;
	if (name != NULL && (mark.name = mem_strdup(name)) == NULL)
		return -ENOMEM;
	watch->marks[watch->mark_count++] = mark;
	return 0;
}

/* --- the way to a file --------------------------------------------------------------------- */

struct walk {
	char at[PATH_MAX];   /* a directory, without a link in it */
	char rest[PATH_MAX]; /* what is to be walked from there */
	unsigned links;
};

/* `rest` becomes what the link says and what followed it; `at` where that counts from. */
static bool follow_link(struct walk *walk, const char *link, const char *rest)
{
	char target[PATH_MAX], whole[PATH_MAX];
	const ssize_t len = readlink(link, target, sizeof(target) - 1);

	if (len <= 0 || ++walk->links > LINKS_MAX)
		return false;
	target[len] = '\0';
	const int whole_len = snprintf(whole, sizeof(whole), "%s/%s", target, rest);
	if (whole_len < 0 || (size_t)whole_len >= sizeof(whole))
		return false;
	if (target[0] == '/')
		memcpy(walk->at, "/", 2);
	memcpy(walk->rest, whole, (size_t)whole_len + 1);
	return true;
}

/* One component further. False at the end of the way, wherever that is. */
static bool walk_on(struct watch *watch, struct walk *walk)
{
	char name[NAME_MAX + 1], child[PATH_MAX];
	struct stat is;

	char *rest = walk->rest + strspn(walk->rest, "/");
	const size_t len = strcspn(rest, "/");
	if (len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, rest, len);
	name[len] = '\0';
	rest += len + strspn(rest + len, "/");
	if (place_mark(watch, walk->at, name) != 0)
		watch->is_incomplete = true;
	const int child_len = snprintf(child, sizeof(child), "%s%s%s", walk->at,
				       walk->at[1] == '\0' ? "" : "/", name);
	if (child_len < 0 || (size_t)child_len >= sizeof(child) || lstat(child, &is) != 0)
		return false;
	if (S_ISLNK(is.st_mode))
		return follow_link(walk, child, rest);
	if (S_ISDIR(is.st_mode)) {
		memcpy(walk->at, child, (size_t)child_len + 1);
		memmove(walk->rest, rest, strlen(rest) + 1);
		return true;
	}
	if (*rest == '\0' && place_mark(watch, child, NULL) != 0)
		watch->is_incomplete = true;
	return false;
}

static void place_marks(struct watch *watch)
{
	struct timers *timers = loop_timers(watch->loop);

	remove_marks(watch);
	watch->is_incomplete = false;
	for (size_t i = 0; i < watch->path_count; i++) {
		struct walk walk = { .at = "/" };

		snprintf(walk.rest, sizeof(walk.rest), "%s", watch->paths[i]);
		while (walk_on(watch, &walk))
			;
	}
	timer_stop(timers, &watch->retry);
	if (watch->is_incomplete)
		timer_start(timers, &watch->retry, WATCH_RETRY_US);
}

/* --- what the system tells ----------------------------------------------------------------- */

static bool concerns_us(const struct watch *watch, const struct inotify_event *event,
			const char *name)
{
	if ((event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) != 0)
		return true;
	if ((event->mask & IN_IGNORED) != 0)
		return false; /* by our own removing, or because of what was told before it */
	for (size_t i = 0; i < watch->mark_count; i++) {
		const struct mark *mark = &watch->marks[i];

		if (mark->descriptor == event->wd &&
		    (mark->name == NULL || strcmp(mark->name, name) == 0))
			return true;
	}
	return false;
}

static void take_events(struct watch *watch, const uint8_t *bytes, size_t len)
{
	struct cursor cursor = cursor_over(bytes, len);

	while (cursor_left(&cursor) > 0) {
		struct inotify_event event;
		const uint8_t *head = cursor_bytes(&cursor, sizeof(event));

		if (head == NULL)
			return;
		memcpy(&event, head, sizeof(event));
		const uint8_t *name = cursor_bytes(&cursor, event.len); /* ends with NULs */
		if (name == NULL)
			return;
		if (concerns_us(watch, &event, event.len > 0 ? (const char *)name : ""))
			settle_hit(&watch->settle);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *watch = ctx;
	uint8_t bytes[4096];

	(void)what;
	loop_tick(watch->loop);
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		const ssize_t len = read(fd, bytes, sizeof(bytes));

		if (len <= 0)
			return;
		take_events(watch, bytes, (size_t)len);
	}
}

/* The marks come first: what changes from here on is told again. */
static void on_settled(void *ctx)
{
	struct watch *watch = ctx;

	place_marks(watch);
	watch->fn(watch->ctx);
}

/* --- the contract -------------------------------------------------------------------------- */

int watch_new(struct loop *loop, watch_fn fn, void *ctx, struct watch **ret_watch)
{
	int err;
	struct watch *watch = mem_zalloc(sizeof(*watch));

	if (watch == NULL)
		return -ENOMEM;
	*watch = (struct watch){ .loop = loop, .fn = fn, .ctx = ctx };
	settle_init(&watch->settle, loop, on_settled, watch);
	timer_init(&watch->retry, on_settled, watch);
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		err = -errno;
	else
		err = socket_watch(loop, &watch->readable, watch->fd, on_readable, watch);
	if (err != 0) {
		watch_free(watch);
		return err;
	}
	*ret_watch = watch;
	return 0;
}

static void free_paths(char **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_free(paths[i]);
	mem_free(paths);
}

void watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	settle_done(&watch->settle);
	timer_stop(loop_timers(watch->loop), &watch->retry);
	remove_marks(watch);
	mem_free(watch->marks);
	free_paths(watch->paths, watch->path_count);
	socket_close(&watch->readable, watch->fd);
	mem_free(watch);
}

int watch_set(struct watch *watch, const char *const *paths, size_t count)
{
	char **copy = mem_zalloc((count + 1) * sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		copy[i] = mem_strdup(paths[i]);
		if (copy[i] == NULL) {
			free_paths(copy, count);
			return -ENOMEM;
		}
	}
	free_paths(watch->paths, watch->path_count);
	watch->paths = copy;
	watch->path_count = count;
	place_marks(watch);
	return 0;
}
