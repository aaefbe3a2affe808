/*
 * Everything a guest should not do, one thing per run.  The argument is a name
 * from the table at the end.
 */
#include "hvt_abi.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define NON_CANONICAL UINT64_C(0x8000000000000000)
#define UNMAPPED UINT64_C(0x400000000)
#define LOW_READ_ONLY UINT64_C(0x10000)
#define BAD_STACK UINT64_C(0x123456789000)
#define BEYOND_ALL_MEMORY UINT64_C(0xffffff000)
#define VECTOR_UD 6

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uintptr_t memory_end, heap;

static void load_idt(uint16_t limit, uint64_t base)
{
    const struct table_register idtr = {limit, base};

    __asm__ __volatile__("lidt %0" : : "m"(idtr) : "memory");
}

static struct table_register read_idt(void)
{
    struct table_register idtr;

    __asm__ __volatile__("sidt %0" : "=m"(idtr));
    return idtr;
}

static void write_cr3(uint64_t value)
{
    __asm__ __volatile__("movq %0, %%cr3" : : "r"(value) : "memory");
}

static void div0(void)
{
    __asm__ __volatile__("xorl %%ecx, %%ecx\n\t"
                         "divl %%ecx"
                         :
                         : "a"(1), "d"(0)
                         : "rcx", "cc");
}

static void ud2(void)
{
    __asm__ __volatile__("ud2");
}

static void int3(void)
{
    __asm__ __volatile__("int3");
}

static void gp(void)
{
    *(volatile uint64_t *)NON_CANONICAL;
}

static void jump(void)
{
    ((void (*)(void))UNMAPPED)();
}

static void low(void)
{
    *(volatile uint64_t *)LOW_READ_ONLY = 1;
}

static void above(void)
{
    *(volatile uint64_t *)memory_end;
}

static void badstack(void)
{
    __asm__ __volatile__("movq %0, %%rsp\n\t"
                         "pushq %%rax"
                         :
                         : "r"(BAD_STACK)
                         : "memory");
}

static void badidt(void)
{
    load_idt(0, 0);
    ud2();
}

static void badgdt(void)
{
    const struct table_register gdtr = {0, 0};

    __asm__ __volatile__("lgdt %0" : : "m"(gdtr) : "memory");
    ud2();
}

/* The page tables become a page of zeros: nothing is mapped any more. */
static void badcr3(void)
{
    write_cr3(heap);
}

static void farcr3(void)
{
    write_cr3(BEYOND_ALL_MEMORY);
}

/* The handler of the invalid instruction begins with one. */
static void loop(void)
{
    uint32_t *gate = (uint32_t *)(uintptr_t)(read_idt().base + 16 * VECTOR_UD);
    const uintptr_t handler = (uintptr_t)ud2;

    gate[0] = (gate[0] & 0xffff0000) | (handler & 0xffff);
    gate[1] = (gate[1] & 0x0000ffff) | (handler & 0xffff0000);
    gate[2] = (uint32_t)(handler >> 32);
    ud2();
}

static void hlt(void)
{
    __asm__ __volatile__("hlt");
}

static void out32(uint16_t port, uint32_t value)
{
    __asm__ __volatile__("outl %0, %1" : : "a"(value), "d"(port) : "memory");
}

static void badport(void)
{
    out32(0x1234, 0);
}

static void call0(void)
{
    out32(HVT_HYPERCALL_PIO_BASE, 0);
}

static void call9(void)
{
    out32(HVT_HYPERCALL_PIO_BASE + HVT_HYPERCALL_MAX, 0);
}

/* No such device is declared, so nobody serves the call. */
static void nodevice(void)
{
    static struct hvt_hc_net_read read;

    out32(HVT_HYPERCALL_PIO_BASE + HVT_HYPERCALL_NET_READ, (uint32_t)(uintptr_t)&read);
}

static void badptr(void)
{
    out32(HVT_HYPERCALL_PIO_BASE + HVT_HYPERCALL_PUTS, (uint32_t)memory_end);
}

static void badbuf(void)
{
    static struct hvt_hc_puts puts;

    puts.data = memory_end - 4;
    puts.len = 4;
    out32(HVT_HYPERCALL_PIO_BASE + HVT_HYPERCALL_PUTS, (uint32_t)(uintptr_t)&puts);
}

static void in(void)
{
    uint32_t value;

    __asm__ __volatile__("inl %1, %0" : "=a"(value) : "d"((uint16_t)HVT_HYPERCALL_PIO_BASE));
}

static void out8(void)
{
    __asm__ __volatile__("outb %0, %1"
                         :
                         : "a"((uint8_t)0),
                           "d"((uint16_t)(HVT_HYPERCALL_PIO_BASE + HVT_HYPERCALL_WALLTIME)));
}

/* The ring was not offered, so there is nobody to wake. */
static void kick(void)
{
    out32(HVT_RING_KICK_PIO_BASE, 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} faults[] = {
    {"div0", div0},       {"ud2", ud2},       {"int3", int3},       {"gp", gp},
    {"jump", jump},       {"low", low},       {"above", above},     {"badstack", badstack},
    {"badidt", badidt},   {"badgdt", badgdt}, {"badcr3", badcr3},   {"farcr3", farcr3},
    {"loop", loop},       {"hlt", hlt},       {"badport", badport}, {"call0", call0},
    {"call9", call9},     {"badptr", badptr}, {"badbuf", badbuf},   {"nodevice", nodevice},
    {"in", in},           {"out8", out8},     {"kick", kick},
};

#define FAULTS (sizeof faults / sizeof faults[0])

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_faults ****\n\n");
    heap = info->heap_start;
    memory_end = info->heap_start + info->heap_size;
    for (size_t i = 0; i < FAULTS; i++) {
        if (strcmp(info->cmdline, faults[i].name) != 0)
            continue;
        printf("now: %s\n", faults[i].name);
        faults[i].run();
        print("FAILURE: nothing happened\n");
        return SOLO5_EXIT_FAILURE;
    }
    print("usage: faults NAME\n");
    for (size_t i = 0; i < FAULTS; i++)
        printf("  %s\n", faults[i].name);
    return 2;
}
