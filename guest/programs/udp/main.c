/*
 * Sends every UDP datagram for port 7 of 10.0.0.2 back to where it came from
 * (RFC 862); answers ARP requests and pings.
 *
 * Arguments: [limit N]; with a limit the program ends after so many datagrams.
 */
#include "args.h"
#include "lwip/udp.h"
#include "print.h"
#include "solo5.h"
#include "string.h"
#include "tcpip.h"

#define ECHO_PORT 7

static int64_t limit; /* 0: none */
static int64_t echoed;

/* Datagrams that could not be sent back count as lost ones do: not at all. */
static void echo(void *unused, struct udp_pcb *socket, struct pbuf *datagram,
                 const ip_addr_t *address, u16_t port)
{
    (void)unused;
    if (udp_sendto(socket, datagram, address, port) == ERR_OK)
        echoed++;
    pbuf_free(datagram);
}

static bool is_finished(void)
{
    return limit != 0 && echoed >= limit;
}

static bool parse(const char *rest)
{
    char word[24];

    if (!args_next(&rest, word, sizeof word))
        return true;
    return strcmp(word, "limit") == 0 && args_next(&rest, word, sizeof word) &&
           args_number(word, &limit) && limit > 0 && !args_next(&rest, word, sizeof word);
}

static bool listen(void)
{
    struct udp_pcb *socket = udp_new();

    if (socket == NULL || udp_bind(socket, IP_ADDR_ANY, ECHO_PORT) != ERR_OK)
        return false;
    udp_recv(socket, echo, NULL);
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_udp ****\n\n");
    if (!parse(info->cmdline)) {
        print("usage: udp [limit DATAGRAMS]\n");
        return 1;
    }
    if (!tcpip_start("service0") || !listen() || !tcpip_run(is_finished)) {
        print("FAILURE\n");
        return 1;
    }
    printf("%ld datagrams echoed\n", echoed);
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
