#include "pages.h"

#include "print.h"
#include "string.h"

#define STACK_BYTES 65536u /* left alone at the end of the heap */

struct free_page {
    struct free_page *next;
};

static struct free_page *free_pages;
static uintptr_t next_page, heap_end;

void pages_init(const struct solo5_start_info *info)
{
    next_page = info->heap_start;
    heap_end = info->heap_start + info->heap_size - STACK_BYTES;
}

void *page_take(void)
{
    void *page = free_pages;

    if (page != NULL) {
        free_pages = free_pages->next;
    } else {
        if (heap_end - next_page < PAGE_BYTES) {
            print("pages: out of memory\n");
            solo5_abort();
        }
        page = (void *)next_page;
        next_page += PAGE_BYTES;
    }
    return memset(page, 0, PAGE_BYTES);
}

void page_return(void *page)
{
    struct free_page *freed = page;

    freed->next = free_pages;
    free_pages = freed;
}
