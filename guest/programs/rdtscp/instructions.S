/*
 * One function for each form of an instruction, called with the address of a
 * struct sample: value, flags, rax, rdx, rcx (u64 each).
 */
#include "registers.h"

        .macro  SAVE_REGISTERS
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdi
        .endm

        .macro  RESTORE_REGISTERS
        popq    %rdi
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        .endm

        .macro  SET_FLAGS
        pushq   $FLAGS_ARITHMETIC
        popfq
        .endm

        .macro  GENERATOR instruction, register, operand
        .globl  sample_\instruction\()_\operand
        .type   sample_\instruction\()_\operand, @function
sample_\instruction\()_\operand:
        SAVE_REGISTERS
        movabsq $PATTERN, %\register
        SET_FLAGS
        \instruction %\operand
        pushfq
        pushq   %\register
        movq    16(%rsp), %rdi
        popq    (%rdi)
        popq    8(%rdi)
        RESTORE_REGISTERS
        ret
        .size   sample_\instruction\()_\operand, . - sample_\instruction\()_\operand
        .endm

        .macro  COUNTER instruction
        .globl  sample_\instruction
        .type   sample_\instruction, @function
sample_\instruction:
        movabsq $PATTERN, %rax
        movq    %rax, %rdx
        movq    %rax, %rcx
        SET_FLAGS
        \instruction
        pushfq
        popq    8(%rdi)
        movq    %rax, 16(%rdi)
        movq    %rdx, 24(%rdi)
        movq    %rcx, 32(%rdi)
        ret
        .size   sample_\instruction, . - sample_\instruction
        .endm

#define GENERATORS(r64, r32, r16)                                          \
        GENERATOR rdrand, r64, r64 ; GENERATOR rdrand, r64, r32 ;          \
        GENERATOR rdrand, r64, r16 ; GENERATOR rdseed, r64, r64 ;          \
        GENERATOR rdseed, r64, r32 ; GENERATOR rdseed, r64, r16 ;

        .text
        COUNTER rdtsc
        COUNTER rdtscp
        FOR_EACH_REGISTER(GENERATORS)

        .section .note.GNU-stack, "", @progbits
