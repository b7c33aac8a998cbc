/* #ifdef NAME, #ifndef NAME, #else, #endif: lines that hold only where NAME is defined (-D NAME=...), as
 * scripts have them that are run through the C preprocessor. What does not hold is blanked, so that lines
 * keep their numbers. */
#include "parse.h"

#define NESTING 16

static bool is_defined(const char *const *options, unsigned n, const char *name, size_t len)
{
    for (unsigned i = 0; i < n; i++)
        if (strncmp(options[i], "define=", 7) == 0 && strncmp(options[i] + 7, name, len) == 0 &&
            (options[i][7 + len] == '=' || options[i][7 + len] == 0))
            return true;
    return false;
}

/* The word after `directive` in the line, and its length; NULL when the line is another. */
static const char *word_after(const char *line, const char *end, const char *directive, size_t *len)
{
    size_t n = strlen(directive);

    if ((size_t)(end - line) <= n || strncmp(line, directive, n) != 0 || (line[n] != ' ' && line[n] != '\t'))
        return NULL;
    for (line += n; line < end && (*line == ' ' || *line == '\t'); line++)
        ;
    *len = 0;
    while (line + *len < end && strchr(" \t\r", line[*len]) == NULL)
        ++*len;
    return line;
}

static bool starts(const char *line, const char *end, const char *directive)
{
    size_t n = strlen(directive);

    return (size_t)(end - line) >= n && strncmp(line, directive, n) == 0;
}

const char *drill_conditions(struct drill_arena *arena, const char *text, size_t len,
                             const char *const *options, unsigned noptions)
{
    char *out = drill_strndup(arena, text, len);
    bool holds[NESTING] = {true};
    unsigned depth = 0;

    for (size_t at = 0, next; at < len; at = next) {
        const char *line = text + at, *end = memchr(line, '\n', len - at), *name;
        bool directive = true;
        size_t n;

        end = end != NULL ? end : text + len;
        next = (size_t)(end - text) + 1;
        if ((name = word_after(line, end, "#ifdef", &n)) != NULL && depth + 1 < NESTING) {
            depth++;
            holds[depth] = holds[depth - 1] && is_defined(options, noptions, name, n);
        } else if ((name = word_after(line, end, "#ifndef", &n)) != NULL && depth + 1 < NESTING) {
            depth++;
            holds[depth] = holds[depth - 1] && !is_defined(options, noptions, name, n);
        } else if (starts(line, end, "#else") && depth != 0) {
            holds[depth] = holds[depth - 1] && !holds[depth];
        } else if (starts(line, end, "#endif") && depth != 0) {
            depth--;
        } else {
            directive = false;
        }
        if (directive || !holds[depth])
            memset(out + at, ' ', (size_t)(end - line));
    }
    return out;
}
