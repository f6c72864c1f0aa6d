#include "conf/conf_load.h"

#include <errno.h>
#include <libconfig.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf_control.h"
#include "conf/conf_courier.h"
#include "conf/conf_courier_option.h"
#include "conf/conf_group.h"
#include "conf/conf_listen.h"
#include "conf/conf_node.h"
#include "conf/conf_option.h"
#include "conf/conf_print.h"
#include "conf/conf_read.h"
#include "conf/conf_scan.h"
#include "conf/conf_server.h"
#include "conf/conf_text.h"
#include "conf/conf_user.h"
#include "conf/conf_web.h"
#include "conf/conf_zone.h"

/* --- the options that do not stand in a list ----------------------------------------------- */

#define FIELD(field) CONF_OPTION_FIELD(conf, field)

static const char *const ecs_words[] = { "forward", "strip", NULL };
const char *const conf_load_levels[] = { "error", "warning", "notice", "info", "debug", NULL };
static const char *const targets[] = { "stderr", "syslog", NULL };
static const char *const queries[] = { "off", "errors", "all", NULL };

/* clang-format off */
static const struct conf_option limits[] = {
	{ "inflight", OPTION_INTEGER, FIELD(inflight), .min = 1, .max = 1000000, .fallback = 4096,
	  HELP("questions that wait for upstream at once") },
	{ "inflight_per_client", OPTION_INTEGER, FIELD(inflight_per_client),
	  .min = 1, .max = 1000000, .fallback = 256,
	  HELP("of these, those of one client: an IPv4 address, or an IPv6 network of 64 bits") },
	{ "tcp_clients", OPTION_INTEGER, FIELD(tcp_clients), .min = 1, .max = 65535, .fallback = 256,
	  HELP("TCP connections of clients at once") },
	{ "tcp_clients_per_address", OPTION_INTEGER, FIELD(tcp_clients_per_address),
	  .min = 1, .max = 65535, .fallback = 32,
	  HELP("TCP connections of one client at once") },
	{ "tcp_idle", OPTION_MILLISECONDS, FIELD(tcp_idle_ms),
	  .min = 100, .max = 3600000, .fallback = 10000,
	  HELP("seconds after which a silent TCP connection is closed; fewer when many are open") },
	{ "rate_per_client", OPTION_INTEGER, FIELD(rate_per_client),
	  .min = 0, .max = 1000000, .fallback = 0,
	  HELP("questions a second that one client may ask; 0: as many as it likes") },
	{ "rate_burst", OPTION_INTEGER, FIELD(rate_burst), .min = 0, .max = 1000000, .fallback = 0,
	  HELP("questions that it may ask at once after a pause; 0: as many as in a second") },
	{ "devices", OPTION_INTEGER, FIELD(devices), .min = 0, .max = 100000, .fallback = 1024,
	  HELP("clients whose way through an activation is remembered; 0: none") },
};
static const struct conf_option cache[] = {
	{ "size", OPTION_SIZE, FIELD(cache_size),
	  .min = 64, .max = 64 << 20, .fallback = 16 << 10,
	  HELP("bytes that the cache may take, index included; \"0\": no cache") },
	{ "ttl_max", OPTION_SECONDS, FIELD(ttl_max), .min = 1, .max = 604800, .fallback = 86400,
	  HELP("longest that an answer is kept; below 86400 also the largest TTL shown") },
	{ "ttl_min", OPTION_SECONDS, FIELD(ttl_min), .min = 0, .max = 86400, .fallback = 0,
	  HELP("shortest that an answer is kept, and smallest TTL shown; a TTL of 0 stays 0") },
	{ "negative_ttl_max", OPTION_SECONDS, FIELD(negative_ttl_max),
	  .min = 0, .max = 86400, .fallback = 3600,
	  HELP("longest that it is kept that a name or its data does not exist") },
	{ "stale", OPTION_SECONDS, FIELD(stale_s), .min = 0, .max = 604800, .fallback = 86400,
	  HELP("how long past its time an answer may be used when upstream is silent; 0: never") },
	{ "stale_ttl", OPTION_SECONDS, FIELD(stale_ttl), .min = 1, .max = 3600, .fallback = 30,
	  HELP("TTL shown in such an answer") },
	{ "stale_wait", OPTION_MILLISECONDS, FIELD(stale_wait_ms),
	  .min = 0, .max = 4500, .fallback = 400,
	  HELP("seconds that upstream has before such an answer is used") },
	{ "prefetch", OPTION_BOOL, FIELD(prefetch), .fallback = true,
	  HELP("ask anew for what clients ask for, shortly before its time is over") },
};
static const struct conf_option edns[] = {
	{ "size", OPTION_INTEGER, FIELD(edns_size), .min = 512, .max = 4096, .fallback = 1232,
	  HELP("bytes of a UDP message that are offered and accepted") },
	{ "ecs", OPTION_WORD, FIELD(strip_ecs), .words = ecs_words, .fallback = 0,
	  HELP("the client's subnet in a question: forward or strip") },
};
static const struct conf_option rebinding[] = {
	{ "protect", OPTION_BOOL, FIELD(rebinding_protect), .fallback = false,
	  HELP("answers with private addresses for names that are not ours are held back") },
	{ "allow", OPTION_NAMES,
	  CONF_OPTION_LIST(conf, rebinding_allow, rebinding_allow_count),
	  .expected = "[ \"corp.example\" ]",
	  HELP("names that may have private addresses, with everything below them") },
};
static const struct conf_option log_[] = {
	{ "level", OPTION_WORD, FIELD(log_level), .words = conf_load_levels, .fallback = LEVEL_INFO,
	  HELP("error, warning, notice, info or debug: this and what is worse") },
	{ "to", OPTION_WORD, FIELD(log_target), .words = targets, .fallback = LOG_TO_STDERR,
	  HELP("stderr or syslog") },
	{ "queries", OPTION_WORD, FIELD(log_queries), .words = queries,
	  .fallback = QUERIES_OFF,
	  HELP("a line for each question: off, errors or all") },
};
static const struct conf_option control[] = {
	{ "socket", OPTION_TEXT, FIELD(control_socket), .is_good = conf_control_is_socket,
	  .expected = "the path of a socket from / on, of at most 107 bytes, such as "
		      "\"" CONF_CONTROL_DEFAULT "\", or \"\" for none",
	  HELP("path of the socket that commands such as status talk to; \"\": none") },
};
static const struct conf_option web[] = {
	{ "listen", OPTION_OTHER, .read = conf_web_read_listen, .print = conf_web_print_listen,
	  HELP("address to serve pages on, or path of a socket") },
	{ "port", OPTION_INTEGER, FIELD(web_port), .min = 1, .max = 65535, .fallback = 8053,
	  HELP("port of that address") },
	{ "enabled", OPTION_BOOL, FIELD(web_enabled), .fallback = false,
	  HELP("serve /metrics for Prometheus, /healthz, /readyz and /api over HTTP") },
	{ "hosts", OPTION_NAMES, CONF_OPTION_LIST(conf, web_hosts, web_host_count),
	  .expected = "[ \"dns.corp.example\" ]",
	  HELP("names that it is called by, beside localhost and any address") },
};
#define SECTION_OF(path_, options_) { path_, options_, CONF_OPTION_COUNT(options_), false }
static const struct conf_section limits_section = SECTION_OF("limits", limits);
static const struct conf_section cache_section = SECTION_OF("cache", cache);
static const struct conf_section edns_section = SECTION_OF("edns", edns);
static const struct conf_section rebinding_section = SECTION_OF("rebinding", rebinding);
static const struct conf_section log_section = SECTION_OF("log", log_);
static const struct conf_section control_section = SECTION_OF("control", control);
static const struct conf_section web_section = SECTION_OF("web", web);

