/*
 * How a guest comes here and goes back.
 *
 * A trampoline has stored RAX in control.rax and jumps to agent_entry with the
 * number of its site in RAX; everything else is the guest's.  The guest's stack
 * may be anywhere and has a red zone, so nothing is pushed there.  No register of
 * the floating-point unit and no flag is changed.
 *
 * agent_serve says where to go on: in the guest, or at agent_stopped, where the
 * monitor finds the guest's registers complete except for RIP, which is
 * control.resume.
 */
#ifndef AGENT_ENTRY_H
#define AGENT_ENTRY_H

#include "layout.h"

#define STACK_BYTES 65536

struct frame {
    uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx;
    uint64_t flags;
    uint64_t rsp;
};

__attribute__((used)) static struct {
    uint8_t stack[STACK_BYTES];
    uint64_t target;
} agent_private __attribute__((aligned(64)));

/* struct controls: rax @0, site @8. */
_Static_assert(offsetof(struct shared, controls.rax) == 0, "entry code");
_Static_assert(offsetof(struct shared, controls.site) == 8, "entry code");
_Static_assert(sizeof(struct frame) == 10 * 8, "entry code");

__asm__(".text\n"
        ".globl agent_entry\n"
        ".hidden agent_entry\n"
        "agent_entry:\n"
        "    movq %rax, 8+agent_shared(%rip)\n"
        "    leaq 65536+agent_private(%rip), %rax\n"
        "    movq %rsp, -8(%rax)\n"
        "    leaq -8(%rax), %rsp\n"
        "    pushfq\n"
        "    pushq %rcx\n"
        "    pushq %rdx\n"
        "    pushq %rsi\n"
        "    pushq %rdi\n"
        "    pushq %r8\n"
        "    pushq %r9\n"
        "    pushq %r10\n"
        "    pushq %r11\n"
        "    cld\n"
        "    movq %rsp, %rdi\n"
        "    call agent_serve\n"
        "    movq %rax, 65536+agent_private(%rip)\n"
        "    popq %r11\n"
        "    popq %r10\n"
        "    popq %r9\n"
        "    popq %r8\n"
        "    popq %rdi\n"
        "    popq %rsi\n"
        "    popq %rdx\n"
        "    popq %rcx\n"
        "    popfq\n"
        "    movq agent_shared(%rip), %rax\n"
        "    popq %rsp\n"
        "    jmp *65536+agent_private(%rip)\n"
        "    .globl agent_stopped\n"
        "    .hidden agent_stopped\n"
        "agent_stopped:\n"
        "    int3\n");

extern const char agent_stopped[] __attribute__((visibility("hidden")));

#endif
