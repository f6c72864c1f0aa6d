#include "conf/conf_listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_print.h"
#include "conf/conf_read.h"
#include "conf/conf_value.h"

#define DNS_PORT 53
#define LISTEN_MAX 256u

static void read_listen_address(struct conf_reader *reader, const struct conf_node *node,
				void *base);
static void read_protocols(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_listen_address(struct conf_printer *printer, const void *base);
static void print_protocols(struct conf_printer *printer, const void *base);
static void read_net(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_net(struct conf_printer *printer, const void *base);

static const char *const protocols[] = { "udp", "tcp", NULL };
const char *const conf_listen_actions[] = { "allow", "refuse", "drop", NULL };

/* clang-format off */
static const struct conf_option listen_options[] = {
	{ "address", OPTION_OTHER, .read = read_listen_address, .print = print_listen_address,
	  HELP("address to listen on; 0.0.0.0 and :: are all of the machine") },
	{ "port", OPTION_INTEGER, CONF_OPTION_FIELD(conf_listen, addr.port),
	  .min = 1, .max = 65535, .fallback = DNS_PORT,
	  HELP("port to listen on") },
	{ "protocols", OPTION_OTHER, .read = read_protocols, .print = print_protocols,
	  HELP("\"udp\", \"tcp\" or both") },
};
static const struct conf_option access_options[] = {
	{ "net", OPTION_OTHER, .read = read_net, .print = print_net,
	  HELP("network that the client's address lies in") },
	{ "action", OPTION_WORD, CONF_OPTION_FIELD(conf_access, action), .words = conf_listen_actions,
	  HELP("allow, refuse (say so), or drop (say nothing)") },
};
static const struct conf_section listen_section = {
	"listen", listen_options, CONF_OPTION_COUNT(listen_options), true
};
static const struct conf_section access_section = {
	"access", access_options, CONF_OPTION_COUNT(access_options), true
};
/* clang-format on */

const struct conf_section *conf_listen_access_section(void)
{
	return &access_section;
}

const struct conf_section *conf_listen_section(void)
{
	return &listen_section;
}

/* Loopback, RFC 1918, link-local (RFC 3927, RFC 4291), unique local (RFC 4193). */
static const char *const default_nets[] = { "127.0.0.0/8",    "10.0.0.0/8",	"172.16.0.0/12",
					    "192.168.0.0/16", "169.254.0.0/16", "::1/128",
					    "fe80::/10",      "fc00::/7" };
static const char *const default_trusted_nets[] = { "127.0.0.0/8", "::1/128" };
static const char *const default_addresses[] = { "127.0.0.1", "::1" };
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* --- listen -------------------------------------------------------------------------------- */

static void read_listen_address(struct conf_reader *reader, const struct conf_node *node,
				void *base)
{
	struct conf_listen *listen = base;
	const uint16_t port = listen->addr.port;

	(void)conf_value_addr(reader, node, 0, &listen->addr);
	/* which may have been read before */
	listen->addr.port = port;
}

static void read_protocols(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_listen *listen = base;
	bool wanted[2] = { false, false };

	if (!conf_node_is_list(node) || node->count == 0) {
		conf_option_refuse(reader, node, "[ \"udp\", \"tcp\" ] or one of them");
		return;
	}
	for (uint32_t i = 0; i < node->count; i++) {
		const int protocol = conf_option_word(reader, &node->children[i], protocols);
		if (protocol >= 0 && wanted[protocol])
			conf_option_complain(reader, &node->children[i],
					     "is there twice; expected each protocol once");
		if (protocol >= 0)
			wanted[protocol] = true;
	}
	listen->udp = wanted[0];
	listen->tcp = wanted[1];
}

static void read_listen_entry(struct conf_reader *reader, const struct conf_node *node)
{
	struct conf *conf = reader->conf;
	struct conf_listen *listen = &conf->listen[conf->listen_count];

	conf_read_defaults(&listen_section, listen);
	listen->udp = listen->tcp = true;
	conf_option_place(reader, node, &listen->place);
	conf_read_section(reader, node, &listen_section, listen);
	if (node->kind == NODE_GROUP && node->count > 0)
		conf_option_require(reader, node, "address", "\"::1\"");
	if (listen->addr.family == ADDR_NONE)
		return;
	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct conf_listen *other = &conf->listen[i];
		if (!addr_equal(&other->addr, &listen->addr) ||
		    !((other->udp && listen->udp) || (other->tcp && listen->tcp)))
			continue;
		struct addr_text text;
		conf_option_refuse_twin(reader, node, addr_to_text(&listen->addr, &text),
					&other->place);
		break;
	}
	conf->listen_count++;
}

void conf_listen_read(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf *conf = base;

	if (!conf_option_check_list(reader, node, "( { address = \"127.0.0.1\"; } )"))
		return;
	if (conf_option_is_over(reader, node, LISTEN_MAX, "entries"))
		return;
	conf->listen = conf_option_alloc(reader, node->count, sizeof(*conf->listen));
	for (uint32_t i = 0; i < node->count && reader->err == 0; i++)
		read_listen_entry(reader, &node->children[i]);
}

static void print_listen_address(struct conf_printer *printer, const void *base)
{
	const struct conf_listen *listen = base;
	struct addr addr = listen->addr;
	struct addr_text text;

	addr.port = 0;
	conf_print_setting(printer, "address", addr_to_text(&addr, &text));
}

static void print_protocols(struct conf_printer *printer, const void *base)
{
	const struct conf_listen *listen = base;

	conf_print_begin(printer, "protocols");
	fputs(listen->udp ? "[ \"udp\"" : "[ ", printer->out);
	if (listen->tcp)
		fputs(listen->udp ? ", \"tcp\"" : "\"tcp\"", printer->out);
	conf_print_end(printer, " ]");
}

/* --- access -------------------------------------------------------------------------------- */

static void read_net(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_access *access = base;

	if (!conf_value_net(reader, node, &access->net))
		access->net.net.family = ADDR_NONE;
}

static void read_access_entry(struct conf_reader *reader, const struct conf_node *node,
			      struct conf_access *access)
{
	conf_option_place(reader, node, &access->place);
	conf_read_section(reader, node, &access_section, access);
	if (node->kind != NODE_GROUP || node->count == 0)
		return;
	conf_option_require(reader, node, "net", "\"10.0.0.0/8\"");
	if (conf_node_find(node, "action") == NULL)
		conf_option_complain(reader, node,
				     "has no action; expected \"allow\", \"refuse\" or \"drop\"");
}

/* By network, and by line among equals. */
static int compare_access(const void *a, const void *b)
{
	const struct conf_access *const *left = a, *const *right = b;
	const int order = conf_value_compare_nets(&(*left)->net, &(*right)->net);
	if (order != 0)
		return order;
	return *left < *right ? -1 : 1;
}

static void check_nets_once(struct conf_reader *reader, const struct conf_node *node)
{
	const struct conf *conf = reader->conf;
	const struct conf_access **sorted =
		conf_option_alloc(reader, conf->access_count, sizeof(*sorted));

	if (sorted == NULL)
		return;
	for (size_t i = 0; i < conf->access_count; i++)
		sorted[i] = &conf->access[i];
	qsort(sorted, conf->access_count, sizeof(*sorted), compare_access);
	for (size_t i = 1; i < conf->access_count; i++) {
		const struct conf_access *first = sorted[i - 1], *second = sorted[i];
		struct addr_text text;
		if (second->net.net.family == ADDR_NONE ||
		    conf_value_compare_nets(&first->net, &second->net) != 0)
			continue;
		conf_option_refuse_twin(reader, &node->children[second - conf->access],
					addr_prefix_to_text(&second->net, &text), &first->place);
	}
	mem_free(sorted);
}

void conf_listen_read_access(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf *conf = base;

	if (!conf_option_check_list(reader, node,
				    "( { net = \"10.0.0.0/8\"; action = \"allow\"; } )"))
		return;
	conf->access = conf_option_alloc(reader, node->count, sizeof(*conf->access));
	if (conf->access == NULL)
		return;
	conf->access_count = node->count;
	for (uint32_t i = 0; i < node->count; i++)
		read_access_entry(reader, &node->children[i], &conf->access[i]);
	check_nets_once(reader, node);
}

static void print_net(struct conf_printer *printer, const void *base)
{
	const struct conf_access *access = base;
	struct addr_text text;

	conf_print_setting(printer, "net", addr_prefix_to_text(&access->net, &text));
}

/* --- defaults ------------------------------------------------------------------------------ */

static int default_listen(struct conf *conf)
{
	conf->listen = mem_zalloc(COUNT(default_addresses) * sizeof(*conf->listen));
	if (conf->listen == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT(default_addresses); i++) {
		struct conf_listen *listen = &conf->listen[i];
		if (addr_parse(default_addresses[i], DNS_PORT, &listen->addr) != 0)
			UNREACHABLE();
		listen->udp = listen->tcp = true;
	}
	conf->listen_count = COUNT(default_addresses);
	return 0;
}

static int default_access(struct conf *conf)
{
	conf->access = mem_zalloc(COUNT(default_nets) * sizeof(*conf->access));
	if (conf->access == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT(default_nets); i++) {
		if (addr_prefix_parse(default_nets[i], &conf->access[i].net) != 0)
			UNREACHABLE();
		conf->access[i].action = ACCESS_ALLOW;
	}
	conf->access_count = COUNT(default_nets);
	return 0;
}

static int default_trusted(struct conf *conf)
{
	conf->trusted = mem_zalloc(COUNT(default_trusted_nets) * sizeof(*conf->trusted));
	if (conf->trusted == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT(default_trusted_nets); i++) {
		if (addr_prefix_parse(default_trusted_nets[i], &conf->trusted[i]) != 0)
			UNREACHABLE();
	}
	conf->trusted_count = COUNT(default_trusted_nets);
	return 0;
}

int conf_listen_defaults(struct conf *conf)
{
	int err = conf->listen == NULL ? default_listen(conf) : 0;
	if (err == 0 && conf->access == NULL)
		err = default_access(conf);
	if (err == 0 && conf->trusted == NULL)
		err = default_trusted(conf);
	return err;
}
