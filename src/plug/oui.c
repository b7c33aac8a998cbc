#include "oui.h"
#include <vitro/errno.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define OUI_MAX (64u << 20) /* bytes of a list, at most: today's is 5 MB */

/* An assignment: the first three bytes of an address, and the name, which lies in the text. */
struct oui_row {
    uint32_t prefix;
    const char *vendor;
};

struct vt_oui {
    char *text;
    size_t len;
    struct oui_row *row; /* ascending */
    size_t rows, room;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* "28-6F-B9" at the start of a line. */
static bool read_prefix(const char *line, uint32_t *prefix)
{
    *prefix = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (i % 3 == 2) {
            if (line[i] != '-')
                return false;
            continue;
        }
        int digit = hex_digit(line[i]);
        if (digit < 0)
            return false;
        *prefix = *prefix << 4 | (uint32_t)digit;
    }
    return true;
}

/* One line, ended by a 0: "28-6F-B9   (hex)<tabs>Name". Others say nothing that is not said there. */
static int oui_line(struct vt_oui *oui, char *line)
{
    static const char mark[] = "(hex)";
    uint32_t prefix;
    if (!read_prefix(line, &prefix))
        return 0;
    char *name = line + 8;
    name += strspn(name, " \t");
    if (strncmp(name, mark, sizeof mark - 1) != 0)
        return 0;
    name += sizeof mark - 1;
    name += strspn(name, " \t");
    size_t len = strlen(name);
    while (len != 0 && (name[len - 1] == '\r' || name[len - 1] == ' '))
        name[--len] = '\0';
    if (len == 0)
        return 0;
    if (oui->rows == oui->room) {
        size_t room = oui->room == 0 ? 4096 : oui->room * 2;
        struct oui_row *row = realloc(oui->row, room * sizeof *row);
        if (row == NULL)
            return -VT_ENOMEM;
        oui->row = row;
        oui->room = room;
    }
    oui->row[oui->rows++] = (struct oui_row){prefix, name};
    return 0;
}

static int by_prefix(const void *a, const void *b)
{
    const struct oui_row *x = a, *y = b;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return x->vendor < y->vendor ? -1 : x->vendor > y->vendor; /* as they stand in the list */
}

static int oui_parse(struct vt_oui *oui)
{
    char *behind = oui->text + oui->len;
    for (char *line = oui->text, *end; line < behind; line = end + 1) {
        end = memchr(line, '\n', (size_t)(behind - line));
        end = end != NULL ? end : behind;
        *end = '\0';
        int err = oui_line(oui, line);
        if (err != 0)
            return err;
    }
    if (oui->rows == 0)
        return -VT_EINVAL;
    qsort(oui->row, oui->rows, sizeof *oui->row, by_prefix);
    return 0;
}

/* The whole file, ended by a 0. */
static int read_file(const char *path, char **text, size_t *len)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return errno == ENOENT ? -VT_ENOENT : -VT_EIO;
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    int err = size < 0 || size > (long)OUI_MAX || fseek(f, 0, SEEK_SET) != 0 ? -VT_EIO : 0;
    *text = err == 0 ? malloc((size_t)size + 1) : NULL;
    if (err == 0 && *text == NULL)
        err = -VT_ENOMEM;
    if (err == 0)
        (*text)[ *len = fread(*text, 1, (size_t)size, f)] = '\0';
    if (err == 0 && ferror(f))
        err = -VT_EIO;
    fclose(f);
    if (err != 0)
        free(*text);
    return err;
}

int vt_oui_open(struct vt_oui **oui, const char *path)
{
    struct vt_oui *o = calloc(1, sizeof *o);
    if (o == NULL)
        return -VT_ENOMEM;
    int err = read_file(path == NULL ? VT_OUI_FILE : path, &o->text, &o->len);
    if (err != 0) {
        free(o);
        return err;
    }
    err = oui_parse(o);
    if (err != 0) {
        vt_oui_close(o);
        return err;
    }
    *oui = o;
    return 0;
}

const char *vt_oui_vendor(const struct vt_oui *oui, struct vt_mac mac)
{
    if (mac.b[0] & 2)
        return "locally administered";
    uint32_t prefix = (uint32_t)(mac.b[0] & ~1) << 16 | (uint32_t)mac.b[1] << 8 | mac.b[2];
    size_t low = 0, high = oui->rows;
    while (low < high) { /* the first row that is not less */
        size_t mid = low + (high - low) / 2;
        if (oui->row[mid].prefix < prefix)
            low = mid + 1;
        else
            high = mid;
    }
    return low < oui->rows && oui->row[low].prefix == prefix ? oui->row[low].vendor : NULL;
}

size_t vt_oui_count(const struct vt_oui *oui)
{
    return oui->rows;
}

void vt_oui_close(struct vt_oui *oui)
{
    if (oui == NULL)
        return;
    free(oui->text);
    free(oui->row);
    free(oui);
}
