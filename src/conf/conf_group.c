#include "conf/conf_group.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "conf/conf_print.h"
#include "conf/conf_read.h"
#include "conf/conf_server.h"
#include "conf/resolv_conf.h"

#define SERVERS_MAX 64u
#define GROUPS_MAX 256u
#define DEFAULT_GROUP "default"
/* on_failure = "servfail" must not mean a group */
#define RESERVED_NAME "servfail"

static void read_servers(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_servers(struct conf_printer *printer, const void *base);
static bool is_path(const char *text);

const char *const conf_group_orders[] = { "fastest", "listed", "race", NULL };

/* clang-format off */
static const struct conf_option options[] = {
	{ "servers", OPTION_OTHER, .read = read_servers, .print = print_servers,
	  HELP("addresses to ask, with @PORT where it is not 53") },
	{ "resolv_conf", OPTION_TEXT, CONF_OPTION_FIELD(conf_group, resolv_conf), .is_good = is_path,
	  .expected = "the path of a file from / on, such as \"" RESOLV_CONF_PATH "\"",
	  HELP("file that names the servers, in place of them: resolv.conf(5)") },
	{ "order", OPTION_WORD, CONF_OPTION_FIELD(conf_group, order), .words = conf_group_orders,
	  .fallback = ORDER_FASTEST,
	  HELP("which server is asked first: fastest, listed (the first), race (the first two)") },
	{ "randomize_case", OPTION_BOOL, CONF_OPTION_FIELD(conf_group, randomize_case),
	  HELP("ask over UDP in random letter case, which a reply must repeat") },
	{ "timeout", OPTION_MILLISECONDS, CONF_OPTION_FIELD(conf_group, timeout_ms),
	  .min = 100, .max = 4500, .fallback = 2000,
	  HELP("seconds that a question may take, all servers together") },
};
static const struct conf_section section = {
	"upstreams.NAME", options, CONF_OPTION_COUNT(options), false
};
/* clang-format on */

const struct conf_section *conf_group_section(void)
{
	return &section;
}

static int init_group(struct conf_group *group, const char *name)
{
	conf_read_defaults(&section, group);
	group->name = mem_strdup(name);
	return group->name != NULL ? 0 : -ENOMEM;
}

static bool is_path(const char *text)
{
	return text[0] == '/' && strlen(text) < PATH_MAX;
}

int conf_group_defaults(struct conf *conf)
{
	conf->groups = mem_zalloc(sizeof(*conf->groups));
	if (conf->groups == NULL)
		return -ENOMEM;
	conf->group_count = 1;
	conf->groups[0].resolv_conf = mem_strdup(RESOLV_CONF_PATH);
	return conf->groups[0].resolv_conf != NULL ? init_group(&conf->groups[0], DEFAULT_GROUP)
						   : -ENOMEM;
}

/* --- servers ------------------------------------------------------------------------------- */

static bool is_there(struct conf_reader *reader, const struct conf_node *node,
		     const struct conf_group *group, const struct conf_server *server)
{
	for (size_t i = 0; i < group->server_count; i++) {
		struct addr_text text;
		if (!conf_server_equal(&group->servers[i], server))
			continue;
		conf_option_complain(reader, node,
				     "is a duplicate: %s is there already; expected it once",
				     addr_to_text(&server->addr, &text));
		return true;
	}
	return false;
}

static void read_servers(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_group *group = base;

	if (!conf_option_check_list(reader, node, "[ \"192.0.2.1\", \"2001:db8::1@5353\" ]"))
		return;
	if (conf_option_is_over(reader, node, SERVERS_MAX, "servers"))
		return;
	group->servers = conf_option_alloc(reader, node->count, sizeof(*group->servers));
	if (group->servers == NULL)
		return;
	for (uint32_t i = 0; i < node->count; i++) {
		struct conf_server server;
		if (!conf_server_read(reader, &node->children[i], &server) ||
		    is_there(reader, &node->children[i], group, &server))
			continue;
		conf_option_place(reader, &node->children[i], &server.place);
		group->servers[group->server_count++] = server;
	}
}

static void print_servers(struct conf_printer *printer, const void *base)
{
	const struct conf_group *group = base;

	if (group->resolv_conf == NULL)
		conf_server_print_list(printer, "servers", group->servers, group->server_count);
}

/* --- groups -------------------------------------------------------------------------------- */

/* The group of that name, new but for the default one; NULL when memory is short. */
static struct conf_group *take_group(struct conf_reader *reader, const char *name)
{
	struct conf *conf = reader->conf;

	if (strcmp(name, DEFAULT_GROUP) == 0)
		return &conf->groups[0];
	struct conf_group *group = &conf->groups[conf->group_count];
	memset(group, 0, sizeof(*group));
	if (init_group(group, name) != 0) {
		reader->err = -ENOMEM;
		return NULL;
	}
	conf->group_count++;
	return group;
}

/* Servers come from one place. Those of the default group do without being written. */
static void check_origin(struct conf_reader *reader, const struct conf_node *node,
			 struct conf_group *group)
{
	const bool has_servers = conf_node_find(node, "servers") != NULL;
	const bool has_file = conf_node_find(node, "resolv_conf") != NULL;

	if (has_servers && has_file) {
		conf_option_complain(reader, node,
				     "has both servers and resolv_conf; expected one of them");
	} else if (has_servers) {
		mem_free(group->resolv_conf);
		group->resolv_conf = NULL;
	} else if (!has_file && group != &reader->conf->groups[0]) {
		conf_option_complain(reader, node,
				     "has no servers; expected some, such as servers = [ "
				     "\"192.0.2.1\" ], or a resolv_conf");
	}
}

static void read_group(struct conf_reader *reader, const struct conf_node *node)
{
	if (strcmp(node->name, RESERVED_NAME) == 0) {
		conf_option_complain(reader, node,
				     "cannot be a group: on_failure has that word; expected "
				     "another name");
		return;
	}
	struct conf_group *group = take_group(reader, node->name);
	if (group == NULL)
		return;
	conf_option_place(reader, node, &group->place);
	conf_read_section(reader, node, &section, group);
	if (node->kind == NODE_GROUP && node->count > 0)
		check_origin(reader, node, group);
}

void conf_group_read(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf *conf = base;

	if (node->kind != NODE_GROUP) {
		conf_option_refuse(
			reader, node,
			"a group such as { default = { servers = [ \"192.0.2.1\" ]; }; }");
		return;
	}
	if (node->count == 0) {
		conf_option_complain(reader, node,
				     "is empty; expected a group, such as default = { ... };");
		return;
	}
	if (conf_option_is_over(reader, node, GROUPS_MAX, "groups"))
		return;
	/* one more, for the default group may not be among them */
	struct conf_group *grown =
		mem_realloc(conf->groups, (node->count + 1) * sizeof(*conf->groups));
	if (grown == NULL) {
		reader->err = -ENOMEM;
		return;
	}
	conf->groups = grown;
	for (uint32_t i = 0; i < node->count && reader->err == 0; i++)
		read_group(reader, &node->children[i]);
}

void conf_group_print(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;

	conf_print_begin(printer, "upstreams");
	fputs("{\n", printer->out);
	printer->indent = 1;
	for (size_t i = 0; i < conf->group_count; i++) {
		conf_print_begin(printer, conf->groups[i].name);
		conf_print_group(printer, &section, &conf->groups[i]);
		conf_print_end(printer, "");
	}
	printer->indent = 0;
	conf_print_end(printer, "}");
}

int conf_group_find(struct conf_reader *reader, const struct conf_node *node, bool or_servfail)
{
	const struct conf *conf = reader->conf;
	const char *known[GROUPS_MAX + 3];
	struct complaint_quote quote;
	size_t count = 0;

	const char *name = conf_option_text(reader, node, "the name of a group of upstreams");
	if (name == NULL)
		return CONF_GROUP_NONE;
	const int group = conf_find_group(conf, name);
	if (group != CONF_GROUP_NONE)
		return group;
	for (; count < conf->group_count; count++)
		known[count] = conf->groups[count].name;
	if (or_servfail)
		known[count++] = RESERVED_NAME;
	known[count] = NULL;
	const char *nearest = complaint_nearest(name, known);
	conf_option_complain(reader, node,
			     "is %s, an unknown group; expected %sthe name of a group of "
			     "upstreams%s%s%s",
			     conf_node_value(node, &quote),
			     or_servfail ? "\"" RESERVED_NAME "\" or " : "",
			     nearest != NULL ? "; did you mean \"" : "",
			     nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
	return CONF_GROUP_NONE;
}
