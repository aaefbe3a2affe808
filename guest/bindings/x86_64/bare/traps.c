/*
 * A trap ends the unikernel: say what happened and where, then give the tender
 * the frame for its core dump.
 */
#include "bindings.h"
#include "layout.h"

#define VECTOR_PAGE_FAULT 14

/* The halt cookie of hvt: seven 64-bit words in this order. */
struct trap_frame {
    uint64_t cr2;
    uint64_t error_code;
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

void trap_handle(unsigned vector, const struct trap_frame *frame)
    __attribute__((noreturn, used));

static const char *const names[TRAP_VECTORS] = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "",    "#TS",
    "#NP", "#SS", "#GP", "#PF", "",    "#MF", "#AC", "#MC", "#XM", "#VE",
};

void trap_handle(unsigned vector, const struct trap_frame *frame)
{
    log_line(LOG_INFO, "Solo5: trap %s error_code=0x%lx rip=0x%lx rsp=0x%lx rflags=0x%lx\n",
             names[vector], frame->error_code, frame->rip, frame->rsp, frame->rflags);
    if (vector == VECTOR_PAGE_FAULT)
        log_line(LOG_INFO, "Solo5: trap %s cr2=0x%lx\n", names[vector], frame->cr2);
    FAIL_WITH_COOKIE("fatal trap", frame);
}
