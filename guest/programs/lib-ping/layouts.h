/* Frames on Ethernet: ARP (RFC 826) and ICMP echo (RFC 792) on IPv4 (RFC 791). */
#ifndef LIB_PING_LAYOUTS_H
#define LIB_PING_LAYOUTS_H

#include <stdint.h>

#include "solo5.h"

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
#define IPV4_FRAGMENTED 0x3fff /* more fragments, or an offset */

#endif
