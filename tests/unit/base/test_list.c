#include "base/list.h"

#include "unit.h"

struct item {
	int number;
	struct list link;
};

static struct list head;
static struct item items[3];

static int start(void **state)
{
	(void)state;
	list_init(&head);
	for (int i = 0; i < 3; i++)
		items[i] = (struct item){ .number = i };
	return 0;
}

static void assert_numbers(const int *numbers, size_t count)
{
	size_t at = 0;

	for (struct list *link = list_first(&head); link != NULL; link = list_next(&head, link)) {
		assert_true(at < count);
		assert_int_equal(LIST_ITEM(link, struct item, link)->number, numbers[at++]);
	}
	assert_int_equal(at, count);
}

static void a_new_list_is_empty(void **state)
{
	(void)state;
	assert_true(list_is_empty(&head));
	assert_null(list_first(&head));
	assert_false(list_has(&items[0].link));
}

static void items_come_in_the_order_of_adding(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		list_add(&head, &items[i].link);
	assert_numbers((const int[]){ 0, 1, 2 }, 3);
	assert_true(list_has(&items[1].link));
}

static void an_item_leaves_from_anywhere(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		list_add(&head, &items[i].link);
	list_remove(&items[1].link);
	assert_numbers((const int[]){ 0, 2 }, 2);
	assert_false(list_has(&items[1].link));
	list_remove(&items[1].link); /* in none: fine */
	list_remove(&items[0].link);
	list_remove(&items[2].link);
	assert_true(list_is_empty(&head));
	list_add(&head, &items[1].link);
	assert_numbers((const int[]){ 1 }, 1);
}

static void a_list_moves_whole_behind_another(void **state)
{
	struct list other;

	(void)state;
	list_init(&other);
	list_move_all(&head, &other);
	assert_true(list_is_empty(&head));
	list_add(&head, &items[2].link);
	list_add(&other, &items[0].link);
	list_add(&other, &items[1].link);
	list_move_all(&head, &other);
	assert_true(list_is_empty(&other));
	assert_numbers((const int[]){ 2, 0, 1 }, 3);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(a_list_moves_whole_behind_another, start),
	cmocka_unit_test_setup(a_new_list_is_empty, start),
	cmocka_unit_test_setup(items_come_in_the_order_of_adding, start),
	cmocka_unit_test_setup(an_item_leaves_from_anywhere, start),
};

UNIT_MAIN_PLAIN(tests)
