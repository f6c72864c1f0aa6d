#include "conf/conf_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

	if (text == NULL)
		return false;
	if (default_port == 0 && strchr(text, '@') != NULL) {
		conf_option_refuse(reader, node,
				   "an address alone; its port is written port = 5353");
		return false;
	}
	const int err = addr_parse(text, default_port, ret_addr);
	if (err == -ENODEV)
		conf_option_refuse(reader, node, CONF_VALUE_LINK_EXPECTED);
	else if (err != 0)
		conf_option_refuse(reader, node, expected);
	return err == 0;
}

/* --- networks ------------------------------------------------------------------------------ */

/* The network that "10.1.2.3/8" lies in, where that is what is wrong with the text. */
static bool find_net(const char *text, struct addr_prefix *ret_net)
{
	const char *slash = strchr(text, '/');
	struct addr_text addr;
	char *end;

	if (slash == NULL || slash[1] < '0' || slash[1] > '9')
		return false;
	snprintf(addr.text, sizeof(addr.text), "%.*s", (int)(slash - text), text);
	const unsigned long bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || addr_prefix_parse(addr.text, ret_net) != 0 || bits > ret_net->bits)
		return false;
	for (unsigned i = (unsigned)bits; i < ret_net->bits; i++)
		ret_net->net.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	ret_net->bits = (uint8_t)bits;
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
	conf_option_refuse_word(reader, node, expected, common);
	return false;
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
	ret_name->wire = mem_dup(wire, len);
	ret_name->len = (uint8_t)len;
	ret_name->is_template = numbers > 0;
	conf_option_place(reader, node, &ret_name->place);
	if (ret_name->wire == NULL)
		reader->err = -ENOMEM;
	return ret_name->wire != NULL;
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

/* What is wrong with a name for a setting of that kind, or NULL. */
static const char *fault_for(enum conf_option_kind kind, const struct conf_name *name)
{
	if (kind == OPTION_NAME && (name->is_template || name->len == 1))
		return "a domain name below the root, without {n}";
	if (kind == OPTION_NAMES && name->is_template)
		return "a domain name without {n}";
	if (kind == OPTION_VARIANTS && !name->is_template)
		return "a name with {n} in it, such as \"{n}-courier.push.apple.com\"";
	if (kind == OPTION_VARIANTS && !conf_value_has_room(name, CONF_COURIER_N_MAX))
		return "labels up to 63 bytes, 253 in all, with four digits for {n}";
	return NULL;
}

static bool read_name(struct conf_reader *reader, const struct conf_node *node,
		      enum conf_option_kind kind, struct conf_name *ret_name)
{
	if (!conf_value_name(reader, node, ret_name))
		return false;
	const char *fault = fault_for(kind, ret_name);
	if (fault == NULL)
		return true;
	conf_option_refuse(reader, node, fault);
	mem_free(ret_name->wire);
	return false;
}

/* --- lists and the rest -------------------------------------------------------------------- */

static bool is_name(enum conf_option_kind kind)
{
	return kind != OPTION_TYPES && kind != OPTION_NETS;
}

size_t conf_value_size(enum conf_option_kind kind)
{
	if (is_name(kind))
		return sizeof(struct conf_name);
	return kind == OPTION_TYPES ? sizeof(uint16_t) : sizeof(struct addr_prefix);
}

const char *conf_value_text(enum conf_option_kind kind, const void *value,
			    union conf_value_text *into)
{
	const struct conf_name *name = value;

	if (kind == OPTION_TYPES)
		return type_to_text(*(const uint16_t *)value, &into->type);
	if (kind == OPTION_NETS)
		return addr_prefix_to_text(value, &into->net);
	return name->wire != NULL ? name_to_text(name->wire, &into->name) : "";
}

static bool read_value(struct conf_reader *reader, const struct conf_node *node,
		       enum conf_option_kind kind, void *ret_value)
{
	if (kind == OPTION_TYPES)
		return read_type(reader, node, ret_value);
	if (kind == OPTION_NETS)
		return conf_value_net(reader, node, ret_value);
	return read_name(reader, node, kind, ret_value);
}

/* `end` is behind the last node of the list. */
static void sort(struct conf_reader *reader, const struct conf_node *end,
		 enum conf_option_kind kind, uint8_t *values, size_t count)
{
	int (*const compare)(const void *, const void *) =
		kind == OPTION_TYPES ? compare_types : conf_value_compare_nets;
	const size_t size = conf_value_size(kind);
	union conf_value_text text;

	qsort(values, count, size, compare);
	for (; count > 1; count--, values += size) {
		if (compare(values, values + size) == 0)
			conf_option_complain(reader, end[-1].parent,
					     "has %s twice; expected each %s once",
					     conf_value_text(kind, values, &text),
					     kind == OPTION_TYPES ? "type" : "network");
	}
}

void conf_value_list(struct conf_reader *reader, const struct conf_node *nodes, uint32_t count,
		     enum conf_option_kind kind, void *ret_all, size_t *ret_count)
{
	const size_t size = conf_value_size(kind);
	uint8_t *all = conf_option_alloc(reader, count + 1, size); /* there may be none */
	uint8_t *end = all;
	void *before;

	if (all == NULL)
		return;
	for (; count > 0; count--, nodes++)
		if (read_value(reader, nodes, kind, end))
			end += size;
	memcpy(&before, ret_all, sizeof(before));
	if (is_name(kind))
		conf_free_names(before, *ret_count);
	else
		mem_free(before);
	memcpy(ret_all, &all, sizeof(all));
	*ret_count = (size_t)(end - all) / size;
	if (!is_name(kind))
		sort(reader, nodes, kind, all, *ret_count);
}

void conf_value_copy(struct conf_reader *reader, const struct conf_node *node, char **ret_text)
{
	mem_free(*ret_text);
	*ret_text = mem_strdup(node->text);
	if (*ret_text == NULL)
		reader->err = -ENOMEM;
}

static void read_one_name(struct conf_reader *reader, const struct conf_node *node,
			  bool may_be_empty, struct conf_name *name)
{
	const bool is_empty = may_be_empty && node->kind == NODE_TEXT && node->text[0] == '\0';
	struct conf_name read = { .wire = NULL };

	if (!is_empty && !read_name(reader, node, OPTION_NAME, &read))
		return;
	mem_free(name->wire);
	*name = read;
}

static void read_list(struct conf_reader *reader, const struct conf_node *node,
		      const struct conf_option *option, uint8_t *base)
{
	void *const count = base + option->count_offset;

	if (!option->may_be_empty && !conf_option_check_list(reader, node, option->expected))
		return;
	if (!conf_node_is_list(node)) {
		conf_option_refuse_list(reader, node, option->expected);
		return;
	}
	const bool is_over = option->count_max != 0 &&
			     conf_option_is_over(reader, node, option->count_max,
						 is_name(option->kind) ? "names" : "types");
	/* what else is wrong with types is told, too, of however many */
	if (!is_over || !is_name(option->kind))
		conf_value_list(reader, node->children, node->count, option->kind,
				base + option->offset, count);
}

void conf_value_read(struct conf_reader *reader, const struct conf_node *node,
		     const struct conf_option *option, void *base)
{
	void *const field = (uint8_t *)base + option->offset;

	if (option->kind == OPTION_NAME)
		read_one_name(reader, node, option->may_be_empty, field);
	else if (option->kind != OPTION_TEXT)
		read_list(reader, node, option, base);
	else if (node->kind == NODE_TEXT && option->is_good(node->text))
		conf_value_copy(reader, node, field);
	else
		conf_option_refuse(reader, node, option->expected);
}
