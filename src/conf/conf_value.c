#include "conf/conf_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/type.h"

#define LABEL_MAX_LEN 63

static const uint8_t number_label[3] = "{n}";

/* --- addresses ----------------------------------------------------------------------------- */

bool conf_value_addr(struct conf_reader *reader, const struct conf_node *node,
		     uint16_t default_port, struct addr *ret_addr)
{
	const char *expected = default_port != 0
				       ? "an address such as \"192.0.2.1\", \"2001:db8::1\" or, "
					 "with its port from 1 to 65535, \"192.0.2.1@5353\""
				       : "an address such as \"192.0.2.1\" or \"2001:db8::1\"";
	const char *text = conf_option_text(reader, node, expected);
	struct complaint_quote quote;

	if (text == NULL)
		return false;
	if (default_port == 0 && strchr(text, '@') != NULL) {
		conf_option_complain(reader, node,
				     "is %s; expected an address alone; its port is written "
				     "port = 5353",
				     conf_node_value(node, &quote));
		return false;
	}
	const int err = addr_parse(text, default_port, ret_addr);
	if (err == -ENODEV)
		conf_option_complain(reader, node,
				     "is %s; expected a network interface that is here behind %%",
				     conf_node_value(node, &quote));
	else if (err != 0)
		conf_option_refuse(reader, node, expected);
	return err == 0;
}

/* --- networks ------------------------------------------------------------------------------ */

/* The network that "10.1.2.3/8" lies in, where that is what is wrong with the text. */
static bool find_net(const char *text, struct addr_prefix *ret_net)
{
	char copy[64];
	const char *slash = strchr(text, '/');
	struct addr_prefix whole;

	if (slash == NULL || slash - text >= (ptrdiff_t)sizeof(copy))
		return false;
	memcpy(copy, text, (size_t)(slash - text));
	copy[slash - text] = '\0';
	if (strspn(slash + 1, "0123456789") != strlen(slash + 1) || slash[1] == '\0' ||
	    strlen(slash + 1) > 3 || addr_prefix_parse(copy, &whole) != 0)
		return false;
	const unsigned long bits = strtoul(slash + 1, NULL, 10);
	if (bits > whole.bits)
		return false;
	for (unsigned i = (unsigned)bits; i < whole.bits; i++)
		whole.net.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	whole.bits = (uint8_t)bits;
	*ret_net = whole;
	return true;
}

bool conf_value_net(struct conf_reader *reader, const struct conf_node *node,
		    struct addr_prefix *ret_net)
{
	static const char expected[] =
		"a network such as \"10.0.0.0/8\" (a length up to 32) or \"2001:db8::/32\" "
		"(up to 128)";
	const char *text = conf_option_text(reader, node, expected);
	struct addr_prefix nearest;
	struct complaint_quote quote;
	struct addr_text net;

	if (text == NULL)
		return false;
	if (addr_prefix_parse(text, ret_net) == 0)
		return true;
	if (find_net(text, &nearest))
		conf_option_complain(
			reader, node, "is %s, with bits set behind its length; expected \"%s\"",
			conf_node_value(node, &quote), addr_prefix_to_text(&nearest, &net));
	else
		conf_option_refuse(reader, node, expected);
	return false;
}

int conf_value_compare_nets(const void *a, const void *b)
{
	const struct addr_prefix *left = a, *right = b;

	if (left->net.family != right->net.family)
		return left->net.family < right->net.family ? -1 : 1;
	const int order = memcmp(left->net.bytes, right->net.bytes, sizeof(left->net.bytes));
	return order != 0 ? order : left->bits - right->bits;
}

void conf_value_nets(struct conf_reader *reader, const struct conf_node *node,
		     struct addr_prefix **ret_nets, size_t *ret_count)
{
	struct addr_prefix *nets = conf_option_alloc(reader, node->count + 1, sizeof(*nets));
	size_t count = 0;

	if (nets == NULL)
		return;
	for (uint32_t i = 0; i < node->count; i++)
		if (conf_value_net(reader, &node->children[i], &nets[count]))
			count++;
	qsort(nets, count, sizeof(*nets), conf_value_compare_nets);
	for (size_t i = 1; i < count; i++) {
		struct addr_text text;
		if (conf_value_compare_nets(&nets[i - 1], &nets[i]) == 0)
			conf_option_complain(reader, node,
					     "has %s twice; expected each network once",
					     addr_prefix_to_text(&nets[i], &text));
	}
	*ret_nets = nets;
	*ret_count = count;
}

/* --- types --------------------------------------------------------------------------------- */

