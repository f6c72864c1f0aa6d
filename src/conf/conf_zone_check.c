#include "conf/conf_zone_check.h"

#include <string.h>

#include "conf/conf_value.h"

/* --- one zone ------------------------------------------------------------------------------ */

static void check_names(struct conf_reader *reader, const struct conf_node *node)
{
	if (conf_node_find(node, "names") == NULL)
		conf_option_require(reader, node, "name", "\"corp.example\"");
}

static void check_template(struct conf_reader *reader, const struct conf_node *node,
			   const struct conf_zone *zone)
{
	const struct conf_node *range = conf_node_find(node, "n");
	bool has_template = false;

	for (size_t i = 0; i < zone->name_count; i++) {
		struct name_text text;
		if (!zone->names[i].is_template)
			continue;
		has_template = true;
		if (zone->has_range && !conf_value_has_room(&zone->names[i], zone->n_high))
			conf_option_complain(reader, range,
					     "makes \"%s\" too long; expected labels up to 63 "
					     "bytes, 253 in all",
					     name_to_text(zone->names[i].wire, &text));
	}
	if (has_template && range == NULL)
		conf_option_complain(reader, node,
				     "has \"{n}\" in its name and no range; expected n = [ LOW, "
				     "HIGH ]");
	if (!has_template && range != NULL && zone->name_count > 0)
		conf_option_complain(reader, range,
				     "has no effect: no name has \"{n}\" in it; expected both or "
				     "neither");
}

static void refuse_useless(struct conf_reader *reader, const struct conf_node *group,
			   const char *name, const char *why)
{
	const struct conf_node *node = conf_node_find(group, name);

	if (node != NULL)
		conf_option_complain(reader, node, "has no effect %s", why);
}

static void check_action(struct conf_reader *reader, const struct conf_node *node,
			 const struct conf_zone *zone)
{
	static const char *const forward_only[] = { "upstream", "on_failure", "cache", "ttl_min",
						    "ttl_max",	"stale",      "nftset" };

	if (zone->action != ZONE_ANSWER)
		refuse_useless(reader, node, "records",
			       "here; expected it with action = \"answer\"");
	else if (conf_node_find(node, "records") == NULL)
		conf_option_complain(reader, node,
				     "has no records to answer; expected some, such as records = "
				     "[ \"@ 300 IN A 10.1.2.3\" ]");
	if (zone->action == ZONE_FORWARD)
		return;
	for (size_t i = 0; i < sizeof(forward_only) / sizeof(forward_only[0]); i++)
		refuse_useless(reader, node, forward_only[i],
			       "here; expected it with action = \"forward\"");
}

static void check_forward(struct conf_reader *reader, const struct conf_node *node,
			  const struct conf_zone *zone)
{
	const struct conf *conf = reader->conf;
	const int32_t ttl_min = zone->ttl_min >= 0 ? zone->ttl_min : (int32_t)conf->ttl_min;
	const int32_t ttl_max = zone->ttl_max >= 0 ? zone->ttl_max : (int32_t)conf->ttl_max;
	const struct conf_node *ttl = conf_node_find(node, "ttl_min");

	if (zone->on_failure == zone->group)
		refuse_useless(reader, node, "on_failure",
			       "when it is the group that failed; expected another one or "
			       "\"servfail\"");
	if (zone->no_cache)
		refuse_useless(reader, node, "stale", "with cache = false; expected one of them");
	if (ttl == NULL)
		ttl = conf_node_find(node, "ttl_max");
	/* what the cache section says wrongly is complained of there */
	if (ttl != NULL && ttl_min > ttl_max)
		conf_option_complain(reader, ttl,
				     "leaves no room: ttl_min would be %d and ttl_max %d; expected "
				     "ttl_min to be the smaller",
				     ttl_min, ttl_max);
}

static void check_except(struct conf_reader *reader, const struct conf_node *node,
			 const struct conf_zone *zone)
{
	if (zone->is_exact)
		refuse_useless(reader, node, "except",
			       "with match = \"exact\"; expected one of them");
	for (size_t i = 0; i < zone->except_count; i++)
		if (zone->except[i].is_template)
			conf_option_complain(reader, conf_node_find(node, "except"),
					     "has \"{n}\" in it; expected names without");
}

void conf_zone_check(struct conf_reader *reader, const struct conf_node *node,
		     const struct conf_zone *zone)
{
	check_names(reader, node);
	check_template(reader, node, zone);
	check_action(reader, node, zone);
	check_except(reader, node, zone);
	if (zone->action == ZONE_FORWARD)
		check_forward(reader, node, zone);
}

/* --- all zones ----------------------------------------------------------------------------- */

/* A name of a zone; `number` is that of the zone plus one, 0 in an empty slot. */
struct slot {
	uint32_t number;
	uint32_t name;
	uint32_t hash; /* of the name and of the zone's conditions */
};

/* Open addressing; at most half of the slots are taken. */
struct table {
	const struct conf *conf;
	struct hash_key key;
	struct slot *slots;
	uint32_t mask;
};