static const struct conf_option root[] = {
	{ "listen", OPTION_GROUPS, CONF_OPTION_LIST(conf, listen, listen_count),
	  .read = conf_listen_read, .entry = conf_listen_section,
	  HELP("where to listen") },
	{ "workers", OPTION_INTEGER, FIELD(workers),
	  .min = 0, .max = CONF_WORKERS_MAX, .fallback = 1,
	  HELP("threads that answer; 0: one for each CPU") },
	{ "user", OPTION_TEXT, FIELD(user), .read = conf_user_read,
	  HELP("account that it becomes, once started as root; \"\": stays root") },
	{ "access", OPTION_GROUPS, CONF_OPTION_LIST(conf, access, access_count),
	  .read = conf_listen_read_access, .entry = conf_listen_access_section,
	  HELP("whom to serve: the longest network decides; all others are refused") },
	{ "trusted", OPTION_NETS, CONF_OPTION_LIST(conf, trusted, trusted_count),
	  .may_be_empty = true, /* nobody is trusted */
	  .expected = "[ \"127.0.0.0/8\", \"::1/128\" ]",
	  HELP("networks of forwarders that are believed whom they ask for (EDNS 65001, 65073, 8)") },
	{ "limits", OPTION_SECTION, .section = &limits_section,
	  HELP("how much is done at once") },
	{ "cache", OPTION_SECTION, .section = &cache_section,
	  HELP("what is kept, and how long") },
	{ "upstreams", OPTION_OTHER, .read = conf_group_read, .print = conf_group_print,
	  HELP("groups of servers to ask; \"default\" is asked where no zone says otherwise") },
	{ "zones", OPTION_GROUPS, CONF_OPTION_LIST(conf, zones, zone_count),
	  .read = conf_zone_note, .entry = conf_zone_section,
	  HELP("which names are treated otherwise; the most specific name wins") },
	{ "couriers", OPTION_OTHER, .read = conf_courier_note, .print = conf_courier_print,
	  HELP("families of an alias that leads to no address by design; Apple's is built in") },
	{ "edns", OPTION_SECTION, .section = &edns_section,
	  HELP("extensions of the protocol") },
	{ "special_names", OPTION_BOOL, FIELD(special_names), .fallback = true,
	  HELP("answer special-use names here (RFC 6761, 6303, 9462) unless a zone covers them") },
	{ "rebinding", OPTION_SECTION, .section = &rebinding_section,
	  HELP("private addresses from outside") },
	{ "log", OPTION_SECTION, .section = &log_section,
	  HELP("what is told") },
	{ "control", OPTION_SECTION, .section = &control_section,
	  HELP("how the running program is talked to") },
	{ "web", OPTION_SECTION, .section = &web_section,
	  HELP("pages for programs and browsers") },
};
/* clang-format on */
static const struct conf_section root_section = SECTION_OF("", root);

