#include "print.h"
#include "solo5.h"

struct {
    volatile uint64_t counter;
    uint8_t pad[56], words[64], source[64], target[64], sector[512], frame[1536];
} box __attribute__((aligned(4096)));
volatile uint64_t secret = 0x1122334455667788;

__attribute__((noinline, noclone)) void tick(void) { box.counter = box.counter + 1; }

__attribute__((noinline, noclone)) void copy(void)
{
    void *to = box.target, *from = box.source;
    size_t size = 40;
    __asm__ volatile(".globl copying\ncopying: rep movsb\n.globl copied\ncopied: nop"
                     : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

__attribute__((noinline, noclone)) void unaligned(void)
{
    __asm__ volatile("movabs $0x0807060504030201, %%rax\n"
                     "movq %%rax, %%xmm0\n"
                     "punpcklqdq %%xmm0, %%xmm0\n"
                     ".globl storing\nstoring: mov %%rax, 5(%0)\n"
                     ".globl loading\nloading: mov 10(%0), %%eax\n"
                     ".globl wide\nwide: movups %%xmm0, 19(%0)\n"
                     ".globl behind\nbehind: nop" ::"r"(box.words)
                     : "rax", "xmm0", "memory");
}

__attribute__((noinline, noclone)) void disk(solo5_handle_t handle, uint8_t letter)
{
    box.sector[0] = letter;
    solo5_block_write(handle, 512, box.sector, 512);
    box.sector[0] = 0;
    solo5_block_read(handle, 512, box.sector, 512);
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_block_info storage;
    struct solo5_net_info service;
    solo5_handle_t disk_handle, net_handle;
    solo5_handle_set_t ready;
    size_t size;
    (void)info;
    solo5_block_acquire("storage", &disk_handle, &storage);
    solo5_net_acquire("service0", &net_handle, &service);
    for (int i = 0; i < 40; i++)
        box.source[i] = (uint8_t)(i + 1);
    for (int i = 0; i < 8; i++) {
        tick();
        if (i % 3 == 0)
            solo5_clock_wall();
    }
    copy();
    unaligned();
    print("first ");
    disk(disk_handle, 'A');
    disk(disk_handle, 'B');
    solo5_yield(solo5_clock_monotonic() + 1000, &ready);
    solo5_net_read(net_handle, box.frame, 1514, &size);
    uint64_t known = secret;
    solo5_console_write((const char *)&known, sizeof known);
    for (int i = 0; i < 60; i++)
        tick();
    print("last");
    return 7;
}
