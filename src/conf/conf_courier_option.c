#include "conf/conf_courier_option.h"

#include <string.h>

#include "conf/conf_group.h"
#include "conf/conf_print.h"

static bool is_name(const char *text);
static void read_upstream(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_upstream(struct conf_printer *printer, const void *base);

const char *const conf_courier_option_warmths[] = { "off", "demand", "always", NULL };
const char *const conf_courier_option_repairs[] = { "off", "reask", "synthesize", NULL };

/* clang-format off */
static const struct conf_option options[] = {
	{ "name", OPTION_TEXT, CONF_OPTION_FIELD(conf_courier, name), .is_good = is_name,
	  .expected = "a word of 1 to 32 letters, digits, \"-\", \"_\" and \".\", such as \"apple\"",
	  HELP("what the family is called here; that of a built-in one changes that one") },
	{ "enabled", OPTION_BOOL, CONF_OPTION_FIELD(conf_courier, enabled), .fallback = true,
	  HELP("false: as if the family, built in or not, were not there") },
	{ "alias", OPTION_NAME, CONF_OPTION_FIELD(conf_courier, alias),
	  HELP("name that is an alias of the target and leads to no address") },
	{ "target", OPTION_NAME, CONF_OPTION_FIELD(conf_courier, target),
	  HELP("name that the alias leads to") },
	{ "variants", OPTION_VARIANTS, CONF_OPTION_LIST(conf_courier, variants, variant_count),
	  .count_max = CONF_COURIER_VARIANTS_MAX,
	  .expected = "[ \"{n}-courier.push.apple.com\" ]",
	  HELP("names that devices ask for in its place; {n} is the number that they draw") },
	{ "count_txt", OPTION_NAME, CONF_OPTION_FIELD(conf_courier, count_txt), .may_be_empty = true,
	  HELP("name whose TXT record count=N says how many variants there are; \"\": none") },
	{ "count", OPTION_INTEGER, CONF_OPTION_FIELD(conf_courier, count),
	  .min = 1, .max = CONF_COURIER_COUNT_MAX, .fallback = 50,
	  HELP("highest {n} while that record does not say") },
	{ "pre_resolve", OPTION_WORD, CONF_OPTION_FIELD(conf_courier, pre_resolve),
	  .words = conf_courier_option_warmths, .fallback = WARMTH_DEMAND,
	  HELP("keep all variants in the cache: off, demand (while clients use them), always") },
	{ "types", OPTION_TYPES, CONF_OPTION_LIST(conf_courier, types, type_count),
	  .count_max = CONF_COURIER_TYPES_MAX, .expected = "[ \"A\", \"AAAA\" ]",
	  HELP("types of the variants that are kept so") },
	{ "repair", OPTION_WORD, CONF_OPTION_FIELD(conf_courier, repair), .words = conf_courier_option_repairs,
	  .fallback = REPAIR_REASK,
	  HELP("a spoiled answer for the alias: off (count it), reask (others), synthesize too") },
	{ "repair_upstream", OPTION_OTHER, .read = read_upstream, .print = print_upstream,
	  HELP("group to ask, too, when the alias's own one spoils the answer") },
};
static const struct conf_section section = {
	"couriers", options, CONF_OPTION_COUNT(options), false
};
/* clang-format on */

const struct conf_section *conf_courier_option_section(void)
{
	return &section;
}

#define NAME_LEN_MAX 32u

static bool is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	const size_t len = strspn(text, letters);

	return len > 0 && len <= NAME_LEN_MAX && text[len] == '\0';
}

static void read_upstream(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_courier *courier = base;
	courier->repair_group = conf_group_find(reader, node, false);
}

static void print_upstream(struct conf_printer *printer, const void *base)
{
	const struct conf_courier *courier = base;

	if (courier->repair_group != CONF_GROUP_NONE)
		conf_print_setting(printer, "repair_upstream",
				   printer->conf->groups[courier->repair_group].name);
}
