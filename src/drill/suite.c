/* Many scripts, and what is said of them. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "parse.h"
#include "run.h"

#define FILE_MAX (4 << 20)

char *drill_read_file(struct drill_arena *a, const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    char *text = NULL;

    if (f == NULL)
        return NULL;
    if (fstat(fileno(f), &st) != 0 || S_ISDIR(st.st_mode)) {
        errno = EISDIR;
    } else if (st.st_size > FILE_MAX) {
        errno = EFBIG;
    } else {
        text = drill_alloc(a, (size_t)st.st_size + 1);
        *len = fread(text, 1, (size_t)st.st_size, f);
        if (ferror(f) != 0)
            text = NULL;
    }
    fclose(f);
    return text;
}

/* ---- Lists of files ---- */

static int add(struct vt_drill_list *list, const char *path)
{
    char **more = realloc(list->path, (list->n + 1) * sizeof *more);

    if (more == NULL)
        return ENOMEM;
    list->path = more;
    more[list->n] = strdup(path);
    if (more[list->n] == NULL)
        return ENOMEM;
    list->n++;
    return 0;
}

static bool is_script(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".pkt") == 0;
}

static int add_directory(struct vt_drill_list *list, const char *path)
{
    struct dirent **entry;
    int n = scandir(path, &entry, NULL, alphasort), error = 0;
    bool here = strcmp(path, ".") == 0;

    if (n < 0)
        return errno;
    for (int i = 0; i < n; i++) {
        char *name = malloc(strlen(path) + strlen(entry[i]->d_name) + 2);
        struct stat st;

        if (name == NULL)
            error = ENOMEM;
        else
            sprintf(name, "%s%s%s", here ? "" : path, here ? "" : "/", entry[i]->d_name);
        if (error == 0 && entry[i]->d_name[0] != '.' && stat(name, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                error = add_directory(list, name);
            else if (is_script(name))
                error = add(list, name);
        }
        free(name);
        free(entry[i]);
    }
    free(entry);
    return error;
}

int vt_drill_list_add(struct vt_drill_list *list, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return errno;
    return S_ISDIR(st.st_mode) ? add_directory(list, path) : add(list, path);
}

void vt_drill_list_free(struct vt_drill_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct vt_drill_list){0};
}

void vt_drill_run_list(const struct vt_drill_list *list, const struct vt_drill_config *config,
                       struct vt_drill_suite *suite)
{
    suite->passed = suite->failed = suite->skipped = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct vt_drill_result result;

        vt_drill_run_file(list->path[i], config, &result);
        switch (result.outcome) {
        case VT_DRILL_PASSED: suite->passed++; break;
        case VT_DRILL_FAILED: suite->failed++; break;
        case VT_DRILL_SKIPPED: suite->skipped++; break;
        }
        if (suite->done != NULL)
            suite->done(suite->ctx, i, &result);
        vt_drill_result_free(&result);
    }
}

/* ---- What is said ---- */

static void print(const struct vt_drill_result *result, const char *before, FILE *out)
{
    fprintf(out, "%s%s", before, result->file);
    if (result->line != 0)
        fprintf(out, ":%u:%u", result->line, result->column);
    fprintf(out, ": %s%s\n", result->outcome == VT_DRILL_SKIPPED ? "skipped: " : "", result->message);
    if (result->expected != NULL)
        fprintf(out, "%s  expected  %s\n", before, result->expected);
    if (result->actual != NULL)
        fprintf(out, "%s  actual    %s\n", before, result->actual);
}

void vt_drill_result_print(const struct vt_drill_result *result, FILE *out)
{
    if (result->message != NULL)
        print(result, "", out);
    if (result->ladder != NULL)
        fputs(result->ladder, out);
}

void vt_drill_tap(void *ctx, size_t i, const struct vt_drill_result *result)
{
    FILE *out = ctx;

    fprintf(out, "%s %zu - %s", result->outcome == VT_DRILL_FAILED ? "not ok" : "ok", i + 1, result->file);
    if (result->outcome == VT_DRILL_SKIPPED)
        fprintf(out, " # SKIP %s", result->message);
    fputc('\n', out);
    if (result->outcome == VT_DRILL_FAILED)
        print(result, "# ", out);
    fflush(out);
}

char *vt_drill_check_option(const char *option)
{
    struct drill_arena arena = {NULL};
    struct drill_error error = {.arena = &arena};
    struct drill_options options = {0};
    size_t len = strcspn(option, "=");
    char *message = NULL;

    if (!drill_set_option(&options, drill_strndup(&arena, option, len),
                          option[len] != 0 ? option + len + 1 : NULL, (struct drill_place){0}, &error))
        message = strdup(error.message);
    drill_arena_free(&arena);
    return message;
}
