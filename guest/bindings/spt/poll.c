/*
 * A timer and all network devices are in one set of the host.  The event of a
 * device carries its handle.
 */
#include "spt.h"

#define NANOSECONDS_PER_SECOND 1000000000u
#define FOREVER (-1)
#define EVENTS_MAX MFT_MAX_ENTRIES

/* The nanoseconds are odd, since a time of zero would stop the timer. */
static void set_timer(solo5_time_t deadline)
{
    const struct linux_itimerspec spec = {
        .it_value = {.tv_sec = (int64_t)(deadline / NANOSECONDS_PER_SECOND),
                     .tv_nsec = (int64_t)(deadline % NANOSECONDS_PER_SECOND | 1)}};

    CHECK(linux_timerfd_settime(boot_info->timerfd, TFD_TIMER_ABSTIME, &spec) == 0);
}

static int count_sources(void)
{
    int sources = 1; /* the timer */

    for (uint32_t i = 1; i < boot_info->mft->entries; i++)
        if (manifest_get(i, MFT_DEV_NET_BASIC) != NULL)
            sources++;
    return sources;
}

void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set)
{
    struct linux_epoll_event events[EVENTS_MAX];
    const int sources = count_sources();
    solo5_handle_set_t ready = 0;
    int64_t count;

    set_timer(deadline);
    do
        count = linux_epoll_pwait(boot_info->epollfd, events, sources, FOREVER);
    while (count == -LINUX_EINTR);
    CHECK(count >= 0 && count <= sources);
    for (int64_t i = 0; i < count; i++)
        if (events[i].data != SPT_INTERNAL_TIMERFD)
            ready |= UINT64_C(1) << events[i].data;
    if (ready_set != NULL)
        *ready_set = ready;
}
