/*
 * System calls that the bindings never make: those that the tender's filter lets
 * through, with arguments good and bad, and, one per run, those that it does not.
 * The argument is a name from the table at the end, or nothing.
 *
 * Needs one frame that waits on the network device.
 */
#include <stdbool.h>

#include "linux.h"
#include "mft_abi.h"
#include "print.h"
#include "solo5.h"
#include "spt_abi.h"
#include "string.h"

#define FD_CONSOLE 1u
#define CLOCK_MONOTONIC 1u
#define ARCH_SET_FS 0x1002u
#define ARCH_GET_FS 0x1003u
#define ABSOLUTE 1u
#define X32_BIT 0x40000000u
#define UPPER_BIT (UINT64_C(1) << 32)

#define NOWHERE UINT64_C(0x400000000)
#define KERNEL UINT64_C(0xffff800000000000)
#define USER_END (UINT64_C(0x800000000000) - 4096)

#define FLAGS_STATUS UINT64_C(0x8d5) /* CF PF AF ZF SF OF */
#define FLAGS_CLEAN UINT64_C(0x202)  /* interrupts on, and the bit that is always set */

#define FRAME_SIZE_MAX 1514u

struct event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));

static const struct spt_boot_info *const boot = (const void *)SPT_BOOT_INFO_BASE;

static struct {
    uint64_t disk, net;
    uint64_t disk_fd, net_fd;
    uint64_t capacity, block_size;
    unsigned failures;
} state;

static uint8_t buffer[4096];

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct linux_arguments arguments = {a, b, c, d, 0, 0};

    return (int64_t)linux_call(number, &arguments).rax;
}

static uint64_t at(const volatile void *object)
{
    return (uint64_t)(uintptr_t)object;
}

static uint64_t text(void)
{
    return (uint64_t)(uintptr_t)call;
}

static void expect(const char *what, int64_t found, int64_t wanted)
{
    if (found == wanted) {
        printf("%s: ok\n", what);
        return;
    }
    printf("%s: FAILURE, %ld instead of %ld\n", what, found, wanted);
    state.failures++;
}

static int64_t set_timer(int64_t seconds, int64_t nanoseconds)
{
    const int64_t value[4] = {0, 0, seconds, nanoseconds};

    return call(NR_TIMERFD_SETTIME, (uint64_t)boot->timerfd, ABSOLUTE, at(value), 0);
}

static int64_t wait(struct event *events, uint64_t count, uint64_t timeout_ms)
{
    return call(NR_EPOLL_PWAIT, (uint64_t)boot->epollfd, at(events), count, timeout_ms);
}

static void check_registers(void)
{
    struct linux_arguments before = {CLOCK_MONOTONIC, at(buffer), 3, 4, 5, 6}, after = before;
    const struct linux_result result = linux_call(NR_CLOCK_GETTIME, &after);

    expect("clock_gettime", (int64_t)result.rax, 0);
    expect("rcx is the address behind", (int64_t)(result.rcx - result.behind), 0);
    expect("r11 holds the flags", (int64_t)(result.r11 & ~FLAGS_STATUS), FLAGS_CLEAN);
    expect("the arguments stay", memcmp(&before, &after, sizeof before), 0);
}

static void check_pointers(void)
{
    expect("write of nothing", call(NR_WRITE, FD_CONSOLE, at(buffer), 0, 0), 0);
    expect("write from page 0", call(NR_WRITE, FD_CONSOLE, 8, 4, 0), -E_FAULT);
    expect("write from nowhere", call(NR_WRITE, FD_CONSOLE, NOWHERE, 4, 0), -E_FAULT);
    expect("write from the kernel", call(NR_WRITE, FD_CONSOLE, KERNEL, 4, 0), -E_FAULT);
    expect("time to nowhere", call(NR_CLOCK_GETTIME, CLOCK_MONOTONIC, 0, 0, 0), -E_FAULT);
    expect("time into code", call(NR_CLOCK_GETTIME, CLOCK_MONOTONIC, text(), 0, 0), -E_FAULT);
    expect("block into code",
           call(NR_PREAD64, state.disk_fd, text(), state.block_size, 0), -E_FAULT);
    expect("block from nowhere",
           call(NR_PWRITE64, state.disk_fd, NOWHERE, state.block_size, 0), -E_FAULT);
    expect("frame from nowhere", call(NR_WRITE, state.net_fd, NOWHERE, 60, 0), -E_FAULT);
    expect("timer from nowhere",
           call(NR_TIMERFD_SETTIME, (uint64_t)boot->timerfd, ABSOLUTE, 0, 0), -E_FAULT);
    expect("events to nowhere",
           call(NR_EPOLL_PWAIT, (uint64_t)boot->epollfd, KERNEL, 1, 0), -E_FAULT);
}

