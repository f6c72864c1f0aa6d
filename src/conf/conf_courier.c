#include "conf/conf_courier.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_courier_check.h"
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
	  .help = "what the family is called here; that of a built-in one changes that one" },
	{ "enabled", OPTION_BOOL, CONF_OPTION_FIELD(conf_courier, enabled), .fallback = true,
	  .help = "false: as if the family, built in or not, were not there" },
	{ "alias", OPTION_OTHER, .read = read_alias, .print = print_alias,
	  .help = "name that is an alias of the target and leads to no address" },
	{ "target", OPTION_OTHER, .read = read_target, .print = print_target,
	  .help = "name that the alias leads to" },
	{ "variants", OPTION_OTHER, .read = read_variants, .print = print_variants,
	  .help = "names that devices ask for in its place; {n} is the number that they draw" },
	{ "count_txt", OPTION_OTHER, .read = read_count_txt, .print = print_count_txt,
	  .help = "name whose TXT record count=N says how many variants there are; \"\": none" },
	{ "count", OPTION_INTEGER, CONF_OPTION_FIELD(conf_courier, count),
	  .min = 1, .max = CONF_COURIER_COUNT_MAX, .fallback = 50,
	  .help = "highest {n} while that record does not say" },
	{ "pre_resolve", OPTION_WORD, CONF_OPTION_FIELD(conf_courier, pre_resolve),
	  .words = warmths, .fallback = WARMTH_DEMAND,
	  .help = "keep all variants in the cache: off, demand (while clients use them), always" },
	{ "types", OPTION_OTHER, .read = read_types, .print = print_types,
	  .help = "types of the variants that are kept so" },
	{ "repair", OPTION_WORD, CONF_OPTION_FIELD(conf_courier, repair), .words = repairs,
	  .fallback = REPAIR_REASK,
	  .help = "a spoiled answer for the alias: off (count it), reask (others), or synthesize too" },
	{ "repair_upstream", OPTION_OTHER, .read = read_upstream, .print = print_upstream,
	  .help = "group to ask, too, when the alias's own one spoils the answer" },
};
static const struct conf_section section = {
	"couriers", options, sizeof(options) / sizeof(options[0])
};
/* clang-format on */

/* What Apple's devices ask for: see README.md. */
struct builtin {
	const char *name, *alias, *target, *count_txt;
	const char *variants[CONF_COURIER_VARIANTS_MAX + 1];
};
static const struct builtin builtins[] = {
	{
		.name = "apple",
		.alias = "courier.push.apple.com",
		.target = "courier-push-apple.com.akadns.net",
		.count_txt = "push.apple.com",
		.variants = { "{n}-courier.push.apple.com",
			      "{n}.courier-push-apple.com.akadns.net" },
	},
};
#define BUILTIN_COUNT (sizeof(builtins) / sizeof(builtins[0]))
static const uint16_t default_types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS };
#define TYPE_COUNT (sizeof(default_types) / sizeof(default_types[0]))

const struct conf_section *conf_courier_section(void)
{
	return &section;
}

/* --- a family as it is before it is read --------------------------------------------------- */

static int set_name(struct conf_name *name, const char *text)
{
	uint8_t wire[NAME_MAX_LEN];
	size_t len;

	if (name_from_text(text, wire, &len) != 0)
		UNREACHABLE();
	name->wire = mem_dup(wire, len);
	name->len = (uint8_t)len;
	name->is_template = strchr(text, '{') != NULL;
	return name->wire != NULL ? 0 : -ENOMEM;
}

