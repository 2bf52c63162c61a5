/* SPDX-License-Identifier: MIT */
/* The intrusive list: order, removal while iterating, double removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/list.h"

struct item {
    int number;
    struct list link;
};

static void assert_numbers(struct list *head, const int *expected)
{
    list_for_each(node, head)
        assert_int_equal(container_of(node, struct item, link)->number, *expected++);
    assert_int_equal(*expected, 0);
}

static void test_order(void **state)
{
    (void)state;
    struct list head;
    struct item one = {.number = 1}, two = {.number = 2}, three = {.number = 3};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_first(&head));
    list_push_back(&head, &two.link);
    list_push_back(&head, &three.link);
    list_push_front(&head, &one.link);
    assert_numbers(&head, (int[]){1, 2, 3, 0});
    assert_ptr_equal(list_first(&head), &one.link);
}

static void test_removal(void **state)
{
    (void)state;
    struct list head;
    struct item items[5];
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i].number = i + 1;
        list_push_back(&head, &items[i].link);
    }
    list_for_each_safe(node, following, &head)
    {
        if (container_of(node, struct item, link)->number % 2 == 0)
            list_remove(node);
    }
    assert_numbers(&head, (int[]){1, 3, 5, 0});
    list_remove(&items[0].link);
    list_remove(&items[0].link);
    assert_true(list_empty(&items[0].link));
    assert_numbers(&head, (int[]){3, 5, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