static void check_blocks(void)
{
    const uint64_t fd = state.disk_fd, size = state.block_size;

    memset(buffer, 0xa5, size);
    expect("last block written",
           call(NR_PWRITE64, fd, at(buffer), size, state.capacity - size), (int64_t)size);
    memset(buffer, 0, size);
    expect("last block read", call(NR_PREAD64, fd, at(buffer), size, state.capacity - size),
           (int64_t)size);
    expect("and what it holds", buffer[0] == 0xa5 && buffer[size - 1] == 0xa5, 1);
    expect("from code", call(NR_PWRITE64, fd, text(), size, 0), (int64_t)size);
    expect("between two blocks", call(NR_PREAD64, fd, at(buffer), size, 100), (int64_t)size);
    expect("which begins with code", memcmp(buffer, (const void *)(text() + 100), size - 100), 0);
}

static void check_timer_arguments(void)
{
    expect("a second too many", set_timer(1, 1000000000), -E_INVAL);
    expect("less than no nanoseconds", set_timer(1, -1), -E_INVAL);
    expect("before time began", set_timer(-1, 0), -E_INVAL);
    expect("the end of time", set_timer(INT64_MAX, 999999999), 0);
}

/* A frame is waiting, and stays until it is read; a timer that has fired stays so
 * until it is set again. */
static void check_events(void)
{
    struct event events[3];

    expect("timer stopped", set_timer(0, 0), 0);
    expect("no room", wait(events, 0, 0), -E_INVAL);
    expect("less than no room", wait(events, UINT64_MAX, 0), -E_INVAL);
    expect("one event", wait(events, 3, UINT64_MAX), 1);
    expect("which is the device's", (int64_t)events[0].data, (int64_t)state.net);
    expect("and means: readable", events[0].events, 1);
    expect("timer in the past", set_timer(0, 1), 0);
    expect("two events", wait(events, 3, 0), 2);
    expect("the second is the timer's", (int64_t)events[1].data, SPT_INTERNAL_TIMERFD);
    expect("room for one", wait(events, 1, 0), 1);
    expect("frame of no bytes", call(NR_READ, state.net_fd, at(buffer), 0, 0), 0);
    expect("frame read", call(NR_READ, state.net_fd, at(buffer), FRAME_SIZE_MAX, 0), 60);
    expect("no more", call(NR_READ, state.net_fd, at(buffer), FRAME_SIZE_MAX, 0), -E_AGAIN);
    expect("only the timer is left", wait(events, 3, 0), 1);
    expect("it says so", (int64_t)events[0].data, SPT_INTERNAL_TIMERFD);
    expect("timer stopped again", set_timer(0, 0), 0);
    expect("nothing within 2 ms", wait(events, 3, 2), 0);
    expect("frame sent", call(NR_WRITE, state.net_fd, at(buffer), 60, 0), 60);
}

static void check_thread_pointer(void)
{
    expect("thread pointer", call(NR_ARCH_PRCTL, ARCH_SET_FS, USER_END - 1, 0, 0), 0);
    expect("thread pointer beyond", call(NR_ARCH_PRCTL, ARCH_SET_FS, USER_END, 0, 0), -E_PERM);
    expect("thread pointer away", call(NR_ARCH_PRCTL, ARCH_SET_FS, 0, 0, 0), 0);
}

