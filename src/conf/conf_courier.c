#include "conf/conf_courier.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_courier_check.h"
#include "conf/conf_courier_option.h"
#include "conf/conf_print.h"
#include "wire/type.h"

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
	conf_option_defaults(conf_courier_option_section(), courier);
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
	conf_option_read(reader, node, conf_courier_option_section(), courier);
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
		conf_print_section(printer, conf_courier_option_section(), &conf->couriers[i]);
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
