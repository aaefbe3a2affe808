/*
 * The first instruction.  rdi holds the address of the boot information, the
 * stack is as after a call; the zero pushed here ends every backtrace.
 */
        .section .text.solo5_start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined %rip
        xorl    %ebp, %ebp
        cld
        pushq   $0
        call    spt_start
        ud2
        .cfi_endproc
        .size   _start, . - _start

        .section .note.GNU-stack, "", @progbits
