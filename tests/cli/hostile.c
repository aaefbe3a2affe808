/*
 * What a guest would do that wants out of its process, or its monitor to break: one thing per run.
 * The argument is a name from the table at the end; where it has to find the engine's own code in
 * its process, it does so by the jumps that the engine puts into the guest's code.
 */
#include "print.h"
#include "solo5.h"
#include "string.h"

#define TEXT UINT64_C(0x100000)
#define JUMP 0xe9
#define ARENA (UINT64_C(1) << 34)
#define GATE 0x210
#define SYS_MMAP 9
#define SYS_MPROTECT 10
#define SYS_KILL 62
#define TRAP_FLAG 0x100

static uintptr_t heap, memory_end;
static volatile uint64_t clocks;

extern char _etext[];

struct engine {
    uintptr_t arena;  /* where the engine's own part of the address space begins */
    uintptr_t entry;  /* of its agent */
    uint64_t *shared; /* what the agent shares with the monitor */
};

static uint64_t word_at(uintptr_t address)
{
    uint64_t word;

    memcpy(&word, (const void *)address, sizeof word);
    return word;
}

/* A trampoline holds the addresses of the agent and of the place where it keeps RAX. */
static int find_engine(struct engine *engine)
{
    clocks = solo5_clock_monotonic();
    for (uintptr_t at = TEXT; at < (uintptr_t)_etext - 5; at++) {
        const int32_t distance = (int32_t)word_at(at + 1);
        const uintptr_t to = at + 5 + (uintptr_t)(int64_t)distance;

        if (*(const uint8_t *)at != JUMP || to < memory_end || to > UINT64_C(1) << 31)
            continue;
        for (uintptr_t in = to; in < to + 64; in++) {
            if ((word_at(in) & 0xffff) == 0xa348)
                engine->shared = (uint64_t *)word_at(in + 2);
            if ((word_at(in) & 0xffffffffffff) == 0x25ff)
                engine->entry = word_at(in + 6);
        }
        if (engine->shared == NULL || engine->entry == 0)
            continue;
        engine->arena = engine->entry & -ARENA;
        return 1;
    }
    print("there is no agent\n");
    return 0;
}

