/*
 * Instructions of 64-bit code that are plainly none of those that sites.py looks for. Only lengths are
 * decoded: what is not certain counts as suspicious, which costs time and nothing else.
 * Encodings: Intel SDM volume 2, appendix A (opcode maps), chapter 2 (prefixes, ModRM, SIB).
 */
#ifndef SOLO5_REPLAY_OPCODES_H
#define SOLO5_REPLAY_OPCODES_H

#include <stdbool.h>
#include <stdint.h>

#define LONGEST_INSTRUCTION 15

/*
 * What follows an opcode, 16 opcodes a line:
 *   .  nothing       m  ModRM       b  ModRM and a byte       z  ModRM and 2 or 4 bytes
 *   1  a byte        2  2 bytes     3  3 bytes                4  2 or 4 bytes
 *   r  a jump's 4 bytes             i  2, 4 or 8 bytes        a  an address of 4 or 8 bytes
 *   g G  ModRM, and an operand for TEST alone                 f  the group of INC, CALL and JMP
 *   n  nothing, but pause with a repeat prefix
 *   x  the group of fences          c  the group of CMPXCHG16B
 *   p  a prefix or an escape, dealt with before               ?  suspicious
 */
static const char one_byte_map[] =
    "mmmm14??" "mmmm14?p" /* 00 */
    "mmmm14??" "mmmm14??" /* 10 */
    "mmmm14p?" "mmmm14p?" /* 20 */
    "mmmm14p?" "mmmm14p?" /* 30 */
    "pppppppp" "pppppppp" /* 40: REX */
    "........" "........" /* 50 */
    "???mpppp" "4z1b????" /* 60: EVEX, string I/O */
    "11111111" "11111111" /* 70 */
    "bz?bmmmm" "mmmmmm?m" /* 80: 8f is pop or XOP, told apart below */
    "n......." "..?....." /* 90: pause, with a prefix */
    "aaaa...." "14......" /* a0 */
    "11111111" "iiiiiiii" /* b0 */
    "bb2.??bz" "3.??.1??" /* c0: VEX, far returns */
    "mmmm???." "mmmmmmmm" /* d0 */
    "1111????" "rr?1????" /* e0: port I/O */
    "p?pp?.gG" "......mf" /* f0: hlt */;

static const char two_byte_map[] =
    "????????" "???.?m??" /* 0f 00: system instructions */
    "mmmmmmmm" "mmmmmmmm" /* 0f 10 */
    "????????" "mmmmmmmm" /* 0f 20: control registers */
    "????????" "????????" /* 0f 30: model-specific registers, cycle counter */
    "mmmmmmmm" "mmmmmmmm" /* 0f 40 */
    "mmmmmmmm" "mmmmmmmm" /* 0f 50 */
    "mmmmmmmm" "mmmmmmmm" /* 0f 60 */
    "bbbbmmm." "????mmmm" /* 0f 70 */
    "rrrrrrrr" "rrrrrrrr" /* 0f 80 */
    "mmmmmmmm" "mmmmmmmm" /* 0f 90 */
    "..?mbm??" "..?mbmxm" /* 0f a0: cpuid */
    "mmmmmmmm" "m?bmmmmm" /* 0f b0 */
    "mmbmbbbc" "........" /* 0f c0: rdrand, rdseed */
    "mmmmmmmm" "mmmmmmmm" /* 0f d0 */
    "mmmmmmmm" "mmmmmmmm" /* 0f e0 */
    "mmmmmmmm" "mmmmmmm?" /* 0f f0 */;

struct cursor {
    const uint8_t *at, *end;
};

struct prefixes {
    bool operand_size, address_size, lock, rex_w;
    bool legacy;    /* any but REX */
    uint8_t repeat; /* the prefix, f2 or f3 */
};

/* One instruction: the opcode has its escape bytes, but the prefixes, before it (0x0f38f0). */
struct instruction {
    struct prefixes prefixes;
    uint32_t opcode;
    const uint8_t *operands; /* what follows the opcode, */
    uint8_t modrm;           /* and its first byte, 0 where there is none */
};

/* The prefixes and the first byte behind them; -1 at the end of the block. */
static int opcode_byte(struct cursor *c, struct prefixes *p)
{
    int rex = 0;

    while (c->at < c->end) {
        const uint8_t byte = *c->at++;

        if ((byte & 0xf0) == 0x40 && rex == 0) {
            rex = byte;
            continue;
        }
        switch (byte) {
        case 0x66:
            p->operand_size = true;
            break;
        case 0x67:
            p->address_size = true;
            break;
        case 0xf2:
        case 0xf3:
            p->repeat = byte;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
            break;
        case 0xf0:
            p->lock = true;
            break;
        default:
            p->rex_w = rex & 8;
            return byte;
        }
        p->legacy = true;
        if (rex != 0)
            return -1; /* decoders differ over a REX prefix before another prefix */
    }
    return -1;
}

