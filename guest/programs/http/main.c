/*
 * An HTTP server at 10.0.0.2, port 80: `GET /` is a small page, `GET /1m` a
 * mebibyte and `GET /N` so many bytes of a pattern (response.h), up to 8 MiB.
 * Answers ARP requests and pings too.
 *
 * Arguments: [verbose] [limit N]; with a limit the program ends after so many
 * requests.
 */
#include "args.h"
#include "print.h"
#include "response.h"
#include "server.h"
#include "solo5.h"
#include "string.h"
#include "tcpip.h"

/* After the last answer clients have so long to close their connections. */
#define GRACE_MS 1000u

static bool verbose;
static int64_t limit; /* 0: none */

static bool is_finished(void)
{
    static bool is_last_answered;
    static uint32_t since_ms;

    if (limit == 0 || server_answered() < limit)
        return false;
    if (!is_last_answered) {
        is_last_answered = true;
        since_ms = tcpip_now_ms();
    }
    return server_open() == 0 || tcpip_now_ms() - since_ms > GRACE_MS;
}

static bool parse(const char *rest)
{
    char word[24];

    while (args_next(&rest, word, sizeof word)) {
        if (strcmp(word, "verbose") == 0)
            verbose = true;
        else if (strcmp(word, "limit") != 0 || !args_next(&rest, word, sizeof word) ||
                 !args_number(word, &limit) || limit < 1)
            return false;
    }
    return true;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    print("\n**** Solo5 standalone test_http ****\n\n");
    if (!parse(info->cmdline)) {
        print("usage: http [verbose] [limit REQUESTS]\n");
        return 1;
    }
    response_prepare();
    if (!tcpip_start("service0") || !server_start(limit, verbose) || !tcpip_run(is_finished)) {
        print("FAILURE\n");
        return 1;
    }
    printf("%ld requests answered\n", server_answered());
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