static int set_builtin(struct conf_courier *courier, const struct builtin *builtin)
{
	courier->name = mem_strdup(builtin->name);
	courier->variants = mem_zalloc(CONF_COURIER_VARIANTS_MAX * sizeof(*courier->variants));
	if (courier->name == NULL || courier->variants == NULL ||
	    set_name(&courier->alias, builtin->alias) != 0 ||
	    set_name(&courier->target, builtin->target) != 0 ||
	    set_name(&courier->count_txt, builtin->count_txt) != 0)
		return -ENOMEM;
	for (size_t i = 0; builtin->variants[i] != NULL; i++) {
		if (set_name(&courier->variants[i], builtin->variants[i]) != 0)
			return -ENOMEM;
		courier->variant_count++;
	}
	return 0;
}

/* `builtin` is NULL for a family that is none of them. */
static int init_family(struct conf_courier *courier, const struct builtin *builtin)
{
	conf_option_defaults(&section, courier);
	courier->repair_group = CONF_GROUP_NONE;
	courier->types = mem_dup(default_types, sizeof(default_types));
	if (courier->types == NULL)
		return -ENOMEM;
	courier->type_count = TYPE_COUNT;
	return builtin != NULL ? set_builtin(courier, builtin) : 0;
}

/* The built-in family that a written one is about, or NULL. */
static const struct builtin *builtin_of(const struct conf_node *node)
{
	const struct conf_node *name =
		node->kind == NODE_GROUP ? conf_node_find(node, "name") : NULL;

	for (size_t i = 0; name != NULL && name->kind == NODE_TEXT && i < BUILTIN_COUNT; i++)
		if (strcmp(name->text, builtins[i].name) == 0)
			return &builtins[i];
	return NULL;
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

/* --- families ------------------------------------------------------------------------------ */

void conf_courier_note(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	(void)base;
	if (conf_option_check_list(reader, node,
				   "a list such as ( { name = \"apple\"; pre_resolve = \"always\"; "
				   "} )"))
		reader->couriers = node;
}

/* Who writes one or two settings of a built-in family and misses its name is not told of all that
 * a new one lacks. */
static bool is_misspelt(struct conf_reader *reader, const struct conf_node *node,
			const struct conf_courier *courier)
{
	const char *known[BUILTIN_COUNT + 1] = { NULL };

	if (courier->name == NULL || conf_node_find(node, "alias") != NULL ||
	    conf_node_find(node, "target") != NULL || conf_node_find(node, "variants") != NULL)
		return false;
	for (size_t i = 0; i < BUILTIN_COUNT; i++)
		known[i] = builtins[i].name;
	const char *nearest = complaint_nearest(courier->name, known);
	if (nearest == NULL)
		return false;
	conf_option_complain(reader, conf_node_find(node, "name"),
			     "is \"%s\", no built-in family; expected one, or an alias, a target "
			     "and variants; did you mean \"%s\"?",
			     courier->name, nearest);
	return true;
}

/* What is not written of a family that is not built in. */
static void check_missing(struct conf_reader *reader, const struct conf_node *node)
{
	static const struct {
		const char *name, *example;
	} wanted[] = {
		{ "name", "one, such as name = \"apple\"" },
		{ "alias", "one, such as alias = \"courier.push.apple.com\"" },
		{ "target", "one, such as target = \"courier-push-apple.com.akadns.net\"" },
		{ "variants", "some, such as variants = [ \"{n}-courier.push.apple.com\" ]" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (conf_node_find(node, wanted[i].name) == NULL)
			conf_option_complain(reader, node, "has no %s; expected %s", wanted[i].name,
					     wanted[i].example);
	}
}

static void read_family(struct conf_reader *reader, const struct conf_node *node,
			struct conf_courier *courier)
{
	const struct builtin *builtin = builtin_of(node);

	courier->place = conf_option_place(reader, node);
	if (init_family(courier, builtin) != 0) {
		reader->err = -ENOMEM;
		return;
	}
	conf_option_read(reader, node, &section, courier);
	if (reader->err != 0 || node->kind != NODE_GROUP || node->count == 0)
		return;
	if (builtin == NULL && !is_misspelt(reader, node, courier))
		check_missing(reader, node);
	if (courier->repair == REPAIR_OFF && conf_node_find(node, "repair_upstream") != NULL)
		conf_option_complain(reader, conf_node_find(node, "repair_upstream"),
				     "has no effect with repair = \"off\"; expected one of them");
}

static bool is_written(const struct conf_node *node, const struct builtin *builtin)
{
	for (uint32_t i = 0; node != NULL && i < node->count; i++)
		if (builtin_of(&node->children[i]) == builtin)
			return true;
	return false;
}

/* Those that `node`, which may be NULL, does not name. */
static int add_builtins(struct conf *conf, const struct conf_node *node)
{
	for (size_t i = 0; i < BUILTIN_COUNT; i++) {
		if (is_written(node, &builtins[i]))
			continue;
		if (init_family(&conf->couriers[conf->courier_count++], &builtins[i]) != 0)
			return -ENOMEM;
	}
	return 0;
}

static void drop_disabled(struct conf *conf)
{
	size_t kept = 0;

	for (size_t i = 0; i < conf->courier_count; i++) {
		if (conf->couriers[i].enabled)
			conf->couriers[kept++] = conf->couriers[i];
		else
			conf_clear_courier(&conf->couriers[i]);
	}
	conf->courier_count = kept;
}

int conf_courier_defaults(struct conf *conf)
{
	conf->couriers = mem_zalloc(BUILTIN_COUNT * sizeof(*conf->couriers));
	return conf->couriers != NULL ? add_builtins(conf, NULL) : -ENOMEM;
}

void conf_courier_read(struct conf_reader *reader)
{
	const struct conf_node *node = reader->couriers;
	const uint32_t max = CONF_COURIERS_MAX - BUILTIN_COUNT;
	struct conf *conf = reader->conf;

	if (node != NULL && node->count > max) {
		conf_option_complain(reader, node, "has %u families; expected at most %u",
				     node->count, max);
		node = NULL;
	}
	const uint32_t written = node != NULL ? node->count : 0;
	conf->couriers =
		conf_option_alloc(reader, BUILTIN_COUNT + written, sizeof(*conf->couriers));
	if (conf->couriers == NULL)
		return;
	if (add_builtins(conf, node) != 0)
		reader->err = -ENOMEM;
	const size_t unwritten = conf->courier_count;
	for (uint32_t i = 0; i < written && reader->err == 0; i++)
		read_family(reader, &node->children[i], &conf->couriers[conf->courier_count++]);
	if (reader->err == 0)
		conf_courier_check_all(reader, unwritten);
	drop_disabled(conf);
}

/* --- printing ------------------------------------------------------------------------------ */

static bool is_on(const struct conf *conf, const struct builtin *builtin)
{
	for (size_t i = 0; i < conf->courier_count; i++)
		if (strcmp(conf->couriers[i].name, builtin->name) == 0)
			return true;
	return false;
}

static void begin_family(struct conf_printer *printer, bool is_first)
{
	fputs(is_first ? "\t{\n" : ",\n\t{\n", printer->out);
	printer->indent = 2;
}

static void end_family(struct conf_printer *printer)
{
	printer->indent = 0;
	fputs("\t}", printer->out);
}

void conf_courier_print(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;
	size_t printed = 0;

	conf_print_begin(printer, "couriers");
	fputs("(\n", printer->out);
	for (size_t i = 0; i < conf->courier_count; i++) {
		begin_family(printer, printed++ == 0);
		conf_print_section(printer, &section, &conf->couriers[i]);
		end_family(printer);
	}
	/* of a built-in one silence would mean that it is on */
	for (size_t i = 0; i < BUILTIN_COUNT; i++) {
		if (is_on(conf, &builtins[i]))
			continue;
		begin_family(printer, printed++ == 0);
		fprintf(printer->out, "\t\tname = \"%s\";\n\t\tenabled = false;\n",
			builtins[i].name);
		end_family(printer);
	}
	fputs("\n)", printer->out);
	conf_print_end(printer);
}
