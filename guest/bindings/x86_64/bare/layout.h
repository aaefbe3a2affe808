/* Numbers shared by the C and the assembly of the descriptor tables. */
#ifndef X86_64_LAYOUT_H
#define X86_64_LAYOUT_H

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

#define TRAP_VECTORS 21 /* 0..20; 9 and 15 do not exist */

#endif
