#include "conf/conf_server.h"

#include <net/if.h>
#include <string.h>

#include "conf/conf_print.h"
#include "conf/conf_read.h"
#include "conf/conf_value.h"

#define DNS_PORT 53

static void read_address(struct conf_reader *reader, const struct conf_node *node, void *base);
static void read_source(struct conf_reader *reader, const struct conf_node *node, void *base);
static void read_interface(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_address(struct conf_printer *printer, const void *base);
static void print_source(struct conf_printer *printer, const void *base);
static void print_interface(struct conf_printer *printer, const void *base);

/* clang-format off */
static const struct conf_option options[] = {
	{ "address", OPTION_OTHER, .read = read_address, .print = print_address,
	  HELP("of the server, with @PORT where it is not 53") },
	{ "source", OPTION_OTHER, .read = read_source, .print = print_source,
	  HELP("address of ours that it is asked from") },
	{ "interface", OPTION_OTHER, .read = read_interface, .print = print_interface,
	  HELP("interface that it is asked by, whatever the routes say") },
};
static const struct conf_section section = {
	"upstreams.NAME.servers", options, CONF_OPTION_COUNT(options), true
};
/* clang-format on */

const struct conf_section *conf_server_section(void)
{
	return &section;
}

/* --- reading ------------------------------------------------------------------------------- */

/* Whether there is one of that name is not asked: a router's come and go. */
static bool is_interface_name(const char *text)
{
	const size_t len = strlen(text);

	if (len == 0 || len >= CONF_INTERFACE_MAX || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] == 0x7f || strchr("/:%@", text[i]) != NULL)
			return false;
	}
	return true;
}

/* "fe80::1%wan" while there is no such interface: it is told from others by its name until then, as
 * with `interface`. */
static bool read_later(const struct conf_node *node, struct conf_server *ret_server)
{
	struct addr_text copy;
	struct addr addr;

	if (node->kind != NODE_TEXT || strlen(node->text) >= sizeof(copy.text))
		return false;
	memcpy(copy.text, node->text, strlen(node->text) + 1);
	char *percent = strchr(copy.text, '%');
	if (percent == NULL)
		return false;
	const size_t len = strcspn(percent + 1, "@");
	char name[CONF_INTERFACE_MAX] = { 0 };
	if (len >= sizeof(name) || (percent[1] >= '0' && percent[1] <= '9'))
		return false;
	memcpy(name, percent + 1, len);
	memmove(percent, percent + 1 + len, strlen(percent + 1 + len) + 1);
	if (!is_interface_name(name) || if_nametoindex(name) != 0 ||
	    (ret_server->interface[0] != '\0' && strcmp(ret_server->interface, name) != 0) ||
	    addr_parse(copy.text, DNS_PORT, &addr) != 0 || !addr_is_link_local(&addr))
		return false;
	ret_server->addr = addr;
	memcpy(ret_server->interface, name, sizeof(name));
	return true;
}

/* False, and the address is none, for one that nobody has; true after a complaint. */
static bool read_unicast(struct conf_reader *reader, const struct conf_node *node, uint16_t port,
			 struct addr *ret_addr)
{
	if (!conf_value_addr(reader, node, port, ret_addr))
		return true;
	if (addr_is_wildcard(ret_addr))
		ret_addr->family = ADDR_NONE;
	return ret_addr->family != ADDR_NONE;
}

static void read_address(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_server *ret_server = base;

	if (!read_later(node, ret_server) &&
	    !read_unicast(reader, node, DNS_PORT, &ret_server->addr))
		conf_option_refuse(reader, node, "the address of a server");
}

static void read_source(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	static const char expected[] =
		"an address of this machine without a port, such as \"192.0.2.1\"; which port is "
		"drawn anew for each question";
	struct conf_server *ret_server = base;

	if (node->kind != NODE_TEXT || strchr(node->text, '@') != NULL ||
	    !read_unicast(reader, node, 0, &ret_server->source))
		conf_option_refuse(reader, node, expected);
}

static void read_interface(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_server *ret_server = base;

	if (node->kind != NODE_TEXT || !is_interface_name(node->text))
		conf_option_refuse(reader, node,
				   "the name of a network interface (1 to 15 characters), such as "
				   "\"wan\" or \"eth0.2\"");
	else if (ret_server->interface[0] != '\0' && strcmp(ret_server->interface, node->text) != 0)
		conf_option_refuse(reader, node, "the interface behind the address, or none");
	else
		memcpy(ret_server->interface, node->text, strlen(node->text) + 1);
}