static int64_t linux_call(uintptr_t by, int64_t number, uint64_t first, uint64_t rights)
{
    register int64_t rax __asm__("rax") = number;
    register uint64_t r10 __asm__("r10") = 0x32;
    register int64_t r8 __asm__("r8") = -1;
    register int64_t r9 __asm__("r9") = 0;

    __asm__ __volatile__("callq *%[by]"
                         : "+r"(rax)
                         : [by] "b"(by), "D"(first), "S"(4096), "d"(rights), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
    return rax;
}

static void overwrite(void)
{
    uintptr_t to = heap, count = memory_end - heap;

    __asm__ __volatile__("rep stosb\n\t"
                         "retq"
                         : "+D"(to), "+c"(count)
                         : "a"(0xcc)
                         : "memory");
}

static void noise(void)
{
    uint64_t *words = (uint64_t *)heap, seed = 88172645463325252;

    for (int i = 0; i < 512; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        words[i] = seed;
    }
    ((void (*)(void))heap)();
}

static void int80(void)
{
    __asm__ __volatile__("int $0x80" : : "a"(1), "b"(99) : "memory");
}

static void linux_exit(void)
{
    __asm__ __volatile__("syscall" : : "a"(60), "D"(99) : "rcx", "r11", "memory");
}

static void sysenter(void)
{
    __asm__ __volatile__("sysenter" : : "a"(1), "b"(99) : "memory");
}

static void popf(void)
{
    __asm__ __volatile__("pushq $%c0\n\tpopfq\n\tnop\n\tnop" : : "i"(TRAP_FLAG | 2) : "cc");
}

static void iopl(void)
{
    __asm__ __volatile__("pushq $0x3002\n\tpopfq\n\tcli\n\toutb %%al, $0x80" : : : "cc");
}

__attribute__((noinline)) static uint64_t recurse(uint64_t depth)
{
    volatile uint64_t room[512];

    room[depth % 512] = depth;
    return depth == 0 ? 0 : recurse(depth + 1) + room[depth % 512];
}

static void overflow(void)
{
    clocks = recurse(1);
}

static void spin(void)
{
    for (;;)
        clocks++;
}

static void calls(void)
{
    for (;;)
        clocks += solo5_clock_monotonic();
}

static void gate(void)
{
    struct engine engine = {0};

    if (find_engine(&engine))
        printf("mprotect: %d\n", (int)linux_call(engine.arena + GATE, SYS_MPROTECT, TEXT, 7));
}

static void gatemap(void)
{
    struct engine engine = {0};

    if (find_engine(&engine))
        printf("mmap: %d\n",
               (int)linux_call(engine.arena + GATE, SYS_MMAP, engine.arena + 3 * (ARENA >> 2), 3));
}

static void gatekill(void)
{
    struct engine engine = {0};

    if (find_engine(&engine))
        printf("kill: %d\n", (int)linux_call(engine.arena + GATE, SYS_KILL, 1, 0));
}

static void entry(void)
{
    struct engine engine = {0};

    if (find_engine(&engine))
        linux_call(engine.entry, 12345678, 0, 0);
}

/* From the agent's first page on, whatever follows. */
static void agent(void)
{
    struct engine engine = {0};

    if (!find_engine(&engine))
        return;
    for (uintptr_t at = engine.entry; at < engine.entry + 0x2000; at++)
        if ((word_at(at) & 0xffff) == 0x050f)
            linux_call(at, SYS_MPROTECT, TEXT, 7);
}

/* An indirect jump among the agent's bytes, to itself. */
static void turn(void)
{
    struct engine engine = {0};

    if (!find_engine(&engine))
        return;
    print("turning\n");
    for (uintptr_t at = engine.entry; at < engine.entry + 0x4000; at++) {
        if ((word_at(at) & 0xffff) == 0xe0ff)
            __asm__ __volatile__("jmpq *%0" : : "a"(at));
        if ((word_at(at) & 0xffff) == 0xd0ff)
            __asm__ __volatile__("jmpq *%0" : : "a"(at));
        if ((word_at(at) & 0xffff) == 0xfeeb)
            __asm__ __volatile__("jmpq *%0" : : "a"(at));
    }
    spin();
}

static void ring(void)
{
    struct engine engine = {0};

    if (!find_engine(&engine))
        return;
    for (int i = 0; i < 8192; i++)
        engine.shared[i] = ~UINT64_C(0);
    for (int i = 0; i < 1000; i++)
        clocks += solo5_clock_monotonic();
}

/* Everything but what is needed to come to the agent again. */
static void blocks(void)
{
    struct engine engine = {0};

    if (!find_engine(&engine))
        return;
    for (int i = 8192; i < 8192 + 32768 * 8; i++)
        engine.shared[i] = 0x5555555555555555;
    for (int i = 0; i < 1000; i++)
        clocks += solo5_clock_monotonic();
}

static const struct {
    const char *name;
    void (*run)(void);
} deeds[] = {
    {"overwrite", overwrite}, {"noise", noise},   {"int80", int80},       {"linux", linux_exit},
    {"sysenter", sysenter},   {"popf", popf},     {"iopl", iopl},         {"overflow", overflow},
    {"spin", spin},           {"calls", calls},   {"gate", gate},         {"gatemap", gatemap},
    {"gatekill", gatekill},   {"entry", entry},   {"agent", agent},       {"turn", turn},
    {"ring", ring},           {"blocks", blocks},
};

int solo5_app_main(const struct solo5_start_info *info)
{
    heap = info->heap_start;
    memory_end = info->heap_start + info->heap_size;
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        if (strcmp(info->cmdline, deeds[i].name) != 0)
            continue;
        printf("now: %s\n", deeds[i].name);
        deeds[i].run();
        print("nothing happened\n");
        return 0;
    }
    print("no such deed\n");
    return 2;
}