/* Bytes of the ModRM byte and what it brings with it; at the block's end more than are left. */
static unsigned modrm_bytes(const struct cursor *c)
{
    if (c->at == c->end)
        return 1;
    const uint8_t mod = c->at[0] >> 6, rm = c->at[0] & 7;

    if (mod == 3)
        return 1;
    const bool has_sib = rm == 4;
    const unsigned bytes = has_sib ? 2 : 1;
    if (mod == 1)
        return bytes + 1;
    if (mod == 2)
        return bytes + 4;
    if (!has_sib)
        return rm == 5 ? bytes + 4 : bytes;
    return c->end - c->at > 1 && (c->at[1] & 7) == 5 ? bytes + 4 : bytes;
}

/* The bytes that follow an opcode, by its letter; *plain is cleared for a suspicious one. */
static unsigned operand_bytes(char what, const struct cursor *c, const struct prefixes *p,
                              bool *plain)
{
    const unsigned word = p->operand_size && !p->rex_w ? 2 : 4;
    const uint8_t modrm = c->at < c->end ? *c->at : 0;
    const unsigned operation = modrm >> 3 & 7;
    const bool in_memory = modrm < 0xc0;

    switch (what) {
    case '.':
        return 0;
    case 'n':
        *plain = !p->repeat;
        return 0;
    case '1':
        return 1;
    case '2':
        *plain = !p->operand_size; /* decoders differ over RET with this prefix */
        return 2;
    case '3':
        return 3;
    case '4':
        return word;
    case 'i':
        return p->rex_w ? 8 : word;
    case 'a':
        return p->address_size ? 4 : 8;
    case 'm':
        return modrm_bytes(c);
    case 'b':
        return modrm_bytes(c) + 1;
    case 'z':
        return modrm_bytes(c) + word;
    case 'g':
        return modrm_bytes(c) + (operation < 2 ? 1 : 0);
    case 'G':
        return modrm_bytes(c) + (operation < 2 ? word : 0);
    case 'r':
        *plain = !p->operand_size; /* processors differ over the length with this prefix */
        return 4;
    case 'f':
        *plain = operation != 7 && operation != 5 && operation != 3;
        return modrm_bytes(c);
    case 'x':
        *plain = !p->operand_size && !p->repeat &&
                 (in_memory ? operation == 0 || operation == 3 || operation == 7 : operation >= 5);
        return modrm_bytes(c);
    case 'c':
        *plain = in_memory && operation == 1;
        return modrm_bytes(c);
    default:
        *plain = false;
        return 0;
    }
}

/* The letter for the opcode that begins with `byte`; *opcode becomes all of it. */
static char opcode_letter(uint8_t byte, struct cursor *c, uint32_t *opcode)
{
    *opcode = byte;
    if (byte == 0x8f) /* pop is /0; the others are XOP, which has the opcode to itself */
        return c->at < c->end && (*c->at & 0x38) == 0 ? 'm' : '?';
    if ((byte & 0xfe) == 0xc6) /* mov is /0; beyond are the transactions */
        return c->at < c->end && (*c->at & 0x38) == 0 ? one_byte_map[byte] : '?';
    if (byte != 0x0f)
        return one_byte_map[byte];
    if (c->at == c->end)
        return '?';
    const uint8_t second = *c->at++;
    *opcode = *opcode << 8 | second;
    if (second != 0x38 && second != 0x3a)
        return two_byte_map[second];
    if (c->at == c->end)
        return '?';
    const uint8_t third = *c->at++;
    *opcode = *opcode << 8 | third;
    if (second == 0x38)
        return third < 0x42 || (third >= 0xdb && third <= 0xdf) || third == 0xf0 || third == 0xf1
                   ? 'm'
                   : '?';
    return third < 0x64 || third == 0xdf ? 'b' : '?';
}

/* Step over one instruction; false when it is not plainly harmless. */
static bool skip_plain(struct cursor *c, struct instruction *i)
{
    const uint8_t *begin = c->at;
    bool plain = true;

    i->prefixes = (struct prefixes){.legacy = false};
    const int byte = opcode_byte(c, &i->prefixes);
    if (byte < 0)
        return false;
    const char letter = opcode_letter((uint8_t)byte, c, &i->opcode);
    const unsigned bytes = operand_bytes(letter, c, &i->prefixes, &plain);
    i->operands = c->at;
    i->modrm = c->at < c->end ? *c->at : 0;
    if (!plain || bytes > (uint64_t)(c->end - c->at))
        return false;
    c->at += bytes;
    return c->at - begin <= LONGEST_INSTRUCTION;
}

#endif