static int compare_types(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static bool read_type(struct conf_reader *reader, const struct conf_node *node, uint16_t *ret_type)
{
	static const char expected[] =
		"a record type such as \"A\", \"AAAA\", \"HTTPS\" or \"TYPE65\"";
	static const char *const common[] = { "A",    "AAAA",  "HTTPS", "SVCB",	  "TXT",
					      "MX",   "NS",    "SRV",	"PTR",	  "CNAME",
					      "SOA",  "CAA",   "DS",	"DNSKEY", "NAPTR",
					      "TLSA", "SSHFP", "ANY",	NULL };
	const char *text = conf_option_text(reader, node, expected);

	if (text == NULL)
		return false;
	if (type_from_text(text, ret_type))
		return true;
	struct complaint_quote quote;
	const char *nearest = complaint_nearest(text, common);
	if (nearest != NULL)
		conf_option_complain(reader, node, "is %s; expected %s; did you mean \"%s\"?",
				     conf_node_value(node, &quote), expected, nearest);
	else
		conf_option_refuse(reader, node, expected);
	return false;
}

void conf_value_types(struct conf_reader *reader, const struct conf_node *node,
		      uint16_t **ret_types, size_t *ret_count)
{
	if (!conf_option_check_list(reader, node, "a list such as [ \"A\", \"AAAA\" ]"))
		return;
	uint16_t *types = conf_option_alloc(reader, node->count, sizeof(*types));
	size_t count = 0;
	if (types == NULL)
		return;
	for (uint32_t i = 0; i < node->count; i++)
		if (read_type(reader, &node->children[i], &types[count]))
			count++;
	qsort(types, count, sizeof(*types), compare_types);
	for (size_t i = 1; i < count; i++) {
		struct type_text text;
		if (types[i] == types[i - 1])
			conf_option_complain(reader, node, "has %s twice; expected each type once",
					     type_to_text(types[i], &text));
	}
	*ret_types = types;
	*ret_count = count;
}

/* --- names --------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* What is wrong with a text before it is read as a name, or NULL. */
static const char *fault_of_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((*text & 0x80) != 0)
			return "ASCII: other letters are written as \"xn--...\" labels";
		if (*text <= ' ' || *text == 0x7f)
			return "a name without blanks";
	}
	return NULL;
}

/* What is wrong with the {n} in a label, or NULL; counts them. */
static const char *fault_of_label(const uint8_t *label, size_t len, unsigned *count)
{
	for (size_t i = 0; i < len; i++) {
		if (label[i] == '}')
			return "no brace but in \"{n}\"";
		if (label[i] != '{')
			continue;
		const size_t end = i + sizeof(number_label);
		if (end > len || memcmp(label + i, number_label, sizeof(number_label)) != 0)
			return "no brace but in \"{n}\"";
		if (++*count > 1)
			return "\"{n}\" once";
		if ((i > 0 && is_digit(label[i - 1])) || (end < len && is_digit(label[end])))
			return "no digit beside \"{n}\"";
		i = end - 1;
	}
	return NULL;
}

static const char *fault_of_name(const uint8_t *wire, unsigned *ret_count)
{
	*ret_count = 0;
	if (wire[0] == 1 && wire[1] == '*')
		return "a name without \"*.\": it covers everything below it";
	for (; *wire != 0; wire += 1u + *wire) {
		const char *fault = fault_of_label(wire + 1, *wire, ret_count);
		if (fault != NULL)
			return fault;
	}
	return NULL;
}

bool conf_value_name(struct conf_reader *reader, const struct conf_node *node,
		     struct conf_name *ret_name)
{
	static const char expected[] =
		"a domain name: labels of 1 to 63 bytes with dots between, 253 in all";
	const char *text = conf_option_text(reader, node, expected);
	uint8_t wire[NAME_MAX_LEN];
	size_t len = 0;
	unsigned numbers = 0;

	ret_name->wire = NULL;
	if (text == NULL)
		return false;
	const char *fault = fault_of_text(text);
	if (fault == NULL && name_from_text(text, wire, &len) != 0)
		fault = expected;
	if (fault == NULL) {
		name_lower(wire, wire, len);
		fault = fault_of_name(wire, &numbers);
	}
	if (fault != NULL) {
		conf_option_refuse(reader, node, fault);
		return false;
	}
	*ret_name = (struct conf_name){ .wire = mem_dup(wire, len),
					.len = (uint8_t)len,
					.is_template = numbers > 0,
					.place = conf_option_place(reader, node) };
	if (ret_name->wire == NULL)
		reader->err = -ENOMEM;
	return ret_name->wire != NULL;
}

void conf_value_names(struct conf_reader *reader, const struct conf_node *node,
		      const char *expected, struct conf_name **ret_names, size_t *ret_count)
{
	if (!conf_option_check_list(reader, node, expected))
		return;
	*ret_names = conf_option_alloc(reader, node->count, sizeof(**ret_names));
	if (*ret_names == NULL)
		return;
	for (uint32_t i = 0; i < node->count; i++) {
		struct conf_name *name = &(*ret_names)[*ret_count];

		if (!conf_value_name(reader, &node->children[i], name))
			continue;
		(*ret_count)++;
		if (name->is_template)
			conf_option_refuse(reader, &node->children[i], "a domain name without {n}");
	}
}

/* Bytes that the highest number needs beyond those of "{n}"; may be negative. */
static int growth_of(uint32_t n_high)
{
	int digits = 1;
	for (; n_high >= 10; n_high /= 10)
		digits++;
	return digits - (int)sizeof(number_label);
}

bool conf_value_has_room(const struct conf_name *name, uint32_t n_high)
{
	const int growth = growth_of(n_high);

	if (name->len + growth > NAME_MAX_LEN)
		return false;
	for (const uint8_t *label = name->wire; *label != 0; label += 1u + *label)
		if (memchr(label + 1, '{', *label) != NULL && *label + growth > LABEL_MAX_LEN)
			return false;
	return true;
}
