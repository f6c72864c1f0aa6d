#include "cache/cache_key.h"

#include <stddef.h>
#include <string.h>

#include "base/hash.h"

/* Type and class are the client's choice, and so are the flags. The view is a keyed hash itself. */
static uint64_t hash_of(const struct cache_key *key)
{
	return hash_with(key->name_hash ^ key->view,
			 (uint64_t)key->flags << 32 | (uint64_t)key->type << 16 | key->class);
}

void cache_key_init(struct cache_key *ret_key, const struct query_view *view, uint64_t partition)
{
	ret_key->name_hash = hash_lowered(ret_key->name, view->name, view->name_len);
	ret_key->name_len = (uint8_t)view->name_len;
	ret_key->type = view->type;
	ret_key->class = view->class;
	ret_key->flags = (uint8_t)((view->flags & FLAG_RD ? CACHE_KEY_RD : 0) |
				   (view->flags & FLAG_CD ? CACHE_KEY_CD : 0) |
				   (view->wants_dnssec ? CACHE_KEY_DO : 0));
	ret_key->view = partition;
	ret_key->hash = hash_of(ret_key);
}

void cache_key_copy(struct cache_key *ret_key, const struct cache_key *key)
{
	memcpy(ret_key, key, offsetof(struct cache_key, name) + key->name_len);
}

void cache_key_set_view(struct cache_key *key, uint64_t view)
{
	key->view = view;
	key->hash = hash_of(key);
}

void cache_key_rehash(struct cache_key *key)
{
	key->name_hash = hash_lowered(key->name, key->name, key->name_len);
	key->hash = hash_of(key);
}