static void dup(void)
{
    call(NR_DUP, FD_CONSOLE, 0, 0, 0);
}

static void stderr(void)
{
    call(NR_WRITE, 2, at(buffer), 1, 0);
}

static void stdin(void)
{
    call(NR_READ, 0, at(buffer), 1, 0);
}

static void wide(void)
{
    call(NR_WRITE, FD_CONSOLE | UPPER_BIT, at(buffer), 1, 0);
}

static void x32(void)
{
    call(NR_WRITE | X32_BIT, FD_CONSOLE, at(buffer), 1, 0);
}

static void unknown(void)
{
    call(100000, 0, 0, 0, 0);
}

static void clock2(void)
{
    call(NR_CLOCK_GETTIME, 2, at(buffer), 0, 0);
}

static void getfs(void)
{
    call(NR_ARCH_PRCTL, ARCH_GET_FS, at(buffer), 0, 0);
}

static void timer(void)
{
    call(NR_TIMERFD_SETTIME, (uint64_t)boot->epollfd, ABSOLUTE, at(buffer), 0);
}

static void events(void)
{
    call(NR_EPOLL_PWAIT, (uint64_t)boot->timerfd, at(buffer), 1, 0);
}

static void past(void)
{
    call(NR_PREAD64, state.disk_fd, at(buffer), state.block_size, state.capacity);
}

static void negative(void)
{
    call(NR_PREAD64, state.disk_fd, at(buffer), state.block_size, UINT64_MAX);
}

static void two(void)
{
    call(NR_PREAD64, state.disk_fd, at(buffer), 2 * state.block_size, 0);
}

static void part(void)
{
    call(NR_PWRITE64, state.disk_fd, at(buffer), state.block_size - 1, 0);
}

static void plain(void)
{
    call(NR_READ, state.disk_fd, at(buffer), state.block_size, 0);
}

static void seek(void)
{
    call(NR_LSEEK, state.disk_fd, 0, 0, 0);
}

static void netblock(void)
{
    call(NR_PREAD64, state.net_fd, at(buffer), state.block_size, 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} forbidden[] = {
    {"dup", dup},         {"stderr", stderr}, {"stdin", stdin},   {"wide", wide},
    {"x32", x32},         {"clock2", clock2}, {"getfs", getfs},   {"timer", timer},
    {"events", events},   {"past", past},     {"two", two},       {"part", part},
    {"plain", plain},     {"seek", seek},     {"netblock", netblock},
    {"unknown", unknown}, {"negative", negative},
};

#define FORBIDDEN (sizeof forbidden / sizeof forbidden[0])

static bool acquire(void)
{
    struct solo5_block_info disk;
    struct solo5_net_info net;

    if (solo5_block_acquire("storage", &state.disk, &disk) != SOLO5_R_OK ||
        solo5_net_acquire("service0", &state.net, &net) != SOLO5_R_OK)
        return false;
    state.disk_fd = (uint64_t)boot->mft->e[state.disk].b.hostfd;
    state.net_fd = (uint64_t)boot->mft->e[state.net].b.hostfd;
    state.capacity = disk.capacity;
    state.block_size = disk.block_size;
    return true;
}

static int run_forbidden(const char *name)
{
    for (size_t i = 0; i < FORBIDDEN; i++) {
        if (strcmp(name, forbidden[i].name) != 0)
            continue;
        printf("now: %s\n", name);
        forbidden[i].run();
        print("FAILURE: the call returned\n");
        return SOLO5_EXIT_FAILURE;
    }
    print("usage: syscalls [NAME]\n");
    for (size_t i = 0; i < FORBIDDEN; i++)
        printf("  %s\n", forbidden[i].name);
    return 2;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_syscalls ****\n\n");
    if (!acquire()) {
        print("FAILURE: cannot acquire the devices\n");
        return 99;
    }
    if (*info->cmdline != '\0')
        return run_forbidden(info->cmdline);
    check_registers();
    check_pointers();
    check_blocks();
    check_timer_arguments();
    check_events();
    check_thread_pointer();
    if (state.failures > 0)
        return SOLO5_EXIT_FAILURE;
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