/* A link-local address is of one link; which one must be said, once. */
static void check_link(struct conf_reader *reader, const struct conf_node *node,
		       const struct addr *addr, const char *interface)
{
	struct complaint_quote quote;
	char name[IF_NAMESIZE];

	if (!addr_is_link_local(addr))
		return;
	if (addr->scope != 0 && if_indextoname(addr->scope, name) == NULL)
		conf_option_refuse(reader, node, CONF_VALUE_LINK_EXPECTED);
	else if (addr->scope == 0 && interface[0] == '\0')
		conf_option_complain(
			reader, node,
			"is %s, a link-local address, which means nothing without its "
			"interface; expected that behind it, such as \"fe80::1%%eth0\"",
			conf_node_value(node, &quote));
	else if (addr->scope != 0 && interface[0] != '\0' &&
		 if_nametoindex(interface) != addr->scope)
		conf_option_complain(reader, node,
				     "is %s, of another interface than \"%s\"; expected the same "
				     "one, or none behind the address",
				     conf_node_value(node, &quote), interface);
}

static void check_way(struct conf_reader *reader, const struct conf_node *node,
		      const struct conf_server *server)
{
	const struct conf_node *address = conf_node_find(node, "address");
	const struct conf_node *source = conf_node_find(node, "source");

	if (address != NULL)
		check_link(reader, address, &server->addr, server->interface);
	if (source == NULL || server->source.family == ADDR_NONE)
		return;
	check_link(reader, source, &server->source, server->interface);
	if (server->addr.family != ADDR_NONE && server->addr.family != server->source.family)
		conf_option_refuse(reader, source,
				   server->addr.family == ADDR_IPV4
					   ? "an IPv4 address, as the server has one"
					   : "an IPv6 address, as the server has one");
}

bool conf_server_read(struct conf_reader *reader, const struct conf_node *node,
		      struct conf_server *ret_server)
{
	*ret_server = (struct conf_server){ .addr.family = ADDR_NONE };
	if (node->kind != NODE_GROUP) {
		read_address(reader, node, ret_server);
		check_link(reader, node, &ret_server->addr, ret_server->interface);
		return ret_server->addr.family != ADDR_NONE;
	}
	conf_read_section(reader, node, &section, ret_server);
	check_way(reader, node, ret_server);
	if (node->count > 0)
		conf_option_require(reader, node, "address", "\"192.0.2.1\"");
	return ret_server->addr.family != ADDR_NONE;
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_address(struct conf_printer *printer, const void *base)
{
	const struct conf_server *server = base;
	struct addr_text text;

	conf_print_setting(printer, "address", addr_to_text(&server->addr, &text));
}

static void print_source(struct conf_printer *printer, const void *base)
{
	const struct conf_server *server = base;
	struct addr_text text;

	if (server->source.family != ADDR_NONE)
		conf_print_setting(printer, "source", addr_to_text(&server->source, &text));
}

static void print_interface(struct conf_printer *printer, const void *base)
{
	const struct conf_server *server = base;

	if (server->interface[0] != '\0')
		conf_print_setting(printer, "interface", server->interface);
}

static bool is_plain(const struct conf_server *server)
{
	return server->source.family == ADDR_NONE && server->interface[0] == '\0';
}

/* All as groups where one has to be: a list of both kinds would be hard to read. */
void conf_server_print_list(struct conf_printer *printer, const char *name,
			    const struct conf_server *servers, size_t count)
{
	struct addr_text text;
	size_t plain = 0;

	for (size_t i = 0; i < count; i++)
		plain += is_plain(&servers[i]);
	conf_print_begin(printer, name);
	for (size_t i = 0; i < count; i++) {
		if (plain == count) {
			fputs(i == 0 ? "[ " : ", ", printer->out);
			conf_print_text(printer, addr_to_text(&servers[i].addr, &text));
			continue;
		}
		fputs(i == 0 ? "( " : ", ", printer->out);
		conf_print_group(printer, &section, &servers[i]);
	}
	conf_print_end(printer, plain == count ? " ]" : " )");
}
