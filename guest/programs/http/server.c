#include "server.h"

#include "lwip/tcp.h"
#include "print.h"
#include "request.h"
#include "response.h"
#include "string.h"
#include "tcpip.h"

#define HTTP_PORT 80
#define CONNECTIONS_MAX 256
#define BACKLOG 255
#define WRITE_MAX (8u * TCP_MSS)

/* A peer that neither sends nor acknowledges anything for so long is gone. */
#define IDLE_MAX_MS 30000u
#define POLL_INTERVAL 2 /* half seconds */

enum state {
    FREE,
    READING,   /* the head of a request */
    SENDING,   /* until the client has acknowledged all of it */
    LINGERING, /* we have said that we are done and wait for the client to say so */
};

struct connection {
    enum state state;
    struct tcp_pcb *pcb;
    bool peer_closed;
    uint32_t progress_ms;
    size_t input_size;
    char input[TCP_WND]; /* the window: what a client may send before it is answered */
    size_t queued;       /* bytes of the response, head and body, that TCP has been given */
    size_t acknowledged; /* and that the client has acknowledged */
    struct response response;
};

static struct {
    struct connection connections[CONNECTIONS_MAX];
    bool verbose;
    int64_t limit; /* 0: none */
    int64_t begun;    /* without those that were not taken to their end */
    int64_t answered;
    unsigned open;
} server;

static void work(struct connection *connection);

static void release(struct connection *connection)
{
    connection->state = FREE;
    connection->pcb = NULL;
    server.open--;
}

static void take_input(struct connection *connection, size_t size)
{
    connection->input_size -= size;
    memmove(connection->input, connection->input + size, connection->input_size);
    tcp_recved(connection->pcb, (u16_t)size);
}

static void detach(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
}

/* The client has closed its side, or never opened it properly: from here on the
 * connection is TCP's business. */
static void close_connection(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;

    /* What was received and not read would make it a reset. */
    take_input(connection, connection->input_size);
    detach(pcb);
    release(connection);
    tcp_close(pcb); /* without memory for its FIN, TCP tries again by itself */
}

/* Our side is done.  The client's may still be sending, to which a closed
 * connection would answer with a reset that can overtake the response. */
static void finish_connection(struct connection *connection)
{
    if (connection->peer_closed) {
        close_connection(connection);
        return;
    }
    take_input(connection, connection->input_size);
    connection->state = LINGERING;
    tcp_shutdown(connection->pcb, 0, 1);
}

static size_t response_size(const struct connection *connection)
{
    return connection->response.head_size + connection->response.body_size;
}

static const void *next_piece(const struct connection *connection, size_t *size)
{
    const struct response *response = &connection->response;

    if (connection->queued >= response->head_size)
        return response_piece(response, connection->queued - response->head_size, size);
    *size = response->head_size - connection->queued;
    return response->head + connection->queued;
}

static bool queue_piece(struct connection *connection)
{
    const size_t room = tcp_sndbuf(connection->pcb);
    size_t size;
    const void *piece = next_piece(connection, &size);

    if (size > room)
        size = room;
    if (size > WRITE_MAX)
        size = WRITE_MAX;

    const bool more = connection->queued + size < response_size(connection);

    if (size == 0 || tcp_write(connection->pcb, piece, (u16_t)size,
                               more ? TCP_WRITE_FLAG_MORE : 0) != ERR_OK)
        return false;
    connection->queued += size;
    return true;
}

/* Gives TCP as much as it takes; the rest is for later calls. */
static void send_response(struct connection *connection)
{
    while (connection->queued < response_size(connection) && queue_piece(connection))
        continue;
    tcp_output(connection->pcb);
}

static void begin_response(struct connection *connection)
{
    connection->state = SENDING;
    connection->queued = 0;
    connection->acknowledged = 0;
    server.begun++;
    send_response(connection);
}

static void end_response(struct connection *connection)
{
    server.answered++;
    if (server.verbose)
        printf("%d, %lu bytes\n", connection->response.status, connection->response.body_size);
    if (connection->response.keep_alive) {
        connection->state = READING;
        work(connection);
    } else {
        finish_connection(connection);
    }
}

