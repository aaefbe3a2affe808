/* What main.c and instructions.S agree on. */
#ifndef RDTSCP_REGISTERS_H
#define RDTSCP_REGISTERS_H

/* In every destination before the instruction. */
#define PATTERN 0xa5a5b6b6c7c7d8d8

/* CF, PF, AF, ZF, SF and OF, all set before the instruction. */
#define FLAGS_ARITHMETIC 0x8d5
#define FLAG_CARRY 0x1

/* All but the stack pointer, with the names of 64, 32 and 16 bits. */
#define FOR_EACH_REGISTER(X)                                               \
    X(rax, eax, ax) X(rcx, ecx, cx) X(rdx, edx, dx) X(rbx, ebx, bx)        \
    X(rbp, ebp, bp) X(rsi, esi, si) X(rdi, edi, di) X(r8, r8d, r8w)        \
    X(r9, r9d, r9w) X(r10, r10d, r10w) X(r11, r11d, r11w)                  \
    X(r12, r12d, r12w) X(r13, r13d, r13w) X(r14, r14d, r14w)               \
    X(r15, r15d, r15w)

#endif
