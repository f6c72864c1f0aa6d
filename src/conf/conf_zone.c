#include "conf/conf_zone.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_group.h"
#include "conf/conf_nftset.h"
#include "conf/conf_print.h"
#include "conf/conf_read.h"
#include "conf/conf_value.h"
#include "conf/conf_zone_check.h"

#define N_MAX 999999999

static void read_names(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_name(struct conf_printer *printer, const void *base);
static void print_names(struct conf_printer *printer, const void *base);
static void read_range(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_range(struct conf_printer *printer, const void *base);
static void read_records(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_records(struct conf_printer *printer, const void *base);
static void read_upstream(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_upstream(struct conf_printer *printer, const void *base);
static void read_on_failure(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_on_failure(struct conf_printer *printer, const void *base);
static void read_cache(struct conf_reader *reader, const struct conf_node *node, void *base);
static void print_cache(struct conf_printer *printer, const void *base);

static const char *const matches[] = { "suffix", "exact", NULL };
const char *const conf_zone_actions[] = { "forward", "answer", "nxdomain", "nodata",
					  "refuse",  "drop",   NULL };
static const char servfail[] = "servfail";

/* clang-format off */
static const struct conf_option options[] = {
	{ "name", OPTION_OTHER, .read = read_names, .print = print_name,
	  HELP("name that the zone covers, with everything below it; {n} is a number") },
	{ "names", OPTION_OTHER, .read = read_names, .print = print_names,
	  HELP("several of them") },
	{ "except", OPTION_TEMPLATES, CONF_OPTION_LIST(conf_zone, except, except_count),
	  .expected = "[ \"x.a.example\" ]",
	  HELP("names below them that are left out, with everything below") },
	{ "match", OPTION_WORD, CONF_OPTION_FIELD(conf_zone, is_exact), .words = matches,
	  HELP("suffix, or exact: the name alone") },
	{ "n", OPTION_OTHER, .read = read_range, .print = print_range,
	  HELP("lowest and highest {n}") },
	{ "types", OPTION_TYPES, CONF_OPTION_LIST(conf_zone, types, type_count),
	  .expected = "[ \"A\", \"AAAA\" ]",
	  HELP("query types that the zone is for; all where not written") },
	{ "clients", OPTION_NETS, CONF_OPTION_LIST(conf_zone, clients, client_count),
	  .expected = "[ \"10.9.0.0/16\" ]",
	  HELP("networks of clients that the zone is for; all where not written") },
	{ "action", OPTION_WORD, CONF_OPTION_FIELD(conf_zone, action), .words = conf_zone_actions,
	  HELP("forward, answer, nxdomain, nodata, refuse or drop") },
	{ "records", OPTION_OTHER, .read = read_records, .print = print_records,
	  HELP("what is answered, in presentation format; @ is the asked name") },
	{ "upstream", OPTION_OTHER, .read = read_upstream, .print = print_upstream,
	  HELP("group to ask") },
	{ "on_failure", OPTION_OTHER, .read = read_on_failure, .print = print_on_failure,
	  HELP("servfail, or a group to ask when that group fails") },
	{ "cache", OPTION_OTHER, .read = read_cache, .print = print_cache,
	  HELP("whether answers are kept") },
	{ "ttl_min", OPTION_SECONDS, CONF_OPTION_FIELD(conf_zone, ttl_min),
	  .min = 0, .max = 86400, .fallback = CONF_OPTION_UNSET,
	  HELP("as cache.ttl_min, for this zone") },
	{ "ttl_max", OPTION_SECONDS, CONF_OPTION_FIELD(conf_zone, ttl_max),
	  .min = 1, .max = 604800, .fallback = CONF_OPTION_UNSET,
	  HELP("as cache.ttl_max, for this zone") },
	{ "stale", OPTION_SECONDS, CONF_OPTION_FIELD(conf_zone, stale_s),
	  .min = 0, .max = 604800, .fallback = CONF_OPTION_UNSET,
	  HELP("as cache.stale, for this zone") },
	{ "nftset", OPTION_OTHER, .read = conf_nftset_read, .print = conf_nftset_print,
	  HELP("FAMILY#TABLE#SET: addresses of its answers are in that nft set before the client "
	       "has them, for as long as their TTL; or a list of such") },
};
static const struct conf_section section = {
	"zones", options, CONF_OPTION_COUNT(options), false
};
/* clang-format on */

const struct conf_section *conf_zone_section(void)
{
	return &section;
}

/* --- names --------------------------------------------------------------------------------- */

/* `name`, which is a text, and `names`, which is a list */
static void read_names(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_zone *zone = base;

	if (zone->names != NULL) {
		conf_option_complain(reader, node, "stands beside %s; expected one of them",
				     strcmp(node->name, "name") == 0 ? "names" : "name");
		return;
	}
	if (strcmp(node->name, "name") == 0)
		conf_value_list(reader, node, 1, OPTION_TEMPLATES, &zone->names, &zone->name_count);
	else if (conf_option_check_list(reader, node, "[ \"a.example\", \"b.example\" ]"))
		conf_value_list(reader, node->children, node->count, OPTION_TEMPLATES, &zone->names,
				&zone->name_count);
}

static void print_name(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;
	struct name_text text;

	if (zone->name_count == 1)
		conf_print_setting(printer, "name", name_to_text(zone->names[0].wire, &text));
}

static void print_names(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;

	if (zone->name_count > 1)
		conf_print_values(printer, "names", OPTION_TEMPLATES, zone->names,
				  zone->name_count);
}

/* --- conditions ---------------------------------------------------------------------------- */

static void read_range(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	static const char expected[] =
		"two integers from 0 to 999999999, the lower first, such as [ 0, 250 ]";
	struct conf_zone *zone = base;
	int64_t ends[2];

	if (!conf_node_is_list(node) || node->count != 2) {
		conf_option_refuse(reader, node, expected);
		return;
	}
	for (int i = 0; i < 2; i++) {
		const struct conf_node *end = &node->children[i];
		if (end->kind != NODE_INTEGER || end->integer < 0 || end->integer > N_MAX) {
			conf_option_refuse(reader, end, expected);
			return;
		}
		ends[i] = end->integer;
	}
	if (ends[0] > ends[1]) {
		conf_option_complain(reader, node, "is [ %d, %d ]; expected the lower number first",
				     (int)ends[0], (int)ends[1]);
		return;
	}
	zone->n_low = (uint32_t)ends[0];
	zone->n_high = (uint32_t)ends[1];
	zone->has_range = true;
}

static void print_range(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;

	if (!zone->has_range)
		return;
	conf_print_begin(printer, "n");
	fprintf(printer->out, "[ %u, %u", zone->n_low, zone->n_high);
	conf_print_end(printer, " ]");
}

/* --- what is done -------------------------------------------------------------------------- */

static void read_records(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_zone *zone = base;

	if (!conf_option_check_list(reader, node, "[ \"@ 300 IN A 10.1.2.3\" ]"))
		return;
	zone->records = conf_option_alloc(reader, node->count, sizeof(*zone->records));
	for (uint32_t i = 0; i < node->count && reader->err == 0; i++) {
		const char *text = conf_option_text(reader, &node->children[i],
						    "a record such as \"@ 300 IN A 10.1.2.3\"");
		if (text == NULL)
			continue;
		struct conf_record *record = &zone->records[zone->record_count];
		conf_option_place(reader, &node->children[i], &record->place);
		record->text = mem_strdup(text);
		if (record->text != NULL)
			zone->record_count++;
		else
			reader->err = -ENOMEM;
	}
}

static void print_records(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;

	if (zone->record_count == 0)
		return;
	conf_print_begin(printer, "records");
	fputs("[\n", printer->out);
	for (size_t i = 0; i < zone->record_count; i++) {
		conf_print_indent(printer);
		fputc('\t', printer->out);
		conf_print_text(printer, zone->records[i].text);
		fputs(i + 1 < zone->record_count ? ",\n" : "\n", printer->out);
	}
	conf_print_indent(printer);
	conf_print_end(printer, "]");
}

static void read_upstream(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_zone *zone = base;
	const int group = conf_group_find(reader, node, false);
	if (group != CONF_GROUP_NONE)
		zone->group = group;
}

static void print_group(struct conf_printer *printer, const struct conf_zone *zone,
			const char *name, int group)
{
	if (zone->action == ZONE_FORWARD)
		conf_print_setting(printer, name,
				   group == CONF_GROUP_NONE ? servfail
							    : printer->conf->groups[group].name);
}

static void print_upstream(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;
	print_group(printer, zone, "upstream", zone->group);
}

static void read_on_failure(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_zone *zone = base;

	if (node->kind == NODE_TEXT && strcmp(node->text, servfail) == 0)
		zone->on_failure = CONF_GROUP_NONE;
	else
		zone->on_failure = conf_group_find(reader, node, true);
}

static void print_on_failure(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;
	print_group(printer, zone, "on_failure", zone->on_failure);
}

static void read_cache(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_zone *zone = base;

	if (node->kind == NODE_BOOL)
		zone->no_cache = !node->flag;
	else
		conf_option_refuse(reader, node, "true or false (without quotes)");
}

static void print_cache(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;

	if (zone->action != ZONE_FORWARD)
		return;
	conf_print_begin(printer, "cache");
	conf_print_end(printer, zone->no_cache ? "false" : "true");
}

/* --- zones --------------------------------------------------------------------------------- */

void conf_zone_note(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	(void)base;
	if (conf_option_check_list(reader, node, "( { name = \"corp.example\"; } )"))
		reader->zones = node;
}

/* Where the name or the range is wrong, a record with {n} would be complained of for that alone. */
static void drop_templates(struct conf_zone *zone)
{
	size_t kept = 0;

	for (size_t i = 0; i < zone->record_count; i++) {
		char *text = zone->records[i].text;
		if (strstr(text, "{n}") != NULL || strstr(text, "{N}") != NULL)
			mem_free(text);
		else
			zone->records[kept++] = zone->records[i];
	}
	zone->record_count = kept;
}

static void read_zone(struct conf_reader *reader, const struct conf_node *node,
		      struct conf_zone *zone)
{
	const size_t before = complaint_count(reader->complaints);

	conf_read_defaults(&section, zone);
	zone->on_failure = CONF_GROUP_NONE;
	conf_option_place(reader, node, &zone->place);
	conf_read_section(reader, node, &section, zone);
	if (node->kind == NODE_GROUP && node->count > 0)
		conf_zone_check(reader, node, zone);
	if (complaint_count(reader->complaints) > before)
		drop_templates(zone);
}

void conf_zone_read(struct conf_reader *reader)
{
	const struct conf_node *node = reader->zones;
	struct conf *conf = reader->conf;

	if (node == NULL)
		return;
	conf->zones = conf_option_alloc(reader, node->count, sizeof(*conf->zones));
	for (uint32_t i = 0; i < node->count && reader->err == 0; i++) {
		conf->zone_count++;
		read_zone(reader, &node->children[i], &conf->zones[i]);
	}
	if (reader->err == 0)
		conf_zone_check_all(reader);
}
