/*
 * Answers ARP requests and pings for 10.0.0.2 on one network device.
 *
 * Arguments: [verbose] [limit [PINGS]]; with a limit the program ends after so
 * many pings, 100000 by default.
 */
#include <stdbool.h>

#include "args.h"
#include "print.h"
#include "solo5.h"
#include "string.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define PINGS_DEFAULT 100000
#define MTU_MAX 9000u

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806 };
enum { ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { PROTOCOL_ICMP = 1, ICMP_ECHO_REPLY = 0, ICMP_ECHO_REQUEST = 8 };

struct ethernet {
    uint8_t to[SOLO5_NET_ALEN];
    uint8_t from[SOLO5_NET_ALEN];
    uint8_t type[2];
} __attribute__((packed));

struct arp {
    struct ethernet ethernet;
    uint8_t hardware[2];
    uint8_t protocol[2];
    uint8_t lengths[2];
    uint8_t operation[2];
    uint8_t sender_mac[SOLO5_NET_ALEN];
    uint8_t sender_ip[4];
    uint8_t target_mac[SOLO5_NET_ALEN];
    uint8_t target_ip[4];
} __attribute__((packed));

struct ping {
    struct ethernet ethernet;
    uint8_t version_and_length;
    uint8_t service;
    uint8_t total_length[2];
    uint8_t identification[2];
    uint8_t fragment[2];
    uint8_t ttl;
    uint8_t protocol;
    uint8_t header_checksum[2];
    uint8_t source[4];
    uint8_t destination[4];
    uint8_t icmp_type;
    uint8_t icmp_code;
    uint8_t icmp_checksum[2];
} __attribute__((packed));

#define IPV4_HEADER 20u
#define IPV4_WITHOUT_OPTIONS 0x45

static const uint8_t our_ip[4] = {10, 0, 0, 2};
static const uint8_t arp_for_ipv4[6] = {0, 1, 8, 0, SOLO5_NET_ALEN, 4};
static const uint8_t broadcast[SOLO5_NET_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct {
    solo5_handle_t handle;
    uint8_t mac[SOLO5_NET_ALEN];
    size_t frame_max;
    bool verbose;
    int64_t limit; /* 0: none */
    int64_t pings;
} state;

static unsigned get16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static void put16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

/* The Internet checksum, RFC 1071. */
static unsigned checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;

    for (; size > 1; size -= 2, bytes += 2)
        sum += get16(bytes);
    if (size > 0)
        sum += (uint32_t)*bytes << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void address_frame(struct ethernet *frame, const uint8_t *to)
{
    memmove(frame->to, to, SOLO5_NET_ALEN);
    memcpy(frame->from, state.mac, SOLO5_NET_ALEN);
}

static bool send(const void *frame, size_t size)
{
    if (solo5_net_write(state.handle, frame, size) == SOLO5_R_OK)
        return true;
    print("write error\n");
    return false;
}

static bool announce(void)
{
    struct arp frame;

    memset(&frame, 0, sizeof frame);
    address_frame(&frame.ethernet, broadcast);
    put16(frame.ethernet.type, ETHERTYPE_ARP);
    memcpy(frame.hardware, arp_for_ipv4, sizeof arp_for_ipv4);
    put16(frame.operation, ARP_REQUEST);
    memcpy(frame.sender_mac, state.mac, SOLO5_NET_ALEN);
    memcpy(frame.sender_ip, our_ip, sizeof our_ip);
    memcpy(frame.target_ip, our_ip, sizeof our_ip);
    return send(&frame, sizeof frame);
}

static bool answer_arp(struct arp *frame, size_t size)
{
    if (size < sizeof *frame || memcmp(frame->hardware, arp_for_ipv4, sizeof arp_for_ipv4) != 0 ||
        get16(frame->operation) != ARP_REQUEST ||
        memcmp(frame->target_ip, our_ip, sizeof our_ip) != 0)
        return true;
    address_frame(&frame->ethernet, frame->sender_mac);
    put16(frame->operation, ARP_REPLY);
    memcpy(frame->target_mac, frame->sender_mac, SOLO5_NET_ALEN);
    memcpy(frame->target_ip, frame->sender_ip, sizeof our_ip);
    memcpy(frame->sender_mac, state.mac, SOLO5_NET_ALEN);
    memcpy(frame->sender_ip, our_ip, sizeof our_ip);
    if (state.verbose)
        print("arp request answered\n");
    return send(frame, sizeof *frame);
}

static bool is_ping_for_us(const struct ping *frame, size_t size)
{
    return size >= sizeof *frame && frame->version_and_length == IPV4_WITHOUT_OPTIONS &&
           frame->protocol == PROTOCOL_ICMP && frame->icmp_type == ICMP_ECHO_REQUEST &&
           memcmp(frame->destination, our_ip, sizeof our_ip) == 0 &&
           get16(frame->total_length) >= sizeof *frame - sizeof frame->ethernet &&
           get16(frame->total_length) <= size - sizeof frame->ethernet;
}

static bool answer_ping(struct ping *frame, size_t size)
{
    if (!is_ping_for_us(frame, size))
        return true;

    const size_t icmp_size = get16(frame->total_length) - IPV4_HEADER;

    address_frame(&frame->ethernet, frame->ethernet.from);
    memcpy(frame->destination, frame->source, sizeof our_ip);
    memcpy(frame->source, our_ip, sizeof our_ip);
    frame->ttl = 64;
    put16(frame->header_checksum, 0);
    put16(frame->header_checksum, checksum(&frame->version_and_length, IPV4_HEADER));
    frame->icmp_type = ICMP_ECHO_REPLY;
    put16(frame->icmp_checksum, 0);
    put16(frame->icmp_checksum, checksum(&frame->icmp_type, icmp_size));
    state.pings++;
    if (state.verbose)
        printf("ping %ld answered\n", state.pings);
    return send(frame, sizeof frame->ethernet + IPV4_HEADER + icmp_size);
}

/* Reads one frame and answers it; false if the device failed. */
static bool serve_frame(void)
{
    static uint8_t frame[MTU_MAX + SOLO5_NET_HLEN] __attribute__((aligned(16)));
    size_t size;

    if (solo5_net_read(state.handle, frame, state.frame_max, &size) != SOLO5_R_OK) {
        print("read error\n");
        return false;
    }
    if (size < sizeof(struct ethernet))
        return true;
    switch (get16(((struct ethernet *)frame)->type)) {
    case ETHERTYPE_ARP:
        return answer_arp((struct arp *)frame, size);
    case ETHERTYPE_IPV4:
        return answer_ping((struct ping *)frame, size);
    default:
        return true;
    }
}

static bool serve(void)
{
    solo5_handle_set_t ready;

    while (state.limit == 0 || state.pings < state.limit) {
        solo5_yield(solo5_clock_monotonic() + NS_PER_SECOND, &ready);
        if ((ready >> state.handle & 1) && !serve_frame())
            return false;
    }
    return true;
}

static bool parse(const char *rest)
{
    char word[24];

    while (args_next(&rest, word, sizeof word)) {
        if (strcmp(word, "verbose") == 0)
            state.verbose = true;
        else if (strcmp(word, "limit") == 0)
            state.limit = PINGS_DEFAULT;
        else if (state.limit == 0 || !args_number(word, &state.limit) || state.limit < 1)
            return false;
    }
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    struct solo5_net_info device;

    print("\n**** Solo5 standalone test_net ****\n\n");
    if (!parse(info->cmdline)) {
        print("usage: net [verbose] [limit [PINGS]]\n");
        return 1;
    }
    if (solo5_net_acquire("service0", &state.handle, &device) != SOLO5_R_OK) {
        print("FAILURE: cannot acquire service0\n");
        return 1;
    }
    memcpy(state.mac, device.mac_address, SOLO5_NET_ALEN);
    state.frame_max = (device.mtu < MTU_MAX ? device.mtu : MTU_MAX) + SOLO5_NET_HLEN;
    printf("service0: mac %02x:%02x:%02x:%02x:%02x:%02x\n", state.mac[0], state.mac[1],
           state.mac[2], state.mac[3], state.mac[4], state.mac[5]);
    printf("MTU is %lu\n", device.mtu);
    if (!announce() || !serve()) {
        print("FAILURE\n");
        return 1;
    }
    printf("%ld pings answered\n", state.pings);
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
