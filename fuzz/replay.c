/* Runs a fuzzer without libFuzzer: over every file of its corpus, then over mutations of them. The same seed
 * gives the same inputs; an input that ends the program is left in the file that the last line names. */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>

#define MAX_FILES 4096
#define MAX_SIZE  65536

struct input {
    uint8_t *data;
    size_t size;
};

static struct input corpus[MAX_FILES];
static size_t files;
static uint64_t state;
static struct input current;

/* xorshift64*: enough for choosing bytes. */
static uint32_t chance(uint32_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32) % below;
}

static void *must(void *p)
{
    if (p == NULL) {
        perror("replay");
        exit(2);
    }
    return p;
}

static void load(const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    if (n < 0) {
        perror(folder);
        exit(2);
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        FILE *f = names[i]->d_name[0] == '.' || files == MAX_FILES ? NULL : fopen(path, "rb");
        free(names[i]);
        if (f == NULL)
            continue;
        uint8_t *data = must(malloc(MAX_SIZE));
        corpus[files].size = fread(data, 1, MAX_SIZE, f);
        corpus[files].data = data;
        files++;
        fclose(f);
    }
    free(names);
}

/* One input, in memory of exactly its size. */
static void run(const uint8_t *data, size_t size)
{
    current = (struct input){must(malloc(size > 0 ? size : 1)), size};
    if (size > 0)
        memcpy(current.data, data, size);
    LLVMFuzzerTestOneInput(current.data, size);
    free(current.data);
    current = (struct input){0};
}

/* Writes a mutation of a corpus file, or noise, into `out`; returns its size. */
static size_t mutate(uint8_t *out)
{
    static const uint8_t telling[] = {0,    1,    2,    4,   5,   0x45, 0x7f, 0x80,
                                      0xff, '\r', '\n', ' ', ':', '%',  '0',  '/'};
    size_t size = 0;
    if (files > 0 && chance(20) != 0) {
        const struct input *from = &corpus[chance((uint32_t)files)];
        size = from->size;
        memcpy(out, from->data, size);
    } else {
        size = chance(256);
        for (size_t i = 0; i < size; i++)
            out[i] = (uint8_t)chance(256);
    }
    for (uint32_t n = 1 + chance(6); n > 0 && size > 0; n--) {
        size_t at = chance((uint32_t)size);
        size_t len = 1 + chance(16);
        if (len > size - at)
            len = size - at;
        switch (chance(6)) {
        case 0: out[at] ^= (uint8_t)(1u << chance(8)); break;
        case 1: out[at] = (uint8_t)chance(256); break;
        case 2: out[at] = telling[chance(sizeof(telling))]; break;
        case 3: size = at; break;
        case 4: /* a piece goes */
            memmove(out + at, out + at + len, size - at - len);
            size -= len;
            break;
        default: /* a piece comes twice */
            if (size + len > MAX_SIZE)
                break;
            memmove(out + at + len, out + at, size - at);
            size += len;
            break;
        }
    }
    return size;
}

/* Leaves the input that ended the program; a sanitizer ends it so with abort_on_error=1. */
static void keep(int signal_number)
{
    (void)signal_number;
    FILE *f = fopen("fuzz-crash.bin", "wb");
    if (f != NULL) {
        fwrite(current.data, 1, current.size, f);
        fclose(f);
        fprintf(stderr, "the input is in fuzz-crash.bin (%zu bytes)\n", current.size);
    }
    signal(SIGABRT, SIG_DFL);
    abort();
}

int main(int argc, char **argv)
{
    unsigned long runs = 0;
    state = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            state = strtoull(argv[++i], NULL, 10) | UINT64_C(1) << 63;
        else
            load(argv[i]);
    }
    signal(SIGABRT, keep);
    for (size_t i = 0; i < files; i++)
        run(corpus[i].data, corpus[i].size);
    uint8_t *room = must(malloc(MAX_SIZE));
    for (unsigned long i = 0; i < runs; i++)
        run(room, mutate(room));
    free(room);
    printf("%zu files and %lu mutations\n", files, runs);
    for (size_t i = 0; i < files; i++)
        free(corpus[i].data);
    return files > 0 ? 0 : 1;
}
