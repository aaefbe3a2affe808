/* What processor the guest sees, leaf by leaf. */
#include <stdbool.h>

#include "cpuid.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define EXTENDED 0x80000000u
#define LEAVES_MAX 64u /* of each range; more would be a broken answer */
#define SUBLEAVES 4u

static bool has_subleaves(uint32_t leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

static void print_leaf(uint32_t leaf, uint32_t subleaf)
{
    const struct cpuid r = cpuid(leaf, subleaf);

    printf("%08x.%x: eax=%08x ebx=%08x ecx=%08x edx=%08x\n", leaf, subleaf, r.eax, r.ebx, r.ecx,
           r.edx);
}

static void print_range(uint32_t first)
{
    const uint32_t last = cpuid(first, 0).eax;

    for (uint32_t leaf = first; leaf <= last && leaf - first < LEAVES_MAX; leaf++)
        for (uint32_t sub = 0; sub < (has_subleaves(leaf) ? SUBLEAVES : 1); sub++)
            print_leaf(leaf, sub);
}

int solo5_app_main(const struct solo5_start_info *info)
{
    const struct cpuid first = cpuid(0, 0);
    char vendor[13] = "";

    (void)info;
    print("\n**** Solo5 standalone test_cpuid ****\n\n");
    memcpy(vendor, &first.ebx, 4);
    memcpy(vendor + 4, &first.edx, 4);
    memcpy(vendor + 8, &first.ecx, 4);
    printf("vendor: %s\n", vendor);
    print_range(0);
    print_range(EXTENDED);
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
