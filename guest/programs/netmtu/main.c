/* Prints the largest packet that a network device takes. */
#include "args.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

static void print_mac(const uint8_t *mac)
{
    printf("service0: mac %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3],
           mac[4], mac[5]);
}

int solo5_app_main(const struct solo5_start_info *info)
{
    const char *rest = info->cmdline;
    struct solo5_net_info device;
    solo5_handle_t handle;
    char word[24];

    print("\n**** Solo5 standalone test_net_mtu ****\n\n");
    if (solo5_net_acquire("service0", &handle, &device) != SOLO5_R_OK) {
        print("FAILURE: cannot acquire service0\n");
        return 1;
    }
    if (args_next(&rest, word, sizeof word) && word[0] == 'v')
        print_mac(device.mac_address);
    printf("MTU is %lu\n", device.mtu);
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
