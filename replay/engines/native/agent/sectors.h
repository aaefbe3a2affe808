/* Which bytes of a block device the trace already holds: replay/machine/sectors.py in C. */
#ifndef AGENT_SECTORS_H
#define AGENT_SECTORS_H

#include "host.h"

#define SECTOR_BYTES 512ul

static inline uint8_t *sectors_byte(const struct block *block, uint64_t sector)
{
    return (uint8_t *)block->known + sector / 8;
}

/* Every sector that lies wholly inside is known from now on. */
static inline void sectors_learn(const struct block *block, uint64_t offset, uint64_t length)
{
    const uint64_t end = (offset + length) / SECTOR_BYTES;

    for (uint64_t at = (offset + SECTOR_BYTES - 1) / SECTOR_BYTES; at < end; at++)
        *sectors_byte(block, at) |= (uint8_t)(1u << at % 8);
}

/* Whether every sector touched is known. */
static inline bool sectors_cover(const struct block *block, uint64_t offset, uint64_t length)
{
    const uint64_t end = (offset + length + SECTOR_BYTES - 1) / SECTOR_BYTES;

    for (uint64_t at = offset / SECTOR_BYTES; at < end; at++) {
        if (!(*sectors_byte(block, at) >> at % 8 & 1))
            return false;
    }
    return true;
}

#endif
