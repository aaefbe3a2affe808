#include "tcpip.h"

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "print.h"
#include "solo5.h"
#include "string.h"
#include "tcpip_failed.h"

#define NS_PER_MS UINT64_C(1000000)
#define WAIT_MAX_MS 1000u
#define MTU_MAX 9000u

/* How many frames are taken in before timers get their turn. */
#define FRAMES_PER_ROUND 64

static struct {
    solo5_handle_t handle;
    solo5_time_t now;
    size_t frame_max;
    bool failed;
    struct solo5_net_info info;
    struct netif netif;
} device;

static uint8_t frame[MTU_MAX + SOLO5_NET_HLEN] __attribute__((aligned(16)));

void tcpip_failed(const char *assertion)
{
    printf("FAILURE: tcp/ip: %s\n", assertion);
    solo5_abort();
}

uint32_t sys_now(void)
{
    return (uint32_t)(device.now / NS_PER_MS);
}

uint32_t tcpip_now_ms(void)
{
    return sys_now();
}

static err_t send_frame(struct netif *netif, struct pbuf *packet)
{
    (void)netif;

    const size_t size = pbuf_copy_partial(packet, frame, sizeof frame, 0);

    if (size != packet->tot_len)
        return ERR_BUF;
    if (solo5_net_write(device.handle, frame, size) == SOLO5_R_OK)
        return ERR_OK;
    device.failed = true;
    return ERR_IF;
}

static err_t prepare(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = (uint16_t)(device.frame_max - SOLO5_NET_HLEN);
    netif->hwaddr_len = SOLO5_NET_ALEN;
    memcpy(netif->hwaddr, device.info.mac_address, SOLO5_NET_ALEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

bool tcpip_start(const char *name)
{
    ip4_addr_t address, mask, gateway;

    if (solo5_net_acquire(name, &device.handle, &device.info) != SOLO5_R_OK) {
        printf("FAILURE: cannot acquire %s\n", name);
        return false;
    }
    device.frame_max = (device.info.mtu < MTU_MAX ? device.info.mtu : MTU_MAX) + SOLO5_NET_HLEN;
    device.now = solo5_clock_monotonic();
    IP4_ADDR(&address, 10, 0, 0, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 0, 1);
    lwip_init();
    if (netif_add(&device.netif, &address, &mask, &gateway, NULL, prepare, ethernet_input) == NULL)
        tcpip_failed("no interface");
    netif_set_default(&device.netif);
    printf("%s: 10.0.0.2, mtu %lu\n", name, device.info.mtu);
    netif_set_link_up(&device.netif);
    netif_set_up(&device.netif);
    return true;
}

/* A frame that finds no memory is lost, as on a busy network. */
static void take_in(size_t size)
{
    struct pbuf *packet = pbuf_alloc(PBUF_RAW, (uint16_t)size, PBUF_POOL);

    if (packet == NULL)
        return;
    pbuf_take(packet, frame, (uint16_t)size);
    if (device.netif.input(packet, &device.netif) != ERR_OK)
        pbuf_free(packet);
}

static void take_in_all(void)
{
    size_t size;

    for (int count = 0; count < FRAMES_PER_ROUND; count++) {
        switch (solo5_net_read(device.handle, frame, device.frame_max, &size)) {
        case SOLO5_R_OK:
            take_in(size);
            break;
        case SOLO5_R_AGAIN:
            return;
        default:
            device.failed = true;
            return;
        }
    }
}

static void wait_and_work(void)
{
    const uint32_t timer_ms = sys_timeouts_sleeptime();
    const uint32_t wait_ms = timer_ms < WAIT_MAX_MS ? timer_ms : WAIT_MAX_MS;
    solo5_handle_set_t ready;

    solo5_yield(device.now + wait_ms * NS_PER_MS, &ready);
    device.now = solo5_clock_monotonic();
    if (ready >> device.handle & 1)
        take_in_all();
    sys_check_timeouts();
}

bool tcpip_run(bool (*finished)(void))
{
    while (!finished()) {
        wait_and_work();
        if (device.failed) {
            print("FAILURE: the network device failed\n");
            return false;
        }
    }
    return true;
}
