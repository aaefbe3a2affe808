/*
 * A mail-order desk: customers place orders and pay them in instalments, and in
 * the evening the books are audited.  Who orders and pays what is drawn at random
 * from a seed that the clocks give.
 *
 * Argument: a seed to use instead, decimal or hexadecimal after 0x.
 */
#include <stdbool.h>

#include "args.h"
#include "pages.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define ORDERS 40u
#define LATE_PAYMENTS 120u
#define CUSTOMERS 9u
#define OFFERS 16u
#define NS_PER_US UINT64_C(1000)

struct order {
    uint64_t id;
    uint64_t paid_cents;
    uint32_t price_cents; /* of one piece */
    uint16_t pieces;
    uint16_t customer;
    uint64_t seal; /* made from all but paid_cents when the order is placed */
};

#define ORDERS_PER_PAGE (PAGE_BYTES / sizeof(struct order))
#define BOOK_PAGES ((ORDERS + ORDERS_PER_PAGE - 1) / ORDERS_PER_PAGE)

/* A hash table from the id of an order to the order, probed linearly. */
struct slot {
    uint64_t id;
    struct order *order; /* NULL: the slot is free */
};

struct index {
    struct slot *slots;
    size_t capacity; /* a power of two, at most a page full */
    size_t used;
};

#define INDEX_CAPACITY_FIRST 32u

struct desk {
    uint64_t random;
    uint32_t offers_cents[OFFERS];
    struct order *book[BOOK_PAGES];
    unsigned orders;
    struct index index;
    unsigned payments;
    unsigned refused; /* payments for orders that cannot be found */
};

/* splitmix64: every bit of the state moves every bit of the result. */
static uint64_t draw(struct desk *desk)
{
    uint64_t z = desk->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t draw_below(struct desk *desk, uint32_t limit)
{
    return (uint32_t)(draw(desk) % limit);
}

static uint64_t seal_of(const struct order *order)
{
    uint64_t seal = order->id;

    seal = (seal ^ order->price_cents) * UINT64_C(0xff51afd7ed558ccd);
    seal = (seal ^ order->pieces) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (seal ^ order->customer) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct order *book_entry(struct desk *desk, unsigned number)
{
    return &desk->book[number / ORDERS_PER_PAGE][number % ORDERS_PER_PAGE];
}

/* Moves all slots into a table of twice the size, where there is room enough. */
static void index_grow(struct index *index)
{
    const size_t capacity = 2 * index->capacity;
    struct slot *slots = page_take();

    for (size_t old = 0; old < index->capacity; old++) {
        const struct slot *from = &index->slots[old];
        size_t i = from->id & (capacity - 1);

        if (from->order == NULL)
            continue;
        while (slots[i].order != NULL)
            i++;
        slots[i] = *from;
    }
    page_return(index->slots);
    index->slots = slots;
    index->capacity = capacity;
    printf("index: grown to %lu slots with %lu orders\n", capacity, index->used);
}

static void index_add(struct index *index, uint64_t id, struct order *order)
{
    size_t i;

    if (index->used * 5 >= index->capacity * 4)
        index_grow(index);
    i = id & (index->capacity - 1);
    while (index->slots[i].order != NULL)
        i = (i + 1) & (index->capacity - 1);
    index->slots[i] = (struct slot){id, order};
    index->used++;
}

static struct order *index_find(const struct index *index, uint64_t id)
{
    size_t i = id & (index->capacity - 1);

    for (; index->slots[i].order != NULL; i = (i + 1) & (index->capacity - 1))
        if (index->slots[i].id == id)
            return index->slots[i].order;
    return NULL;
}

/* Today's offers are picked from a catalogue that is thrown away afterwards. */
static void open_desk(struct desk *desk, uint64_t seed)
{
    const unsigned articles = PAGE_BYTES / sizeof(uint32_t);
    uint32_t *catalogue_cents = page_take();

    desk->random = seed;
    for (unsigned i = 0; i < articles; i++)
        catalogue_cents[i] = 99 + 10 * draw_below(desk, 300);
    for (unsigned i = 0; i < BOOK_PAGES; i++)
        desk->book[i] = page_take();
    desk->index.slots = page_take();
    desk->index.capacity = INDEX_CAPACITY_FIRST;
    for (unsigned i = 0; i < OFFERS; i++)
        desk->offers_cents[i] = catalogue_cents[draw_below(desk, articles)];
    page_return(catalogue_cents);
}

/* Gives the id, which the customer keeps. */
static uint64_t place_order(struct desk *desk)
{
    struct order *order = book_entry(desk, desk->orders);
    const uint64_t id = draw(desk);

    order->id = id;
    order->price_cents = desk->offers_cents[draw_below(desk, OFFERS)];
    order->pieces = (uint16_t)(1 + draw_below(desk, 20));
    order->customer = (uint16_t)draw_below(desk, CUSTOMERS);
    order->seal = seal_of(order);
    index_add(&desk->index, id, order);
    desk->orders++;
    return id;
}

static void pay(struct desk *desk, uint64_t id, uint32_t cents)
{
    struct order *order = index_find(&desk->index, id);

    desk->payments++;
    if (order == NULL)
        desk->refused++;
    else
        order->paid_cents += cents;
}

static void pay_something(struct desk *desk, const uint64_t *ids, unsigned orders)
{
    const uint64_t id = ids[draw_below(desk, orders)];
    const uint32_t cents = 1 + draw_below(desk, 500);

    pay(desk, id, cents);
    solo5_yield(solo5_clock_monotonic() + NS_PER_US, NULL);
}

static void do_business(struct desk *desk)
{
    uint64_t ids[ORDERS];

    for (unsigned i = 0; i < ORDERS; i++) {
        ids[i] = place_order(desk);
        pay_something(desk, ids, i + 1);
    }
    printf("desk: %u orders placed\n", desk->orders);
    for (unsigned i = 0; i < LATE_PAYMENTS; i++)
        pay_something(desk, ids, ORDERS);
    printf("desk: %u payments, %u of them refused\n", desk->payments, desk->refused);
}

static bool order_is_sound(const struct order *order, unsigned number)
{
    if (seal_of(order) == order->seal)
        return true;
    print("audit: assertion failed: seal_of(order) == order->seal\n");
    printf("audit: order %u is corrupt: id %016lx, %u pieces at %u cents, %lu cents paid\n",
           number, order->id, order->pieces, order->price_cents, order->paid_cents);
    return false;
}

static bool audit(struct desk *desk)
{
    uint64_t turnover_cents = 0, paid_cents = 0;

    for (unsigned i = 0; i < desk->orders; i++) {
        const struct order *order = book_entry(desk, i);

        if (!order_is_sound(order, i))
            return false;
        turnover_cents += (uint64_t)order->pieces * order->price_cents;
        paid_cents += order->paid_cents;
    }
    printf("audit: the books are in order: turnover %lu cents, paid %lu cents\n", turnover_cents,
           paid_cents);
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    static struct desk desk;
    const char *rest = info->cmdline;
    char word[24];
    int64_t seed;

    print("\n**** Solo5 standalone test_flaky ****\n\n");
    if (!args_next(&rest, word, sizeof word)) {
        seed = (int64_t)(solo5_clock_wall() ^ solo5_clock_monotonic() << 32);
    } else if (!args_number(word, &seed)) {
        print("usage: flaky [SEED]\n");
        return 2;
    }
    pages_init(info);
    open_desk(&desk, (uint64_t)seed);
    do_business(&desk);
    if (!audit(&desk))
        return SOLO5_EXIT_FAILURE;
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
