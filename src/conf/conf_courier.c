#include "conf/conf_courier.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_courier_check.h"
#include "conf/conf_courier_option.h"
#include "conf/conf_print.h"
#include "conf/conf_read.h"
#include "wire/type.h"

#define BUILTIN_NAME "apple"

static const uint16_t default_types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS };
#define TYPE_COUNT (sizeof(default_types) / sizeof(default_types[0]))

/* --- a family as it is before it is read --------------------------------------------------- */

static bool set_name(struct conf_name *name, const char *text)
{
	uint8_t wire[NAME_MAX_LEN];
	size_t len;

	if (name_from_text(text, wire, &len) != 0)
		UNREACHABLE();
	name->wire = mem_dup(wire, len);
	name->len = (uint8_t)len;
	name->is_template = strchr(text, '{') != NULL;
	return name->wire != NULL;
}

/* What Apple's devices ask for: see README.md. */
static int set_builtin(struct conf_courier *courier)
{
	courier->name = mem_strdup(BUILTIN_NAME);
	courier->variants = mem_zalloc(2 * sizeof(*courier->variants));
	if (courier->name == NULL || courier->variants == NULL)
		return -ENOMEM;
	courier->variant_count = 2;
	return set_name(&courier->alias, "courier.push.apple.com") &&
			       set_name(&courier->target, "courier-push-apple.com.akadns.net") &&
			       set_name(&courier->count_txt, "push.apple.com") &&
			       set_name(&courier->variants[0], "{n}-courier.push.apple.com") &&
			       set_name(&courier->variants[1],
					"{n}.courier-push-apple.com.akadns.net")
		       ? 0
		       : -ENOMEM;
}

static int init_family(struct conf_courier *courier, bool is_builtin)
{
	conf_read_defaults(conf_courier_option_section(), courier);
	courier->repair_group = CONF_GROUP_NONE;
	courier->types = mem_dup(default_types, sizeof(default_types));
	if (courier->types == NULL)
		return -ENOMEM;
	courier->type_count = TYPE_COUNT;
	return is_builtin ? set_builtin(courier) : 0;
}

/* A family that is written is the built-in one. */
static bool is_builtin(const struct conf_node *node)
{
	const struct conf_node *name =
		node->kind == NODE_GROUP ? conf_node_find(node, "name") : NULL;

	return name != NULL && name->kind == NODE_TEXT && strcmp(name->text, BUILTIN_NAME) == 0;
}

/* --- families ------------------------------------------------------------------------------ */

void conf_courier_note(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	(void)base;
	if (conf_option_check_list(reader, node,
				   "( { name = \"apple\"; pre_resolve = \"always\"; "
				   "} )"))
		reader->couriers = node;
}

/* Who writes one or two settings of a built-in family and misses its name is not told of all that
 * a new one lacks. */
static bool is_misspelt(struct conf_reader *reader, const struct conf_node *node,
			const struct conf_courier *courier)
{
	static const char *const known[] = { BUILTIN_NAME, NULL };

	if (courier->name == NULL || conf_node_find(node, "alias") != NULL ||
	    conf_node_find(node, "target") != NULL || conf_node_find(node, "variants") != NULL)
		return false;
	if (complaint_nearest(courier->name, known) == NULL)
		return false;
	conf_option_complain(reader, conf_node_find(node, "name"),
			     "is \"%s\", no built-in family; expected one, or an alias, a target "
			     "and variants; did you mean \"" BUILTIN_NAME "\"?",
			     courier->name);
	return true;
}

/* What is not written of a family that is not built in. */
static void check_missing(struct conf_reader *reader, const struct conf_node *node)
{
	conf_option_require(reader, node, "name", "\"" BUILTIN_NAME "\"");
	conf_option_require(reader, node, "alias", "\"courier.push.apple.com\"");
	conf_option_require(reader, node, "target", "\"courier-push-apple.com.akadns.net\"");
	conf_option_require(reader, node, "variants", "[ \"{n}-courier.push.apple.com\" ]");
}

/* Of data; not one that only a question has, or the protocol itself (RFC 6895 section 3.1). */
static bool is_data(uint16_t type)
{
	return type != 0 && type != TYPE_OPT && (type < 128 || type > 255);
}

static void check_types(struct conf_reader *reader, const struct conf_node *node,
			const struct conf_courier *courier)
{
	struct type_text text;

	for (size_t i = 0; i < courier->type_count; i++)
		if (!is_data(courier->types[i]))
			conf_option_complain(reader, conf_node_find(node, "types"),
					     "has %s; expected types that records have",
					     type_to_text(courier->types[i], &text));
}

static void read_family(struct conf_reader *reader, const struct conf_node *node,
			struct conf_courier *courier)
{
	conf_option_place(reader, node, &courier->place);
	if (init_family(courier, is_builtin(node)) != 0) {
		reader->err = -ENOMEM;
		return;
	}
	conf_read_section(reader, node, conf_courier_option_section(), courier);
	if (reader->err != 0 || node->kind != NODE_GROUP || node->count == 0)
		return;
	if (!is_builtin(node) && !is_misspelt(reader, node, courier))
		check_missing(reader, node);
	check_types(reader, node, courier);
	if (courier->repair == REPAIR_OFF && conf_node_find(node, "repair_upstream") != NULL)
		conf_option_complain(reader, conf_node_find(node, "repair_upstream"),
				     "has no effect with repair = \"off\"; expected one of them");
}

static bool is_written(const struct conf_node *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (is_builtin(&list->children[i]))
			return true;
	return false;
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
	conf->couriers = mem_zalloc(sizeof(*conf->couriers));
	if (conf->couriers == NULL)
		return -ENOMEM;
	conf->courier_count = 1;
	return init_family(&conf->couriers[0], true);
}

void conf_courier_read(struct conf_reader *reader)
{
	const struct conf_node *node = reader->couriers;
	struct conf *conf = reader->conf;

	if (node != NULL && conf_option_is_over(reader, node, CONF_COURIERS_MAX - 1, "families"))
		node = NULL;
	const uint32_t written = node != NULL ? node->count : 0;
	conf->couriers = conf_option_alloc(reader, 1 + written, sizeof(*conf->couriers));
	if (conf->couriers == NULL)
		return;
	if (node == NULL || !is_written(node)) {
		conf->courier_count = 1;
		if (init_family(&conf->couriers[0], true) != 0)
			reader->err = -ENOMEM;
	}
	const size_t unwritten = conf->courier_count;
	for (uint32_t i = 0; i < written && reader->err == 0; i++)
		read_family(reader, &node->children[i], &conf->couriers[conf->courier_count++]);
	if (reader->err == 0)
		conf_courier_check_all(reader, unwritten);
	drop_disabled(conf);
}

/* --- printing ------------------------------------------------------------------------------ */

void conf_courier_print(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;
	const char *before = "(\n\t";
	bool is_on = false;

	conf_print_begin(printer, "couriers");
	printer->indent = 1;
	for (size_t i = 0; i < conf->courier_count; i++) {
		fputs(before, printer->out);
		conf_print_group(printer, conf_courier_option_section(), &conf->couriers[i]);
		is_on |= strcmp(conf->couriers[i].name, BUILTIN_NAME) == 0;
		before = ",\n\t";
	}
	printer->indent = 0;
	/* of the built-in one silence would mean that it is on */
	if (!is_on)
		fprintf(printer->out,
			"%s{\n\t\tname = \"" BUILTIN_NAME "\";\n\t\tenabled = false;\n\t}", before);
	conf_print_end(printer, "\n)");
}
