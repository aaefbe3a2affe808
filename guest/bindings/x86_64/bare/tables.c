/*
 * GDT, TSS and IDT.  Traps run on stacks of their own, so that a guest whose
 * stack pointer is wrong can still say so.
 */
#include "bindings.h"
#include "bare.h"
#include "layout.h"

#define GDT_CODE UINT64_C(0x00af9b000000ffff) /* 64-bit, ring 0, accessed */
#define GDT_DATA UINT64_C(0x00cf93000000ffff) /* writable, ring 0, accessed */
#define GDT_TSS_AVAILABLE UINT64_C(0x0000890000000000)
#define GATE_INTERRUPT 0x8e /* present, ring 0, interrupts off */
#define IDT_ENTRIES 48      /* traps, then sixteen interrupts for those who have them */
#define IST_STACK_SIZE 4096

enum ist { IST_INTERRUPT = 1, IST_TRAP = 2, IST_NESTED = 3, IST_COUNT = 3 };

enum { VECTOR_NMI = 2, VECTOR_DOUBLE_FAULT = 8 };

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_offset;
} __attribute__((packed));

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* Addresses of the entry points, 0 where there is none; vectors.S. */
extern const uintptr_t trap_entries[TRAP_VECTORS];

static uint64_t gdt[5];
static struct gate idt[IDT_ENTRIES];
static struct tss tss;
static uint8_t stacks[IST_COUNT][IST_STACK_SIZE] __attribute__((aligned(16)));

static void gdt_init(void)
{
    const uintptr_t base = (uintptr_t)&tss;

    gdt[SELECTOR_CODE / 8] = GDT_CODE;
    gdt[SELECTOR_DATA / 8] = GDT_DATA;
    gdt[SELECTOR_TSS / 8] = GDT_TSS_AVAILABLE | (sizeof tss - 1) | (base & 0xffffff) << 16 |
                            (base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

static void load_gdt(void)
{
    const struct table_register gdtr = {.limit = sizeof gdt - 1, .base = (uintptr_t)gdt};

    __asm__ __volatile__("lgdt %0\n\t"
                         "pushq %1\n\t"
                         "leaq 1f(%%rip), %%rax\n\t"
                         "pushq %%rax\n\t"
                         "lretq\n"
                         "1:\tmovl %2, %%eax\n\t"
                         "movl %%eax, %%ss\n\t"
                         "movl %%eax, %%ds\n\t"
                         "movl %%eax, %%es\n\t"
                         :
                         : "m"(gdtr), "i"(SELECTOR_CODE), "i"(SELECTOR_DATA)
                         : "rax", "memory");
}

static void tss_init(void)
{
    for (size_t i = 0; i < IST_COUNT; i++)
        tss.ist[i] = (uintptr_t)stacks[i] + IST_STACK_SIZE;
    tss.io_map_offset = sizeof tss;
    __asm__ __volatile__("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

static void idt_init(void)
{
    const struct table_register idtr = {.limit = sizeof idt - 1, .base = (uintptr_t)idt};

    for (size_t i = 0; i < TRAP_VECTORS; i++) {
        const uintptr_t entry = trap_entries[i];

        if (entry == 0)
            continue;
        idt[i] = (struct gate){
            .offset_low = (uint16_t)entry,
            .selector = SELECTOR_CODE,
            .ist = i == VECTOR_NMI || i == VECTOR_DOUBLE_FAULT ? IST_NESTED : IST_TRAP,
            .type = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(entry >> 16),
            .offset_high = (uint32_t)(entry >> 32),
        };
    }
    __asm__ __volatile__("lidt %0" : : "m"(idtr) : "memory");
}

void cpu_tables_init(void)
{
    gdt_init();
    load_gdt();
    tss_init();
    idt_init();
}
