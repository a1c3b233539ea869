/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fiber_switch(rdi: from, rsi: to), System V x86-64. Only what a callee must keep is saved; the
 * floating-point control words are left alone because nothing here ever changes them. The
 * object carries no SHSTK property on purpose: a shadow stack would have to be switched too, so
 * the linker leaves that feature off for the whole program.
 */
    .text
    .globl  fiber_switch
    .hidden fiber_switch
    .type   fiber_switch, @function
    .p2align 4
fiber_switch:
    .cfi_startproc
    endbr64
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, (%rdi)
    movq    (%rsi), %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .cfi_endproc
    .size   fiber_switch, . - fiber_switch
    .section .note.GNU-stack, "", @progbits
