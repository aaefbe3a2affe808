/*
 * Answers ARP requests and pings for 10.0.0.2 on one network device.
 *
 * Arguments: [verbose] [pattern] [limit [PINGS]], see lib-ping/responder.h.
 */
#include "responder.h"

static const struct responder_address addresses[] = {
    {.device = "service0", .ip = {10, 0, 0, 2}},
};

int solo5_app_main(const struct solo5_start_info *info)
{
    return respond(info, "net", addresses, sizeof addresses / sizeof *addresses);
}
