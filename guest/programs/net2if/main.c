/*
 * Answers ARP requests and pings on two network devices: for 10.0.0.2 on the
 * first and for 10.1.0.2 on the second.  Both count towards the limit.
 *
 * Arguments: [verbose] [pattern] [limit [PINGS]], see lib-ping/responder.h.
 */
#include "responder.h"

static const struct responder_address addresses[] = {
    {.device = "service0", .ip = {10, 0, 0, 2}},
    {.device = "service1", .ip = {10, 1, 0, 2}},
};

int solo5_app_main(const struct solo5_start_info *info)
{
    return respond(info, "net_2if", addresses, sizeof addresses / sizeof *addresses);
}
