/* base/list.h: a list whose links live in what is listed: nothing is allocated, and an item leaves
 * in O(1) without knowing where it stands.
 *
 * A ring through its head. An item that is in no list has next NULL, which zeroed memory has too.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/** The struct of `type` whose `member` this link is. */
#define LIST_ITEM(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

/** The link is in some list. */
static inline bool list_has(const struct list *link)
{
	return link->next != NULL;
}

/** Puts it last. It must be in no list. */
static inline void list_add(struct list *head, struct list *link)
{
	link->next = head;
	link->prev = head->prev;
	head->prev->next = link;
	head->prev = link;
}

/** Takes it out of whatever list it is in; fine for none. */
static inline void list_remove(struct list *link)
{
	if (link->next == NULL)
		return;
	link->next->prev = link->prev;
	link->prev->next = link->next;
	link->next = link->prev = NULL;
}

/** The first link, NULL for an empty list. */
static inline struct list *list_first(const struct list *head)
{
	return head->next == head ? NULL : head->next;
}

/** The link behind this one, NULL behind the last. */
static inline struct list *list_next(const struct list *head, const struct list *link)
{
	return link->next == head ? NULL : link->next;
}

/** Puts all of `from` behind what is in `to`; `from` is empty then. */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	assert(from->next != NULL);
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}
