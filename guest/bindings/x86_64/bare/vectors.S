/*
 * Entry points of the traps.  Each makes the same picture on its stack,
 *
 *     cr2  error code  rip  cs  rflags  rsp  ss        (struct trap_frame)
 *
 * saves the registers that C does not preserve below it, and calls
 * trap_handle(vector, frame), which does not return.  The unwind information
 * lets a debugger walk from the handler into the code that trapped.
 */
#include "layout.h"

        .macro  SAVE register
        pushq   %\register
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %\register, 0
        .endm

        .macro  TRAP vector, has_error_code
        .p2align 4
trap_entry_\vector:
        .cfi_startproc
        .cfi_signal_frame
        .cfi_def_cfa %rsp, 40           /* rip cs rflags rsp ss */
        .cfi_offset %rip, -40
        .cfi_offset %rsp, -16
        .if     \has_error_code
        .cfi_adjust_cfa_offset 8
        .else
        pushq   $0
        .cfi_adjust_cfa_offset 8
        .endif
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        movq    %cr2, %rax
        xchgq   %rax, (%rsp)
        SAVE    rdi
        SAVE    rsi
        SAVE    rax
        SAVE    rcx
        SAVE    rdx
        SAVE    r8
        SAVE    r9
        SAVE    r10
        SAVE    r11
        movl    $\vector, %edi
        leaq    72(%rsp), %rsi
        cld
        call    trap_handle
        ud2
        .cfi_endproc
        .endm

        .text
        TRAP    0, 0
        TRAP    1, 0
        TRAP    2, 0
        TRAP    3, 0
        TRAP    4, 0
        TRAP    5, 0
        TRAP    6, 0
        TRAP    7, 0
        TRAP    8, 1
        TRAP    10, 1
        TRAP    11, 1
        TRAP    12, 1
        TRAP    13, 1
        TRAP    14, 1
        TRAP    16, 0
        TRAP    17, 1
        TRAP    18, 0
        TRAP    19, 0
        TRAP    20, 0

        .section .rodata
        .globl  trap_entries
        .type   trap_entries, @object
        .size   trap_entries, 8 * TRAP_VECTORS
        .p2align 3
trap_entries:
        .quad   trap_entry_0, trap_entry_1, trap_entry_2, trap_entry_3
        .quad   trap_entry_4, trap_entry_5, trap_entry_6, trap_entry_7
        .quad   trap_entry_8, 0, trap_entry_10, trap_entry_11
        .quad   trap_entry_12, trap_entry_13, trap_entry_14, 0
        .quad   trap_entry_16, trap_entry_17, trap_entry_18, trap_entry_19
        .quad   trap_entry_20

        .section .note.GNU-stack, "", @progbits
