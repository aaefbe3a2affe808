#include "bindings.h"
#include "string.h"

static const struct {
    const char *name;
    enum log_level level;
} level_options[] = {
    {"--solo5:quiet", LOG_ERROR}, {"--solo5:error", LOG_ERROR}, {"--solo5:warn", LOG_WARN},
    {"--solo5:info", LOG_INFO},   {"--solo5:debug", LOG_DEBUG},
};

#define LEVEL_OPTIONS (sizeof level_options / sizeof level_options[0])

static bool is_space(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static const char *skip_spaces(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

/* The end of the option at p, or NULL if there is none. */
static const char *parse_option(const char *p)
{
    for (size_t i = 0; i < LEVEL_OPTIONS; i++) {
        const size_t length = strlen(level_options[i].name);

        if (strncmp(p, level_options[i].name, length) != 0)
            continue;
        if (p[length] != '\0' && !is_space(p[length]))
            continue;
        log_set_level(level_options[i].level);
        return p + length;
    }
    return NULL;
}

const char *options_parse(const char *cmdline)
{
    const char *rest = skip_spaces(cmdline);
    const char *end;

    while ((end = parse_option(rest)) != NULL)
        rest = skip_spaces(end);
    return rest;
}
