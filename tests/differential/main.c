/* usage: differential [-n SEQUENCES] [-s FIRST-SEED] [-v]   (see usage[] below) */
#include "differential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: differential [-n SEQUENCES] [-s SEED] [-v]\n"
    "\n"
    "Holds seeded TCP conversations with the kernel and with Vitro, and compares every reply.\n"
    "\n"
    "  -n SEQUENCES  how many (2000)\n"
    "  -s SEED       of the first; the others follow it (1)\n"
    "  -v            tell each conversation whole; with -n 1 -s SEED this replays one\n"
    "  -c            tell what each class is, and end\n"
    "\n"
    "Exit code: 0 no difference without a class, and at most 5% with one; 1 otherwise; 77 it cannot be done "
    "here.\n";

#define BATCH   250   /* conversations with the kernel at once */
#define NUMBERS 22000 /* as many ports from 10000 on, below those that the kernel chooses from */
#define RETRIES 3
#define PERIOD  (80 * MS) /* of a step: no timer of the two falls upon a multiple of it by itself */

static struct sequence sequences[BATCH];
static struct conn by_kernel[BATCH], by_vitro;

static void tell_classes(const struct tally *t)
{
    for (unsigned i = 0; i < class_count; i++) {
        const struct class *c = &classes[i];
        if (t != NULL && t->class[i] == 0)
            continue;
        if (t != NULL)
            printf("# %6llu  ", (unsigned long long)t->class[i]);
        printf("%s%s\n", c->name, c->ends ? " (the conversation is compared no further)" : "");
        if (t == NULL)
            printf("    kernel: %s\n    vitro:  %s\n    why:    %s\n", c->kernel, c->vitro, c->why);
    }
}

/* Of `n` conversations the first's: those of the last minutes are not used again. */
static unsigned next_number(unsigned n)
{
    static unsigned next;
    unsigned first = next + n <= NUMBERS ? next : 0;
    next = first + n;
    return first;
}

/* The kernel's clock is the machine's, which may have stood still for a moment: what differs must differ
 * again. */
static void try_again(unsigned i, struct tally *t, bool verbose)
{
    for (unsigned left = RETRIES; left-- != 0;) {
        struct tally before = *t;
        enum telling telling = verbose ? TELL_ALL : left == 0 ? TELL_UNCLASSIFIED : TELL_NOTHING;
        by_kernel[0].q = &sequences[i];
        unsigned number = next_number(1);
        kernel_run(by_kernel, number, 1, PERIOD);
        vitro_run(&by_vitro, &sequences[i], &by_kernel[0], number, PERIOD);
        if (compare(&by_kernel[0], &by_vitro, t, telling))
            return;
        if (left != 0)
            *t = before;
    }
}

static void run_batch(uint64_t seed, unsigned n, struct tally *t, bool verbose)
{
    bool again[BATCH] = {false};
    for (unsigned i = 0; i < n; i++) {
        sequence_make(&sequences[i], seed + i);
        by_kernel[i].q = &sequences[i];
    }
    unsigned first = next_number(n);
    kernel_run(by_kernel, first, n, PERIOD);
    for (unsigned i = 0; i < n; i++) {
        struct tally before = *t;
        vitro_run(&by_vitro, &sequences[i], &by_kernel[i], first + i, PERIOD);
        again[i] = !compare(&by_kernel[i], &by_vitro, t, verbose ? TELL_ALL : TELL_NOTHING);
        if (again[i])
            *t = before;
    }
    for (unsigned i = 0; i < n; i++)
        if (again[i])
            try_again(i, t, verbose);
}

int main(int argc, char **argv)
{
    unsigned long n = 2000, seed = 1;
    bool verbose = false;
    int opt;
    while ((opt = getopt(argc, argv, "n:s:vc")) != -1) {
        switch (opt) {
        case 'n': n = strtoul(optarg, NULL, 10); break;
        case 's': seed = strtoul(optarg, NULL, 10); break;
        case 'v': verbose = true; break;
        case 'c': tell_classes(NULL); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    const char *why = kernel_open();
    if (why != NULL) {
        printf("%s\n", why);
        return 77;
    }
    struct tally t = {0};
    for (unsigned long done = 0; done < n; done += BATCH)
        run_batch(seed + done, (unsigned)(n - done < BATCH ? n - done : BATCH), &t, verbose);
    kernel_close();
    double share = t.replies != 0 ? 100.0 * (double)t.classified / (double)t.replies : 100;
    bool ok = t.unclassified == 0 && share <= 5;
    printf("1..1\n");
    tell_classes(&t);
    printf("# seeds %lu to %lu: %llu sequences, %llu replies compared, %llu of them in a class (%.2f%%), "
           "%llu in none; "
           "%llu sequences not compared to their end\n",
           seed, seed + n - 1, (unsigned long long)t.sequences, (unsigned long long)t.replies,
           (unsigned long long)t.classified, share, (unsigned long long)t.unclassified,
           (unsigned long long)t.cut);
    printf("%s 1 - Vitro replies as the kernel does, but for the classes\n", ok ? "ok" : "not ok");
    return ok ? 0 : 1;
}