#define SECTIONS_MAX 14u
/* All of them, in printing order, and NULL. */
static void list_sections(const struct conf_section *ret_sections[SECTIONS_MAX + 1])
{
	const struct conf_section *const all[SECTIONS_MAX + 1] = {
		&root_section,	       conf_listen_section(), conf_listen_access_section(),
		&limits_section,       &cache_section,	      conf_group_section(),
		conf_server_section(), conf_zone_section(),   conf_courier_option_section(),
		&edns_section,	       &rebinding_section,    &log_section,
		&control_section,      &web_section,
	};
	memcpy(ret_sections, all, sizeof(all));
}

bool conf_load_row(size_t at, struct conf_load_row *ret_row)
{
	const struct conf_section *sections[SECTIONS_MAX + 1];

	list_sections(sections);
	for (size_t i = 0; sections[i] != NULL; i++) {
		if (at >= sections[i]->count) {
			at -= sections[i]->count;
			continue;
		}
		const struct conf_option *option = &sections[i]->options[at];
		*ret_row = (struct conf_load_row){ sections[i]->path, option->name, HELP_OF(option),
						   option };
		return true;
	}
	return false;
}

/* --- from libconfig ------------------------------------------------------------------------ */

struct parsing {
	struct arena arena;
	const uint32_t *string_lines; /* of those in lists, which libconfig gets wrong */
};

/* False when memory is short, also when it was for libconfig: it does not tell, but a name or a
 * text is missing. Goes as deep as conf_scan() allows. */
static bool fill_node(struct parsing *parsing, const config_setting_t *setting,
		      const struct conf_node *parent, struct conf_node *node)
{
	node->parent = parent;
	node->name = config_setting_name(setting);
	node->line = config_setting_source_line(setting);
	node->count = (uint32_t)config_setting_length(setting);
	if (node->name == NULL && parent != NULL && parent->kind == NODE_GROUP)
		return false;
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		node->kind = NODE_INTEGER;
		node->integer = config_setting_get_int64(setting);
		return true;
	case CONFIG_TYPE_FLOAT:
		node->kind = NODE_REAL;
		node->real = config_setting_get_float(setting);
		return true;
	case CONFIG_TYPE_BOOL:
		node->kind = NODE_BOOL;
		node->flag = config_setting_get_bool(setting) != 0;
		return true;
	case CONFIG_TYPE_STRING:
		node->kind = NODE_TEXT;
		node->text = config_setting_get_string(setting);
		if (node->name == NULL)
			node->line = *parsing->string_lines++;
		return node->text != NULL;
	case CONFIG_TYPE_ARRAY:
		node->kind = NODE_ARRAY;
		break;
	case CONFIG_TYPE_LIST:
		node->kind = NODE_LIST;
		break;
	default:
		node->kind = NODE_GROUP;
		break;
	}
	struct conf_node *children = arena_alloc(&parsing->arena, node->count * sizeof(*children));
	node->children = children;
	if (children == NULL)
		return false;
	for (uint32_t i = 0; i < node->count; i++)
		if (!fill_node(parsing, config_setting_get_elem(setting, i), node, &children[i]))
			return false;
	return true;
}

static void complain_of_syntax(const struct conf_text *text, const config_t *config,
			       struct complaints *complaints)
{
	struct conf_place place;

	conf_text_place(text, (uint32_t)config_error_line(config), &place);
	complaint_add(complaints, &place,
		      "%s; expected values of one kind in an array [ ], where a list ( ) takes any",
		      config_error_text(config));
}

/* --- a conf -------------------------------------------------------------------------------- */

static struct conf *new_conf(void)
{
	struct conf *conf = mem_zalloc(sizeof(*conf));

