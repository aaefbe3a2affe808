/* For guests that have the processor to themselves. */
#ifndef X86_64_BARE_H
#define X86_64_BARE_H

#include <stdint.h>

#define CPU_MSR_FS_BASE 0xc0000100u

static inline void cpu_write_msr(uint32_t msr, uint64_t value)
{
    __asm__ __volatile__("wrmsr"
                         :
                         : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                         : "memory");
}

/* tables.c: descriptor tables, trap stacks, trap gates. */
void cpu_tables_init(void);

/* tsc.c: nanoseconds from the cycle counter. */
void tsc_init(uint64_t frequency_hz);
uint64_t tsc_nanoseconds(void);

#endif
