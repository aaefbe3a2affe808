/*
 * Everything that ends an ordinary process by a signal, one thing per run, and
 * what looks as if it did but is allowed.  The argument is a name from the table
 * at the end; without one, all that is allowed is done.
 */
#include <stdbool.h>

#include "print.h"
#include "solo5.h"
#include "spt_abi.h"
#include "string.h"

#define NON_CANONICAL UINT64_C(0x8000000000000000)
#define UNMAPPED UINT64_C(0x400000000)
#define BAD_STACK UINT64_C(0x123456789000)

#define FLAG_INTERRUPTS UINT64_C(0x200)
#define FLAG_DIRECTION UINT64_C(0x400)
#define FLAGS_IO_LEVEL UINT64_C(0x3000)

static const uint8_t constant_code[] = {0xc3}; /* ret */

static uintptr_t memory_end, heap;

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

/* Upstream's test of the filter. */
static void dup(void)
{
    long result;

    __asm__ __volatile__("syscall" : "=a"(result) : "a"(32), "D"(1) : "rcx", "r11", "memory");
}

/* getpid, were it not for the filter. */
static void int80(void)
{
    __asm__ __volatile__("int $0x80" : : "a"(20) : "memory");
}

/* A gate that is not for user mode. */
static void int33(void)
{
    __asm__ __volatile__("int $33");
}

static void hlt(void)
{
    __asm__ __volatile__("hlt");
}

static void cli(void)
{
    __asm__ __volatile__("cli");
}

static void out(void)
{
    __asm__ __volatile__("outl %0, %1" : : "a"(0), "d"((uint16_t)0x500));
}

static void in(void)
{
    uint32_t value;

    __asm__ __volatile__("inb %1, %b0" : "=a"(value) : "d"((uint16_t)0x80));
}

static void cr0(void)
{
    uint64_t value;

    __asm__ __volatile__("movq %%cr0, %0" : "=r"(value));
}