	if (conf == NULL)
		return NULL;
	conf_read_defaults(&root_section, conf);
	conf_web_defaults(conf);
	if (conf_group_defaults(conf) != 0 || conf_control_defaults(conf) != 0) {
		conf_free(conf);
		return NULL;
	}
	return conf;
}

static void check_together(struct conf_reader *reader, const struct conf_node *tree)
{
	const struct conf *conf = reader->conf;
	const struct conf_node *node = conf_node_find(tree, "cache");

	if (node != NULL && node->kind == NODE_GROUP && conf->ttl_min > conf->ttl_max)
		conf_option_complain(reader, node,
				     "has ttl_min %u and ttl_max %u; expected ttl_min to be the "
				     "smaller",
				     conf->ttl_min, conf->ttl_max);
	conf_web_check(reader, tree);
}

/* The tree becomes a conf, whatever complaints there are. */
static int read_tree(const struct conf_text *text, const struct conf_node *tree,
		     struct complaints *complaints, struct conf **ret_conf)
{
	const size_t before = complaint_count(complaints);
	const struct conf_section *sections[SECTIONS_MAX + 1];
	struct conf_reader reader = {
		.conf = new_conf(), .text = text, .complaints = complaints, .sections = sections
	};

	if (reader.conf == NULL)
		return -ENOMEM;
	list_sections(sections);
	conf_read_section(&reader, tree, &root_section, reader.conf);
	if (reader.err == 0)
		check_together(&reader, tree);
	if (reader.err == 0)
		conf_zone_read(&reader);
	if (reader.err == 0)
		conf_courier_read(&reader);
	if (reader.err == 0)
		reader.err = conf_listen_defaults(reader.conf);
	if (reader.err != 0) {
		conf_free(reader.conf);
		return reader.err;
	}
	*ret_conf = reader.conf;
	return complaint_count(complaints) > before ? ERR_CONF : 0;
}

/* libconfig 1.5 does not survive a failed allocation, and a running program is not to end because
 * it was told to read its file again. Its tree takes some ten bytes for each of the text: that
 * there is room for it is seen beforehand. */
static bool has_room_for_tree(const struct conf_text *text)
{
	void *room = mem_alloc(conf_text_len(text) * 16 + 65536);

	mem_free(room);
	return room != NULL;
}

/* libconfig's tree lives in here only. */
static int parse(const struct conf_text *text, const struct conf_scan *scan,
		 struct complaints *complaints, struct conf **ret_conf)
{
	struct parsing parsing = { .string_lines = scan->lines };
	struct conf_node tree;
	config_t config;
	int err = ERR_CONF;

	if (!has_room_for_tree(text))
		return -ENOMEM;
	config_init(&config);
	arena_init(&parsing.arena, NULL, 0);
	if (config_read_string(&config, conf_text_bytes(text)) != CONFIG_TRUE)
		complain_of_syntax(text, &config, complaints);
	else if (!fill_node(&parsing, config_root_setting(&config), NULL, &tree))
		err = -ENOMEM;
	else
		err = read_tree(text, &tree, complaints, ret_conf);
	arena_done(&parsing.arena);
	config_destroy(&config);
	return err;
}

/* Takes the text over. */
static int load(struct conf_text *text, struct complaints *complaints, struct conf **ret_conf)
{
	struct conf_scan scan = { 0 };
	struct conf *conf = NULL;

	int err = conf_scan(text, complaints, &scan);
	if (err == 0)
		err = parse(text, &scan, complaints, &conf);
	if (conf != NULL)
		conf_text_give_files(text, conf);
	*ret_conf = conf;
	conf_scan_done(&scan);
	conf_text_free(text);
	return err;
}

static int load_defaults(struct conf **ret_conf)
{
	struct conf *conf = new_conf();

	if (conf == NULL)
		return -ENOMEM;
	int err = conf_listen_defaults(conf);
	if (err == 0)
		err = conf_courier_defaults(conf);
	if (err == 0)
		*ret_conf = conf;
	else
		conf_free(conf);
	return err;
}

int conf_load(const char *path, struct complaints *complaints, struct conf **ret_conf)
{
	struct conf_text *text;

	*ret_conf = NULL;
	if (path == NULL)
		return load_defaults(ret_conf);
	const int err = conf_text_read(path, complaints, &text);
	return err == 0 ? load(text, complaints, ret_conf) : err;
}

int conf_load_text(const char *text, const char *name, struct complaints *complaints,
		   struct conf **ret_conf)
{
	struct conf_text *copy;

	*ret_conf = NULL;
	const int err = conf_text_from(text, name, complaints, &copy);
	return err == 0 ? load(copy, complaints, ret_conf) : err;
}

void conf_load_print(const struct conf *conf, FILE *out)
{
	struct conf_printer printer = { .out = out, .conf = conf };

	conf_print_section(&printer, &root_section, conf);
}
