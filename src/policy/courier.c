#include "policy/courier.h"

#include "base/mem.h"
#include "policy/zone_tree.h"

struct courier {
	const struct conf *conf;
	struct zone_tree *tree;
	size_t shortest, longest; /* of their names, which spares most others the search */
};

/* What stands under a name in the tree. */
static uint32_t pack(enum courier_role role, size_t family, size_t variant)
{
	return (uint32_t)(family << 16 | variant << 8 | (unsigned)role);
}

static int add(struct courier *courier, const struct conf_name *name, enum courier_role role,
	       size_t family, size_t variant)
{
	/* "{n}" is as long as a number of three digits, and four is the most */
	const size_t shortest = name->is_template ? name->len - 2u : name->len;
	const size_t longest = name->is_template ? name->len + 1u : name->len;

	if (name->wire == NULL)
		return 0;
	if (courier->longest == 0 || shortest < courier->shortest)
		courier->shortest = shortest;
	if (longest > courier->longest)
		courier->longest = longest;
	return zone_tree_add(courier->tree, name->wire, name->is_template,
			     pack(role, family, variant));
}

static int add_family(struct courier *courier, size_t index)
{
	const struct conf_courier *family = &courier->conf->couriers[index];
	int err = add(courier, &family->alias, COURIER_ALIAS, index, 0);

	if (err == 0)
		err = add(courier, &family->target, COURIER_TARGET, index, 0);
	if (err == 0)
		err = add(courier, &family->count_txt, COURIER_COUNT_TXT, index, 0);
	for (size_t i = 0; err == 0 && i < family->variant_count; i++)
		err = add(courier, &family->variants[i], COURIER_VARIANT, index, i);
	return err;
}

struct courier *courier_new(const struct conf *conf)
{
	struct courier *courier = mem_zalloc(sizeof(*courier));
	bool is_whole = false;

	if (courier == NULL)
		return NULL;
	courier->conf = conf;
	courier->tree = zone_tree_new();
	is_whole = courier->tree != NULL;
	for (size_t i = 0; is_whole && i < conf->courier_count; i++)
		is_whole = add_family(courier, i) == 0;
	if (is_whole)
		return courier;
	courier_free(courier);
	return NULL;
}

void courier_free(struct courier *courier)
{
	if (courier == NULL)
		return;
	zone_tree_free(courier->tree);
	mem_free(courier);
}

/* The first one that was added under the name: the configuration has seen to it that there are
 * others for a count_txt only. */
static bool take_match(void *ctx, const struct zone_match *found)
{
	struct courier_match *match = ctx;

	if (!found->is_whole)
		return true;
	if (found->is_template && found->n > CONF_COURIER_N_MAX)
		return false;
	match->role = (enum courier_role)(found->value & 0xff);
	match->variant = found->value >> 8 & 0xff;
	match->family = found->value >> 16;
	match->n = found->is_template ? found->n : 0;
	return true;
}

bool courier_find(const struct courier *courier, const uint8_t *name, size_t len,
		  struct courier_match *ret_match)
{
	*ret_match = (struct courier_match){ .role = COURIER_NONE };
	if (len >= courier->shortest && len <= courier->longest)
		zone_tree_walk(courier->tree, name, len, take_match, ret_match);
	return ret_match->role != COURIER_NONE;
}

size_t courier_write_variant(const struct courier *courier, unsigned family, unsigned variant,
			     uint32_t n, uint8_t ret_name[NAME_MAX_LEN])
{
	return conf_name_fill(&courier->conf->couriers[family].variants[variant], n, ret_name);
}

const char *courier_role_text(enum courier_role role)
{
	switch (role) {
	case COURIER_NONE:
		return "none";
	case COURIER_ALIAS:
		return "alias";
	case COURIER_TARGET:
		return "target";
	case COURIER_VARIANT:
		return "variant";
	case COURIER_COUNT_TXT:
		return "count";
	}
	UNREACHABLE();
}
