#include "conf/conf_nftset.h"

#include <ctype.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

#include "conf/conf_print.h"

#define NAME_LEN_MAX 255u /* the kernel's, NUL not counted */
#define SETS_MAX 16u

static const struct {
	const char *name;
	uint8_t number;
} families[] = {
	{ "inet", NFPROTO_INET },     { "ip", NFPROTO_IPV4 },	    { "ip6", NFPROTO_IPV6 },
	{ "bridge", NFPROTO_BRIDGE }, { "netdev", NFPROTO_NETDEV },
};

/* --- what is written ----------------------------------------------------------------------- */

static bool find_family(const char *name, size_t len, uint8_t *ret_number)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (strlen(families[i].name) == len && memcmp(families[i].name, name, len) == 0) {
			*ret_number = families[i].number;
			return true;
		}
	}
	return false;
}

/* As nft takes names: another could not be made with it. */
static bool is_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)name[i];

		if (!isalpha(c) && c != '_' && c != '.' &&
		    (i == 0 || (!isdigit(c) && c != '/' && c != '-')))
			return false;
	}
	return len > 0 && len <= NAME_LEN_MAX;
}

bool conf_nftset_split(const char *name, struct conf_nftset_parts *ret_parts)
{
	const size_t family_len = strcspn(name, "#");

	if (name[family_len] == '\0')
		return false;
	ret_parts->table = name + family_len + 1;
	ret_parts->table_len = strcspn(ret_parts->table, "#");
	if (ret_parts->table[ret_parts->table_len] == '\0')
		return false;
	ret_parts->set = ret_parts->table + ret_parts->table_len + 1;
	ret_parts->set_len = strlen(ret_parts->set);
	return find_family(name, family_len, &ret_parts->family) &&
	       is_name(ret_parts->table, ret_parts->table_len) &&
	       is_name(ret_parts->set, ret_parts->set_len);
}

/* --- reading and printing ------------------------------------------------------------------ */

static bool is_there_already(const struct conf_zone *zone, const char *text)
{
	for (size_t i = 0; i < zone->nftset_count; i++) {
		if (strcmp(zone->nftsets[i].text, text) == 0)
			return true;
	}
	return false;
}

static void read_set(struct conf_reader *reader, const struct conf_node *node,
		     struct conf_zone *zone)
{
	static const char expected[] =
		"FAMILY#TABLE#SET such as \"inet#fw4#apple\", with 4# or 6# before it for addresses "
		"of that kind alone; FAMILY is inet, ip, ip6, bridge or netdev";
	const char *text = conf_option_text(reader, node, expected);
	struct conf_nftset *set = &zone->nftsets[zone->nftset_count];
	struct conf_nftset_parts parts;

	if (text == NULL)
		return;
	const bool is_narrow = (text[0] == '4' || text[0] == '6') && text[1] == '#';
	if (!conf_nftset_split(text + (is_narrow ? 2 : 0), &parts)) {
		conf_option_refuse(reader, node, expected);
		return;
	}
	if (is_there_already(zone, text)) {
		conf_option_complain(reader, node,
				     "is \"%s\", which is there already; expected it once", text);
		return;
	}
	set->text = mem_strdup(text);
	if (set->text == NULL) {
		reader->err = -ENOMEM;
		return;
	}
	set->name = set->text + (is_narrow ? 2 : 0);
	if (is_narrow)
		set->only = text[0] == '4' ? ADDR_IPV4 : ADDR_IPV6;
	zone->nftset_count++;
}

void conf_nftset_read(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf_zone *zone = base;
	const bool is_one = node->kind == NODE_TEXT;

	if (!COURIERDNS_NFTSET) {
		conf_option_complain(reader, node,
				     "has no effect: this courierdns was built without nft sets; "
				     "expected none, or a build with them (make NFTSET=yes)");
		return;
	}
	if (!is_one && (!conf_node_is_list(node) || node->count == 0)) {
		conf_option_refuse(reader, node,
				   "text such as \"inet#fw4#apple\", or a list of such");
		return;
	}
	if (!is_one && node->count > SETS_MAX) {
		conf_option_complain(reader, node, "has %u sets; expected 16 at most", node->count);
		return;
	}
	zone->nftsets = conf_option_alloc(reader, is_one ? 1 : node->count, sizeof(*zone->nftsets));
	if (is_one && zone->nftsets != NULL)
		read_set(reader, node, zone);
	for (uint32_t i = 0; !is_one && i < node->count && reader->err == 0; i++)
		read_set(reader, &node->children[i], zone);
}

void conf_nftset_print(struct conf_printer *printer, const void *base)
{
	const struct conf_zone *zone = base;

	if (!COURIERDNS_NFTSET || zone->nftset_count == 0)
		return;
	conf_print_begin(printer, "nftset");
	for (size_t i = 0; i < zone->nftset_count; i++) {
		if (zone->nftset_count > 1)
			fputs(i == 0 ? "[ " : ", ", printer->out);
		conf_print_text(printer, zone->nftsets[i].text);
	}
	conf_print_end(printer, zone->nftset_count > 1 ? " ]" : "");
}
