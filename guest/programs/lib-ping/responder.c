#include "responder.h"

#include "args.h"
#include "layouts.h"
#include "print.h"
#include "string.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define PINGS_DEFAULT 100000
#define MTU_MAX 9000u
#define DEVICES_MAX 2u

/* ping(8) has the time of sending in front of the pattern. */
#define PATTERN_START 16u

struct device {
    solo5_handle_t handle;
    uint8_t mac[SOLO5_NET_ALEN];
    uint8_t ip[4];
    size_t frame_max;
};

static const uint8_t arp_for_ipv4[6] = {0, 1, 8, 0, SOLO5_NET_ALEN, 4};
static const uint8_t broadcast[SOLO5_NET_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t pattern[4] = {0xde, 0xad, 0xbe, 0xef};

static struct {
    struct device devices[DEVICES_MAX];
    unsigned count;
    bool verbose;
    bool pattern;
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

static void address_frame(const struct device *device, struct ethernet *frame, const uint8_t *to)
{
    memmove(frame->to, to, SOLO5_NET_ALEN);
    memcpy(frame->from, device->mac, SOLO5_NET_ALEN);
}

static bool send(const struct device *device, const void *frame, size_t size)
{
    if (solo5_net_write(device->handle, frame, size) == SOLO5_R_OK)
        return true;
    print("write error\n");
    return false;
}

static bool announce(const struct device *device)
{
    struct arp frame;

    memset(&frame, 0, sizeof frame);
    address_frame(device, &frame.ethernet, broadcast);
    put16(frame.ethernet.type, ETHERTYPE_ARP);
    memcpy(frame.hardware, arp_for_ipv4, sizeof arp_for_ipv4);
    put16(frame.operation, ARP_REQUEST);
    memcpy(frame.sender_mac, device->mac, SOLO5_NET_ALEN);
    memcpy(frame.sender_ip, device->ip, sizeof device->ip);
    memcpy(frame.target_ip, device->ip, sizeof device->ip);
    return send(device, &frame, sizeof frame);
}

static bool answer_arp(const struct device *device, struct arp *frame, size_t size)
{
    if (size < sizeof *frame || memcmp(frame->hardware, arp_for_ipv4, sizeof arp_for_ipv4) != 0 ||
        get16(frame->operation) != ARP_REQUEST ||
        memcmp(frame->target_ip, device->ip, sizeof device->ip) != 0)
        return true;
    address_frame(device, &frame->ethernet, frame->sender_mac);
    put16(frame->operation, ARP_REPLY);
    memcpy(frame->target_mac, frame->sender_mac, SOLO5_NET_ALEN);
    memcpy(frame->target_ip, frame->sender_ip, sizeof device->ip);
    memcpy(frame->sender_mac, device->mac, SOLO5_NET_ALEN);
    memcpy(frame->sender_ip, device->ip, sizeof device->ip);
    if (state.verbose)
        print("arp request answered\n");
    return send(device, frame, sizeof *frame);
}

static bool is_ping_for(const struct device *device, const struct ping *frame, size_t size)
{
    return size >= sizeof *frame && frame->version_and_length == IPV4_WITHOUT_OPTIONS &&
           frame->protocol == PROTOCOL_ICMP && frame->icmp_type == ICMP_ECHO_REQUEST &&
           (get16(frame->fragment) & IPV4_FRAGMENTED) == 0 &&
           memcmp(frame->destination, device->ip, sizeof device->ip) == 0 &&
           get16(frame->total_length) >= sizeof *frame - sizeof frame->ethernet &&
           get16(frame->total_length) <= size - sizeof frame->ethernet;
}

static bool has_pattern(const struct ping *frame)
{
    const uint8_t *data = (const uint8_t *)frame + sizeof *frame;
    const size_t size = get16(frame->total_length) - (sizeof *frame - sizeof frame->ethernet);

    data += 4; /* identifier and sequence number */
    for (size_t i = PATTERN_START; i + 4 < size; i++) {
        if (data[i] != pattern[i % sizeof pattern]) {
            printf("ping %ld: byte %lu is %02x\n", state.pings + 1, i, data[i]);
            return false;
        }
    }
    return true;
}

static bool answer_ping(const struct device *device, struct ping *frame, size_t size)
{
    if (!is_ping_for(device, frame, size))
        return true;
    if (state.pattern && !has_pattern(frame))
        return false;

    const size_t icmp_size = get16(frame->total_length) - IPV4_HEADER;

    address_frame(device, &frame->ethernet, frame->ethernet.from);
    memcpy(frame->destination, frame->source, sizeof device->ip);
    memcpy(frame->source, device->ip, sizeof device->ip);
    frame->ttl = 64;
    put16(frame->header_checksum, 0);
    put16(frame->header_checksum, checksum(&frame->version_and_length, IPV4_HEADER));
    frame->icmp_type = ICMP_ECHO_REPLY;
    put16(frame->icmp_checksum, 0);
    put16(frame->icmp_checksum, checksum(&frame->icmp_type, icmp_size));
    state.pings++;
    if (state.verbose)
        printf("ping %ld answered\n", state.pings);
    return send(device, frame, sizeof frame->ethernet + IPV4_HEADER + icmp_size);
}

/* Reads one frame and answers it; false if the device failed. */
static bool serve_frame(const struct device *device)
{
    static uint8_t frame[MTU_MAX + SOLO5_NET_HLEN] __attribute__((aligned(16)));
    size_t size;

    if (solo5_net_read(device->handle, frame, device->frame_max, &size) != SOLO5_R_OK) {
        print("read error\n");
        return false;
    }
    if (size < sizeof(struct ethernet))
        return true;
    switch (get16(((struct ethernet *)frame)->type)) {
    case ETHERTYPE_ARP:
        return answer_arp(device, (struct arp *)frame, size);
    case ETHERTYPE_IPV4:
        return answer_ping(device, (struct ping *)frame, size);
    default:
        return true;
    }
}

static bool is_finished(void)
{
    return state.limit != 0 && state.pings >= state.limit;
}

static bool serve(void)
{
    solo5_handle_set_t ready;

    while (!is_finished()) {
        solo5_yield(solo5_clock_monotonic() + NS_PER_SECOND, &ready);
        for (unsigned i = 0; i < state.count && !is_finished(); i++) {
            if ((ready >> state.devices[i].handle & 1) && !serve_frame(&state.devices[i]))
                return false;
        }
    }
    return true;
}

static bool parse(const char *rest)
{
    char word[24];

    while (args_next(&rest, word, sizeof word)) {
        if (strcmp(word, "verbose") == 0)
            state.verbose = true;
        else if (strcmp(word, "pattern") == 0)
            state.pattern = true;
        else if (strcmp(word, "limit") == 0)
            state.limit = PINGS_DEFAULT;
        else if (state.limit == 0 || !args_number(word, &state.limit) || state.limit < 1)
            return false;
    }
    return true;
}

static bool acquire(const struct responder_address *address)
{
    struct device *device = &state.devices[state.count++];
    struct solo5_net_info info;

    if (solo5_net_acquire(address->device, &device->handle, &info) != SOLO5_R_OK) {
        printf("FAILURE: cannot acquire %s\n", address->device);
        return false;
    }
    memcpy(device->mac, info.mac_address, SOLO5_NET_ALEN);
    memcpy(device->ip, address->ip, sizeof device->ip);
    device->frame_max = (info.mtu < MTU_MAX ? info.mtu : MTU_MAX) + SOLO5_NET_HLEN;
    printf("%s: mac %02x:%02x:%02x:%02x:%02x:%02x\n", address->device, device->mac[0],
           device->mac[1], device->mac[2], device->mac[3], device->mac[4], device->mac[5]);
    printf("MTU is %lu\n", info.mtu);
    return announce(device);
}

static bool acquire_all(const struct responder_address *addresses, unsigned count)
{
    for (unsigned i = 0; i < count && i < DEVICES_MAX; i++)
        if (!acquire(&addresses[i]))
            return false;
    return true;
}

int respond(const struct solo5_start_info *info, const char *program,
            const struct responder_address *addresses, unsigned count)
{
    printf("\n**** Solo5 standalone test_%s ****\n\n", program);
    if (!parse(info->cmdline)) {
        printf("usage: %s [verbose] [pattern] [limit [PINGS]]\n", program);
        return 1;
    }
    if (!acquire_all(addresses, count) || !serve()) {
        print("FAILURE\n");
        return 1;
    }
    printf("%ld pings answered\n", state.pings);
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
