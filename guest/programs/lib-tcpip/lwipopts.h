/*
 * lwIP as these programs want it: IPv4 on Ethernet with ARP, ICMP, UDP and TCP,
 * no operating system, callbacks only.  All memory is static, so that no peer
 * can make a guest need more of it.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_RAW 0
#define LWIP_STATS 0
#define LWIP_IPV6 0

/* Several addresses may ask at once; an unanswered one keeps few packets. */
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 4
#define ARP_TABLE_SIZE 64
#define MEMP_NUM_ARP_QUEUE 128

#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 64
#define IP_FRAG 1

/* TCP: one maximum segment size everywhere; the smaller of it and the device's
 * MTU is announced.  A guest is sent requests only, so its window is small: it
 * is the size of the buffer that each connection has for them. */
#define TCP_MSS 1460
#define TCP_WND (2 * TCP_MSS)
#define TCP_SND_BUF (32 * TCP_MSS)
#define TCP_SND_QUEUELEN 128
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 8
#define TCP_LISTEN_BACKLOG 1
#define LWIP_TCP_RTO_TIME 1000 /* RFC 6298 has one second before the first measurement */

/* 384 connections, of which 256 with 16 to 32 segments under way. */
#define MEMP_NUM_TCP_PCB 384
#define MEMP_NUM_TCP_PCB_LISTEN 2
#define MEMP_NUM_TCP_SEG 8192
#define MEMP_NUM_PBUF 8192
#define PBUF_POOL_SIZE 512
#define MEM_ALIGNMENT 8
#define MEM_SIZE (2u << 20)

#define LWIP_CHKSUM_ALGORITHM 3

#endif