static bool same_conditions(const struct conf_zone *a, const struct conf_zone *b)
{
	if (a->is_exact != b->is_exact || a->has_range != b->has_range || a->n_low != b->n_low ||
	    a->n_high != b->n_high || a->type_count != b->type_count ||
	    a->client_count != b->client_count)
		return false;
	for (size_t i = 0; i < a->type_count; i++)
		if (a->types[i] != b->types[i])
			return false;
	for (size_t i = 0; i < a->client_count; i++)
		if (conf_value_compare_nets(&a->clients[i], &b->clients[i]) != 0)
			return false;
	return true;
}

/* Of all of them: rules for one name may have any number in common. */
static uint64_t hash_conditions(const struct table *table, const struct conf_zone *zone)
{
	uint64_t hash = (uint64_t)zone->n_low << 32 | zone->n_high;

	for (size_t i = 0; i < zone->type_count; i++)
		hash = hash_with(hash, zone->types[i]);
	for (size_t i = 0; i < zone->client_count; i++) {
		const struct addr *net = &zone->clients[i].net;
		hash = hash_with(hash, zone->clients[i].bits);
		hash = hash_with(hash, hash_bytes(&table->key, net->bytes, sizeof(net->bytes)));
	}
	return hash;
}

/* The slot of that name under the zone's conditions, or the empty one where it belongs. */
static struct slot *find_slot(const struct table *table, const struct conf_zone *zone,
			      uint64_t conditions, const uint8_t *wire)
{
	const size_t len = name_len(wire);
	const uint32_t hash = (uint32_t)hash_with(conditions, name_hash(&table->key, wire, len));

	for (uint32_t at = hash;; at++) {
		struct slot *slot = &table->slots[at & table->mask];
		if (slot->number == 0) {
			slot->hash = hash;
			return slot;
		}
		if (slot->hash != hash)
			continue;
		const struct conf_zone *other = &table->conf->zones[slot->number - 1];
		const struct conf_name *name = &other->names[slot->name];
		if (name->len == len && memcmp(name->wire, wire, len) == 0 &&
		    same_conditions(other, zone))
			return slot;
	}
}

static void add_names(struct conf_reader *reader, const struct table *table, uint32_t number)
{
	const struct conf_zone *zone = &table->conf->zones[number];
	const uint64_t conditions = hash_conditions(table, zone);

	for (size_t i = 0; i < zone->name_count; i++) {
		const struct conf_name *name = &zone->names[i];
		struct slot *slot = find_slot(table, zone, conditions, name->wire);
		if (slot->number == 0) {
			slot->number = number + 1;
			slot->name = (uint32_t)i;
			continue;
		}
		const struct conf_name *first =
			&table->conf->zones[slot->number - 1].names[slot->name];
		struct name_text text;
		struct conf_node_path path;
		complaint_add(reader->complaints, &name->place,
			      "%s is a duplicate: \"%s\" is there already under the same "
			      "conditions; expected it once (first at %s:%d)",
			      conf_node_path(&reader->zones->children[number], &path),
			      name_to_text(name->wire, &text), first->place.file,
			      first->place.line);
	}
}

/* `wire` is below a name that the zone has, and is none itself. */
static bool is_below(const struct table *table, const struct conf_zone *zone, uint64_t conditions,
		     const uint8_t *wire)
{
	if (find_slot(table, zone, conditions, wire)->number != 0)
		return false;
	while (*wire != 0) {
		wire = name_parent(wire);
		if (find_slot(table, zone, conditions, wire)->number != 0)
			return true;
	}
	return false;
}

/* Exceptions from names that the zone does not have would go unnoticed. */
static void check_exceptions(struct conf_reader *reader, const struct table *table, uint32_t number)
{
	const struct conf_zone *zone = &table->conf->zones[number];
	const uint64_t conditions = hash_conditions(table, zone);

	for (size_t i = 0; i < zone->name_count; i++)
		if (zone->names[i].is_template)
			return; /* what lies below it is not known here */
	for (size_t i = 0; i < zone->except_count && zone->name_count > 0; i++) {
		const struct conf_name *name = &zone->except[i];
		struct name_text text;
		struct conf_node_path path;
		if (!is_below(table, zone, conditions, name->wire))
			complaint_add(reader->complaints, &name->place,
				      "%s.except has \"%s\"; expected names below the zone's own",
				      conf_node_path(&reader->zones->children[number], &path),
				      name_to_text(name->wire, &text));
	}
}

void conf_zone_check_all(struct conf_reader *reader)
{
	const struct conf *conf = reader->conf;
	struct table table = { .conf = conf };
	uint32_t names = 0, slots = 16;

	for (size_t i = 0; i < conf->zone_count; i++)
		names += (uint32_t)conf->zones[i].name_count;
	while (slots < names * 2 + 1)
		slots *= 2;
	table.slots = conf_option_alloc(reader, slots, sizeof(*table.slots));
	if (table.slots == NULL)
		return;
	table.mask = slots - 1;
	hash_key_draw(&table.key);
	for (uint32_t i = 0; i < conf->zone_count; i++)
		add_names(reader, &table, i);
	for (uint32_t i = 0; i < conf->zone_count; i++)
		check_exceptions(reader, &table, i);
	mem_free(table.slots);
}
