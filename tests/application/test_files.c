/* Files of a directory, and of nowhere else: by the kernel's own way, and by the one where it has none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
#include "plug/files.c" /* its inside: which of the two ways is taken */

static char place[] = "/tmp/vitro-test-XXXXXX";

static void at(char *path, const char *name)
{
    snprintf(path, 200, "%s/%s", place, name);
}

static void make_file(const char *name, const char *text)
{
    char path[200];
    FILE *f;
    at(path, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_place(void **state)
{
    char path[200];
    (void)state;
    if (mkdtemp(place) == NULL)
        return -1;
    make_file("outside.txt", "outside");
    at(path, "root");
    mkdir(path, 0755);
    at(path, "root/sub");
    mkdir(path, 0755);
    make_file("root/a.txt", "0123456789");
    make_file("root/sub/b.txt", "b");
    make_file("root/.hidden", "h");
    at(path, "root/fifo");
    mkfifo(path, 0644);
    at(path, "root/up");
    if (symlink("../outside.txt", path) != 0)
        return -1;
    at(path, "root/abs");
    if (symlink("/etc/hostname", path) != 0)
        return -1;
    at(path, "root/updir");
    if (symlink("..", path) != 0)
        return -1;
    at(path, "root/in");
    return symlink("sub/b.txt", path);
}

static int remove_place(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    return system(command);
}

static int setup(void **state)
{
    struct vt_files *files;
    char path[200];
    at(path, "root");
    if (vt_files_open(&files, path) < 0)
        return -1;
    *state = files;
    return 0;
}

static int setup_walk(void **state)
{
    int err = setup(state);
    if (err == 0)
        ((struct vt_files *)*state)->walk = true;
    return err;
}

static int teardown(void **state)
{
    vt_files_close(*state);
    return 0;
}

/* What opening says; a file that opened is closed again. */
static int try_open(struct vt_files *f, const char *path)
{
    struct vt_file_info info;
    void *file;
    int err = vt_files_api.open(f, path, &info, &file);
    if (err == 0)
        vt_files_api.close(f, file);
    return err;
}

static void test_reads(void **state)
{
    struct vt_file_info info;
    void *file;
    char text[20];
    assert_int_equal(vt_files_api.open(*state, "a.txt", &info, &file), 0);
    assert_int_equal(info.size, 10);
    assert_true(info.mtime > 1500000000);
    assert_false(info.dir);
    assert_int_equal(vt_files_api.read(*state, file, 3, text, 4), 4);
    assert_memory_equal(text, "3456", 4);
    assert_int_equal(vt_files_api.read(*state, file, 8, text, 20), 2);
    assert_int_equal(vt_files_api.read(*state, file, 10, text, 20), 0);
    vt_files_api.close(*state, file);
    assert_int_equal(vt_files_api.open(*state, "", &info, &file), 0);
    assert_true(info.dir);
    vt_files_api.close(*state, file);
    assert_int_equal(try_open(*state, "sub/b.txt"), 0);
    assert_int_equal(try_open(*state, "nothing"), -VT_ENOENT);
    assert_int_equal(try_open(*state, "a.txt/x"), -VT_ENOENT);
}

static void test_v82_never_leaves_its_root(void **state)
{
    static const char *const paths[] = {
        "..",
        "../outside.txt",
        "sub/../../outside.txt",
        "up",
        "abs",
        "updir",
        "updir/outside.txt",
        "/etc/hostname",
        "updir/root/a.txt",
    };
    char name[600];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (try_open(*state, paths[i]) == 0)
            fail_msg("opened: %s", paths[i]);
    memset(name, 'a', sizeof name);
    name[599] = 0;
    assert_int_equal(try_open(*state, name), -VT_ENOENT);
}

static void test_special_files_are_refused(void **state)
{
    assert_int_equal(try_open(*state, "fifo"), -VT_EACCES);
}

static void test_lists(void **state)
{
    struct vt_file_info info;
    void *dir;
    char name[64], all[200] = "";
    int n;
    assert_int_equal(vt_files_api.open(*state, "", &info, &dir), 0);
    while ((n = vt_files_api.list(*state, dir, name, sizeof name, &info)) == 1) {
        assert_int_equal(info.dir, strcmp(name, "sub") == 0);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s ", name);
    }
    assert_int_equal(n, 0);
    vt_files_api.close(*state, dir);
    /* No hidden, special or linked ones. */
    assert_true(strcmp(all, "a.txt sub ") == 0 || strcmp(all, "sub a.txt ") == 0);
}

static void test_links_within(void **state)
{
    struct vt_files *f = *state;
    assert_int_equal(try_open(f, "in"), f->walk ? -VT_EACCES : 0);
}

static void test_no_such_root(void **state)
{
    struct vt_files *f;
    char path[200];
    (void)state;
    at(path, "nowhere");
    assert_int_equal(vt_files_open(&f, path), -VT_ENOENT);
    at(path, "outside.txt");
    assert_int_equal(vt_files_open(&f, path), -VT_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v82_never_leaves_its_root, setup, teardown),
        cmocka_unit_test_setup_teardown(test_special_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_within, setup, teardown),
        {"test_reads by walking", test_reads, setup_walk, teardown, NULL},
        {"test_v82_never_leaves_its_root by walking", test_v82_never_leaves_its_root, setup_walk, teardown,
         NULL},
        {"test_special_files_are_refused by walking", test_special_files_are_refused, setup_walk, teardown,
         NULL},
        {"test_links_within by walking", test_links_within, setup_walk, teardown, NULL},
        cmocka_unit_test(test_no_such_root),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
