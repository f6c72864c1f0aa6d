#include "app/sources.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/settings.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

/* What a file may say beside servers; negative: it cannot be read. */
#define TROUBLE_NONE 0
#define TROUBLE_NOBODY 1

struct source {
	struct list link;
	char *path;
	size_t count, before_count;
	int trouble;
	bool is_read, is_new, has_changed; /* in this round */
	struct addr servers[RESOLV_CONF_MAX], before[RESOLV_CONF_MAX];
};

struct sources {
	struct list files; /* a few: one a group at most */
};

struct sources *sources_new(void)
{
	struct sources *sources = mem_zalloc(sizeof(*sources));

	if (sources != NULL)
		list_init(&sources->files);
	return sources;
}

static void source_free(struct source *source)
{
	list_remove(&source->link);
	mem_free(source->path);
	mem_free(source);
}

void sources_free(struct sources *sources)
{
	if (sources == NULL)
		return;
	for (struct list *link; (link = list_first(&sources->files)) != NULL;)
		source_free(LIST_ITEM(link, struct source, link));
	mem_free(sources);
}

/* --- what is told -------------------------------------------------------------------------- */

struct servers_text {
	char text[256];
};

static const char *servers_to_text(const struct addr *servers, size_t count,
				   struct servers_text *into)
{
	size_t len = 0;

	snprintf(into->text, sizeof(into->text), "none");
	for (size_t i = 0; i < count && len < sizeof(into->text); i++) {
		struct addr_text one;

		len += (size_t)snprintf(into->text + len, sizeof(into->text) - len, "%s%s",
					i > 0 ? ", " : "", addr_to_text(&servers[i], &one));
	}
	return into->text;
}

/* Once when it begins and once when it is over, however often the file is looked at meanwhile. */
static void tell_trouble(struct source *source, int trouble)
{
	const char *what =
		trouble < 0 ? err_text(trouble) : "names no server, or only this one itself";

	if (trouble == source->trouble)
		return;
	source->trouble = trouble;
	if (trouble == TROUBLE_NONE && !source->has_changed)
		LOG(LEVEL_NOTICE, "%s: names the servers in use again", source->path);
	else if (trouble != TROUBLE_NONE && source->count > 0)
		LOG(LEVEL_WARNING, "%s: %s; the servers in use stay", source->path, what);
	else if (trouble != TROUBLE_NONE)
		LOG(LEVEL_WARNING,
		    "%s: %s; groups that take their servers from it can ask nobody until then",
		    source->path, what);
}

static void tell_change(const struct conf_group *group, const struct source *source)
{
	struct servers_text now, before;

	LOG(LEVEL_NOTICE, "group %s: %s names %s now; before: %s", group->name, source->path,
	    servers_to_text(source->servers, source->count, &now),
	    servers_to_text(source->before, source->before_count, &before));
}

/* --- reading ------------------------------------------------------------------------------- */

static struct source *find(const struct sources *sources, const char *path)
{
	for (struct list *link = list_first(&sources->files); link != NULL;
	     link = list_next(&sources->files, link)) {
		struct source *source = LIST_ITEM(link, struct source, link);

		if (strcmp(source->path, path) == 0)
			return source;
	}
	return NULL;
}

/* It begins with what the group has, which is nothing for a configuration just read. */
static struct source *add(struct sources *sources, const struct conf_group *group)
{
	struct source *source = mem_zalloc(sizeof(*source));

	if (source == NULL)
		return NULL;
	list_add(&sources->files, &source->link);
	source->is_new = true;
	source->path = mem_strdup(group->resolv_conf);
	for (; source->count < group->server_count && source->count < RESOLV_CONF_MAX;
	     source->count++)
		source->servers[source->count] = group->servers[source->count].addr;
	if (source->path != NULL)
		return source;
	source_free(source);
	return NULL;
}

static bool names_the_same(const struct source *source, const struct addr *servers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i >= source->count || !addr_equal(&source->servers[i], &servers[i]))
			return false;
	}
	return count == source->count;
}

static void take(struct source *source, const struct addr *servers, size_t count)
{
	if (names_the_same(source, servers, count))
		return;
	memcpy(source->before, source->servers, sizeof(source->before));
	source->before_count = source->count;
	memcpy(source->servers, servers, count * sizeof(*servers));
	source->count = count;
	source->has_changed = true;
}

static int read_source(struct source *source, const struct conf *conf)
{
	struct addr servers[RESOLV_CONF_MAX];
	size_t count = 0;

	source->is_read = true;
	int err = settings_read_servers(conf, source->path, servers, &count);
	if (err == -ENOMEM)
		return err;
	if (err == 0 && count > 0)
		take(source, servers, count);
	tell_trouble(source, err != 0 ? err : count == 0 ? TROUBLE_NOBODY : TROUBLE_NONE);
	return 0;
}

static bool has_others(const struct conf_group *group, const struct source *source)
{
	for (size_t i = 0; i < source->count && i < group->server_count; i++) {
		if (!addr_equal(&group->servers[i].addr, &source->servers[i]))
			return true;
	}
	return group->server_count != source->count;
}

static int read_group(struct sources *sources, const struct conf *conf, struct conf_group *group,
		      bool *has_changed)
{
	struct source *source = find(sources, group->resolv_conf);
	int err = 0;

	if (source == NULL && (source = add(sources, group)) == NULL)
		return -ENOMEM;
	if (!source->is_read)
		err = read_source(source, conf);
	if (err != 0)
		return err;
	/* not whether the file has changed: that may have been seen for another `conf` */
	*has_changed = *has_changed || has_others(group, source);
	err = settings_set_servers(group, source->servers, source->count);
	if (err != 0)
		return err;
	if (source->has_changed && !source->is_new)
		tell_change(group, source);
	return 0;
}

/* A round that failed says nothing of which files are named. */
static void end_round(struct sources *sources, bool failed)
{
	for (struct list *link = list_first(&sources->files), *next; link != NULL; link = next) {
		struct source *source = LIST_ITEM(link, struct source, link);

		next = list_next(&sources->files, link);
		if (source->is_read || failed)
			source->is_read = source->is_new = source->has_changed = false;
		else
			source_free(source);
	}
}

int sources_read(struct sources *sources, struct conf *conf, bool *ret_has_changed)
{
	bool has_changed = false;
	int err = 0;

	for (size_t i = 0; i < conf->group_count && err == 0; i++) {
		if (conf->groups[i].resolv_conf != NULL)
			err = read_group(sources, conf, &conf->groups[i], &has_changed);
	}
	end_round(sources, err != 0);
	if (err == 0)
		*ret_has_changed = has_changed;
	return err;
}
