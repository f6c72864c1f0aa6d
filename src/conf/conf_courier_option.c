#include "conf/conf_courier_option.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_group.h"
#include "conf/conf_print.h"
#include "conf/conf_value.h"
#include "wire/type.h"

static void read_name(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_name(struct conf_printer *printer, const void *base);
static void read_alias(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_alias(struct conf_printer *printer, const void *base);
static void read_target(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_target(struct conf_printer *printer, const void *base);
static void read_variants(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_variants(struct conf_printer *printer, const void *base);
static void read_count_txt(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_count_txt(struct conf_printer *printer, const void *base);
static void read_types(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_types(struct conf_printer *printer, const void *base);
static void read_upstream(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_upstream(struct conf_printer *printer, const void *base);

static const char *const warmths[] = { "off", "demand", "always", NULL };
static const char *const repairs[] = { "off", "reask", "synthesize", NULL };

/* clang-format off */
static const struct conf_option options[] = {
	{ "name", OPTION_OTHER, .read = read_name, .print = print_name,
	  HELP("what the family is called here; that of a built-in one changes that one") },
	{ "enabled", OPTION_BOOL, CONF_OPTION_FIELD(conf_courier, enabled), .fallback = true,
	  HELP("false: as if the family, built in or not, were not there") },
	{ "alias", OPTION_OTHER, .read = read_alias, .print = print_alias,
	  HELP("name that is an alias of the target and leads to no address") },
	{ "target", OPTION_OTHER, .read = read_target, .print = print_target,
	  HELP("name that the alias leads to") },
	{ "variants", OPTION_OTHER, .read = read_variants, .print = print_variants,
	  HELP("names that devices ask for in its place; {n} is the number that they draw") },
	{ "count_txt", OPTION_OTHER, .read = read_count_txt, .print = print_count_txt,
	  HELP("name whose TXT record count=N says how many variants there are; \"\": none") },
	{ "count", OPTION_INTEGER, CONF_OPTION_FIELD(conf_courier, count),
	  .min = 1, .max = CONF_COURIER_COUNT_MAX, .fallback = 50,
	  HELP("highest {n} while that record does not say") },
	{ "pre_resolve", OPTION_WORD, CONF_OPTION_FIELD(conf_courier, pre_resolve),
	  .words = warmths, .fallback = WARMTH_DEMAND,
	  HELP("keep all variants in the cache: off, demand (while clients use them), always") },
	{ "types", OPTION_OTHER, .read = read_types, .print = print_types,
	  HELP("types of the variants that are kept so") },
	{ "repair", OPTION_WORD, CONF_OPTION_FIELD(conf_courier, repair), .words = repairs,
	  .fallback = REPAIR_REASK,
	  HELP("a spoiled answer for the alias: off (count it), reask (others), synthesize too") },
	{ "repair_upstream", OPTION_OTHER, .read = read_upstream, .print = print_upstream,
	  HELP("group to ask, too, when the alias's own one spoils the answer") },
};
static const struct conf_section section = {
	"couriers", options, sizeof(options) / sizeof(options[0])
};
/* clang-format on */

const struct conf_section *conf_courier_option_section(void)
{
	return &section;
}

/* --- names --------------------------------------------------------------------------------- */

#define NAME_LEN_MAX 32u

static void read_name(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	struct conf_courier *courier = base;

	const size_t len = node->kind == NODE_TEXT ? strnlen(node->text, NAME_LEN_MAX + 1) : 0;
	if (len == 0 || len > NAME_LEN_MAX || strspn(node->text, letters) != len) {
		conf_option_refuse(
			reader, node,
			"a word of 1 to 32 letters, digits, \"-\", \"_\" and \".\", such "
			"as \"apple\"");
		return;
	}
	mem_free(courier->name);
	courier->name = mem_strdup(node->text);
	if (courier->name == NULL)
		reader->err = -ENOMEM;
}

static void print_name(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;

	conf_print_begin(printer, "name");
	conf_print_text(printer, courier->name);
	conf_print_end(printer);
}

/* A name that is one, in place of what was there. */
static void read_plain(struct conf_reader *reader, const struct conf_node *node,
		       struct conf_name *name)
{
	struct conf_name read;

	if (!conf_value_name(reader, node, &read))
		return;
	if (read.is_template || read.len == 1) {
		conf_option_refuse(reader, node, "a domain name below the root, without {n}");
		mem_free(read.wire);
		return;
	}
	mem_free(name->wire);
	*name = read;
}

static void print_plain(struct conf_printer *printer, const char *name,
			const struct conf_name *value)
{
	struct name_text text;

	conf_print_begin(printer, name);
	conf_print_text(printer, value->wire != NULL ? name_to_text(value->wire, &text) : "");
	conf_print_end(printer);
}

static void read_alias(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_courier *courier = base;
	read_plain(reader, node, &courier->alias);
}

static void print_alias(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;
	print_plain(printer, "alias", &courier->alias);
}

static void read_target(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_courier *courier = base;
	read_plain(reader, node, &courier->target);
}

static void print_target(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;
	print_plain(printer, "target", &courier->target);
}

static void read_count_txt(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_courier *courier = base;

	if (node->kind != NODE_TEXT || node->text[0] != '\0') {
		read_plain(reader, node, &courier->count_txt);
		return;
	}
	mem_free(courier->count_txt.wire);
	courier->count_txt = (struct conf_name){ .wire = NULL };
}

static void print_count_txt(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;
	print_plain(printer, "count_txt", &courier->count_txt);
}

/* --- variants ------------------------------------------------------------------------------ */

static void free_variants(struct conf_courier *courier)
{
	for (size_t i = 0; i < courier->variant_count; i++)
		mem_free(courier->variants[i].wire);
	mem_free(courier->variants);
	courier->variants = NULL;
	courier->variant_count = 0;
}

static void read_variant(struct conf_reader *reader, const struct conf_node *node,
			 struct conf_courier *courier)
{
	struct conf_name name;

	if (!conf_value_name(reader, node, &name))
		return;
	if (name.is_template && conf_value_has_room(&name, CONF_COURIER_N_MAX)) {
		courier->variants[courier->variant_count++] = name;
		return;
	}
	conf_option_refuse(
		reader, node,
		name.is_template ? "labels up to 63 bytes, 253 in all, with four digits for {n}"
				 : "a name with {n} in it, such as \"{n}-courier.push.apple.com\"");
	mem_free(name.wire);
}

static void read_variants(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_courier *courier = base;

	if (!conf_option_check_list(reader, node,
				    "a list such as [ \"{n}-courier.push.apple.com\" ]"))
		return;
	if (node->count > CONF_COURIER_VARIANTS_MAX) {
		conf_option_complain(reader, node, "has %u names; expected at most %u", node->count,
				     CONF_COURIER_VARIANTS_MAX);
		return;
	}
	free_variants(courier);
	courier->variants = conf_option_alloc(reader, node->count, sizeof(*courier->variants));
	for (uint32_t i = 0; i < node->count && reader->err == 0; i++)
		read_variant(reader, &node->children[i], courier);
}

static void print_variants(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;
	conf_print_names(printer, "variants", courier->variants, courier->variant_count);
}

/* --- what is done -------------------------------------------------------------------------- */

/* Of data; not one that only a question has, or the protocol itself (RFC 6895 section 3.1). */
static bool is_data(uint16_t type)
{
	return type != 0 && type != TYPE_OPT && (type < 128 || type > 255);
}

static void read_types(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_courier *courier = base;
	uint16_t *types = NULL;
	size_t count = 0;

	conf_value_types(reader, node, &types, &count);
	if (types == NULL)
		return;
	mem_free(courier->types);
	courier->types = types;
	courier->type_count = count;
	for (size_t i = 0; i < count; i++) {
		struct type_text text;
		if (!is_data(types[i]))
			conf_option_complain(reader, node,
					     "has %s; expected types that records have",
					     type_to_text(types[i], &text));
	}
	if (count > CONF_COURIER_TYPES_MAX)
		conf_option_complain(reader, node, "has %zu types; expected at most %u", count,
				     CONF_COURIER_TYPES_MAX);
}

static void print_types(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;
	conf_print_types(printer, "types", courier->types, courier->type_count);
}

static void read_upstream(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_courier *courier = base;
	courier->repair_group = conf_group_find(reader, node, false);
}

static void print_upstream(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;

	if (courier->repair_group == CONF_GROUP_NONE)
		return;
	conf_print_begin(printer, "repair_upstream");
	conf_print_text(printer, printer->conf->groups[courier->repair_group].name);
	conf_print_end(printer);
}