static void rdmsr(void)
{
    uint32_t low, high;

    __asm__ __volatile__("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000100u));
}

static void gp(void)
{
    *(volatile uint64_t *)NON_CANONICAL;
}

static void jump(void)
{
    ((void (*)(void))UNMAPPED)();
}

static void far(void)
{
    *(volatile uint64_t *)UNMAPPED;
}

static void below(void)
{
    *(volatile uint8_t *)(SPT_HOST_MEM_BASE - 1);
}

static void above(void)
{
    *(volatile uint64_t *)memory_end;
}

/* The first byte lies in memory, the last does not. */
static void across(void)
{
    *(volatile uint64_t *)(memory_end - 4) = 1;
}

static void text(void)
{
    *(volatile uint8_t *)(uintptr_t)ud2 = 0xc3;
}

static void rodata(void)
{
    *(volatile uint8_t *)(uintptr_t)constant_code = 0xcc;
}

static void runheap(void)
{
    volatile uint8_t *code = (volatile uint8_t *)heap;

    code[0] = 0xc3;
    ((void (*)(void))(uintptr_t)code)();
}

static void runstack(void)
{
    volatile uint8_t code[] = {0xc3};

    ((void (*)(void))(uintptr_t)code)();
}

static void badstack(void)
{
    __asm__ __volatile__("movq %0, %%rsp\n\t"
                         "pushq %%rax"
                         :
                         : "r"(BAD_STACK)
                         : "memory");
}

/* No address at all, which for the stack is an exception of its own. */
static void wildstack(void)
{
    __asm__ __volatile__("movq %0, %%rsp\n\t"
                         "pushq %%rax"
                         :
                         : "r"(NON_CANONICAL)
                         : "memory");
}

static void loop(void)
{
    for (;;)
        __asm__ __volatile__("");
}

static const struct {
    const char *name;
    void (*run)(void);
} faults[] = {
    {"div0", div0},       {"ud2", ud2},           {"int3", int3},         {"dup", dup},           {"int80", int80},
    {"int33", int33},     {"hlt", hlt},           {"cli", cli},           {"out", out},
    {"in", in},           {"cr0", cr0},           {"rdmsr", rdmsr},       {"gp", gp},
    {"jump", jump},       {"far", far},           {"below", below},       {"above", above},
    {"across", across},   {"text", text},         {"rodata", rodata},     {"runheap", runheap},
    {"runstack", runstack}, {"badstack", badstack}, {"wildstack", wildstack}, {"loop", loop},
};

#define FAULTS (sizeof faults / sizeof faults[0])

static bool check(const char *what, bool right)
{
    printf("%s: %s\n", what, right ? "ok" : "FAILURE");
    return right;
}

static uint64_t read_flags(void)
{
    uint64_t flags;

    __asm__ __volatile__("pushfq\n\tpopq %0" : "=r"(flags));
    return flags;
}

static void write_flags(uint64_t flags)
{
    __asm__ __volatile__("pushq %0\n\tpopfq" : : "r"(flags) : "memory", "cc");
}

/* Neither may change in user mode, and the attempt is ignored. */
static bool flags_are_kept(void)
{
    const uint64_t before = read_flags();

    write_flags((before ^ FLAG_INTERRUPTS) | FLAGS_IO_LEVEL);

    const uint64_t after = read_flags();

    return (after & (FLAG_INTERRUPTS | FLAGS_IO_LEVEL)) == FLAG_INTERRUPTS;
}

static bool direction_can_be_set(void)
{
    const uint64_t before = read_flags();
    uint64_t set;

    write_flags(before | FLAG_DIRECTION);
    set = read_flags();
    write_flags(before);
    return (set & FLAG_DIRECTION) != 0 && (read_flags() & FLAG_DIRECTION) == 0;
}

static bool keeps(uintptr_t address, uint8_t value)
{
    *(volatile uint8_t *)address = value;
    return *(volatile uint8_t *)address == value;
}

static unsigned read_selector_cs(void)
{
    uint16_t selector;

    __asm__ __volatile__("movw %%cs, %0" : "=r"(selector));
    return selector;
}

static unsigned read_selector_ss(void)
{
    uint16_t selector;

    __asm__ __volatile__("movw %%ss, %0" : "=r"(selector));
    return selector;
}

static int do_all_that_is_allowed(void)
{
    bool good = true;

    void (*volatile constant)(void) = (void (*)(void))(uintptr_t)constant_code;

    constant();
    good &= check("constants can be executed", true);
    good &= check("code can be read", *(volatile uint8_t *)(uintptr_t)ud2 != 0);
    good &= check("boot information can be written",
                  keeps(SPT_BOOT_INFO_BASE + sizeof(struct spt_boot_info) - 1, 7));
    good &= check("the first byte can be written", keeps(SPT_HOST_MEM_BASE, 1));
    good &= check("the byte below the image can be written", keeps(SPT_GUEST_MIN_BASE - 1, 1));
    good &= check("the last byte can be written", keeps(memory_end - 1, 1));
    good &= check("interrupts stay on", flags_are_kept());
    good &= check("the direction can be set", direction_can_be_set());
    good &= check("selectors", read_selector_cs() == 0x33 && read_selector_ss() == 0x2b);
    print(good ? "SUCCESS\n" : "FAILURE\n");
    return good ? SOLO5_EXIT_SUCCESS : SOLO5_EXIT_FAILURE;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_sptfaults ****\n\n");
    heap = info->heap_start;
    memory_end = info->heap_start + info->heap_size;
    if (*info->cmdline == '\0')
        return do_all_that_is_allowed();
    for (size_t i = 0; i < FAULTS; i++) {
        if (strcmp(info->cmdline, faults[i].name) != 0)
            continue;
        printf("now: %s\n", faults[i].name);
        faults[i].run();
        print("FAILURE: nothing happened\n");
        return SOLO5_EXIT_FAILURE;
    }
    print("usage: sptfaults [NAME]\n");
    for (size_t i = 0; i < FAULTS; i++)
        printf("  %s\n", faults[i].name);
    return 2;
}
