/* What the files of this directory share. */
#ifndef BINDINGS_HVT_H
#define BINDINGS_HVT_H

#include "bindings.h"
#include "hvt_abi.h"

/* Valid from the first instruction of hvt_start on; read-only for the guest. */
extern const struct hvt_boot_info *boot_info;

/* clock.c: from when on there is time. */
void hvt_clock_init(void);

/* The address of an object for a hypercall, which takes 32 bits only. */
static inline hvt_gpa_t hvt_gpa(const volatile void *object)
{
    const uintptr_t gpa = (uintptr_t)object;

    CHECK(gpa <= UINT32_MAX);
    return gpa;
}

static inline void hvt_call(enum hvt_hypercall number, volatile void *arg)
{
    (void)hvt_gpa(arg);
    hvt_hypercall(number, arg);
}

#endif
