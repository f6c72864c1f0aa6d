#include "query/family_post.h"

#include <string.h>

#include "base/lock.h"
#include "base/mem.h"
#include "query/warmth.h"

#define LETTERS 64u

/* A ring; `count` of them are in it, from `first` on. */
struct family_post {
	struct lock lock;
	unsigned first, count;
	struct family_letter letters[LETTERS];
};

struct family_post *family_post_new(void)
{
	struct family_post *post = mem_zalloc(sizeof(*post));

	if (post != NULL)
		lock_init(&post->lock, true);
	return post;
}

void family_post_free(struct family_post *post)
{
	if (post == NULL)
		return;
	lock_done(&post->lock);
	mem_free(post);
}

bool family_post_put(struct family_post *post, const struct family_letter *letter)
{
	lock_take(&post->lock);
	const bool was_empty = post->count == 0;
	if (post->count < LETTERS)
		post->letters[(post->first + post->count++) % LETTERS] = *letter;
	lock_give(&post->lock);
	return was_empty;
}

bool family_post_is_new(struct family_post_memo memos[FAMILY_POST_MEMOS],
			const struct family_letter *letter, uint32_t now)
{
	const unsigned place = letter->match.n + letter->match.role + letter->type;
	struct family_post_memo *memo = &memos[place % FAMILY_POST_MEMOS];

	if (now - memo->written < WARMTH_TICKS_PER_S &&
	    memcmp(&memo->letter, letter, sizeof(*letter)) == 0)
		return false;
	memo->written = now;
	memo->letter = *letter;
	return true;
}

bool family_post_take(struct family_post *post, struct family_letter *ret_letter)
{
	lock_take(&post->lock);
	const bool has_one = post->count > 0;
	if (has_one) {
		*ret_letter = post->letters[post->first];
		post->first = (post->first + 1) % LETTERS;
		post->count--;
	}
	lock_give(&post->lock);
	return has_one;
}
