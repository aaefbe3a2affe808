/*
 * One megabyte of console output: 16384 lines of 64 bytes.
 *
 * Argument: lines in each console call, 1 to 64; 64 by default.
 */
#include "args.h"
#include "print.h"
#include "solo5.h"

#define LINE_SIZE 64u
#define LINES 16384u
#define LINES_PER_WRITE_MAX 64

/* "00042 " and a part of the alphabet that moves on by one each line. */
static void make_line(char *line, unsigned number)
{
    unsigned rest = number;

    for (unsigned i = 5; i-- > 0; rest /= 10)
        line[i] = (char)('0' + rest % 10);
    line[5] = ' ';
    for (unsigned i = 6; i < LINE_SIZE - 1; i++)
        line[i] = (char)('a' + (number + i) % 26);
    line[LINE_SIZE - 1] = '\n';
}

int solo5_app_main(const struct solo5_start_info *info)
{
    static char text[LINE_SIZE * LINES_PER_WRITE_MAX];
    const char *rest = info->cmdline;
    char word[24];
    int64_t lines = LINES_PER_WRITE_MAX;
    size_t used = 0;

    print("\n**** Solo5 standalone test_output ****\n\n");
    if (args_next(&rest, word, sizeof word) &&
        (!args_number(word, &lines) || lines < 1 || lines > LINES_PER_WRITE_MAX)) {
        print("usage: output [LINES]\n");
        return 2;
    }
    for (unsigned i = 0; i < LINES; i++) {
        make_line(text + used, i);
        used += LINE_SIZE;
        if (used == (size_t)lines * LINE_SIZE || i + 1 == LINES) {
            solo5_console_write(text, used);
            used = 0;
        }
    }
    print("SUCCESS\n");
    return SOLO5_EXIT_SUCCESS;
}
