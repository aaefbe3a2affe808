/* Memory in pages of one kilobyte, taken from the heap and used again. */
#ifndef FLAKY_PAGES_H
#define FLAKY_PAGES_H

#include "solo5.h"

#define PAGE_BYTES 1024u

void pages_init(const struct solo5_start_info *info);

/* A page full of zeros; aborts when the heap is used up. */
void *page_take(void);
void page_return(void *page);

#endif