static void answer(struct connection *connection, struct request *request, size_t length)
{
    if (server.limit != 0 && server.begun + 1 >= server.limit)
        request->keep_alive = false;
    take_input(connection, length);
    response_to(&connection->response, request);
    begin_response(connection);
}

static void refuse(struct connection *connection, int status)
{
    take_input(connection, connection->input_size);
    response_of_status(&connection->response, status);
    begin_response(connection);
}

/* Begins to answer the request that has been received, if it is a whole one. */
static void work(struct connection *connection)
{
    struct request request;
    size_t length;

    switch (request_parse(&request, connection->input, connection->input_size, &length)) {
    case REQUEST_COMPLETE:
        answer(connection, &request, length);
        break;
    case REQUEST_MALFORMED:
        refuse(connection, 400);
        break;
    case REQUEST_UNFINISHED:
        if (connection->peer_closed)
            close_connection(connection);
        else if (connection->input_size == sizeof connection->input)
            refuse(connection, 431);
        break;
    }
}

static void keep(struct connection *connection, struct pbuf *packet)
{
    if (connection->state == LINGERING ||
        packet->tot_len > sizeof connection->input - connection->input_size) {
        tcp_recved(connection->pcb, packet->tot_len);
        return;
    }
    pbuf_copy_partial(packet, connection->input + connection->input_size, packet->tot_len, 0);
    connection->input_size += packet->tot_len;
}

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *packet, err_t error)
{
    struct connection *connection = argument;

    (void)pcb;
    (void)error;
    connection->progress_ms = tcpip_now_ms();
    if (packet != NULL) {
        keep(connection, packet);
        pbuf_free(packet);
    } else {
        connection->peer_closed = true;
    }
    if (connection->state == READING)
        work(connection);
    else if (connection->state == LINGERING && connection->peer_closed)
        close_connection(connection);
    return ERR_OK;
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t size)
{
    struct connection *connection = argument;

    (void)pcb;
    connection->progress_ms = tcpip_now_ms();
    if (connection->state != SENDING)
        return ERR_OK;
    connection->acknowledged += size;
    if (connection->acknowledged >= response_size(connection))
        end_response(connection);
    else
        send_response(connection);
    return ERR_OK;
}

static err_t on_poll(void *argument, struct tcp_pcb *pcb)
{
    struct connection *connection = argument;

    if (tcpip_now_ms() - connection->progress_ms > IDLE_MAX_MS) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    if (connection->state == SENDING)
        send_response(connection);
    return ERR_OK;
}

/* Reset by the client, given up by TCP, or aborted: the pcb is gone. */
static void on_error(void *argument, err_t error)
{
    struct connection *connection = argument;

    (void)error;
    if (connection->state == SENDING)
        server.begun--;
    release(connection);
}

static struct connection *find_free(void)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (server.connections[i].state == FREE)
            return &server.connections[i];
    return NULL;
}

static void attach(struct connection *connection, struct tcp_pcb *pcb)
{
    connection->state = READING;
    connection->pcb = pcb;
    connection->peer_closed = false;
    connection->progress_ms = tcpip_now_ms();
    connection->input_size = 0;
    server.open++;
    tcp_arg(pcb, connection);
    tcp_recv(pcb, on_receive);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLL_INTERVAL);
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct connection *connection = find_free();

    (void)argument;
    if (error != ERR_OK || pcb == NULL)
        return ERR_VAL;
    if (connection == NULL) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    attach(connection, pcb);
    return ERR_OK;
}

bool server_start(int64_t limit, bool verbose)
{
    struct tcp_pcb *pcb = tcp_new();

    server.limit = limit;
    server.verbose = verbose;
    if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, HTTP_PORT) != ERR_OK)
        return false;
    pcb = tcp_listen_with_backlog(pcb, BACKLOG);
    if (pcb == NULL)
        return false;
    tcp_accept(pcb, on_accept);
    return true;
}

int64_t server_answered(void)
{
    return server.answered;
}

unsigned server_open(void)
{
    return server.open;
}
