/* S04: the first six digits are the vendor's, and vendors can be looked up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <vitro/errno.h>
#include "base/text.h"
#include "plug/oui.h"

static struct vt_mac mac(const char *text)
{
    struct vt_mac m;
    assert_int_equal(vt_mac_parse(&m, text), 0);
    return m;
}

/* Reads a list that is given as text. */
static int open_text(struct vt_oui **oui, const char *text)
{
    char path[] = "/tmp/vitro-oui-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    size_t len = strlen(text);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    int err = vt_oui_open(oui, path);
    unlink(path);
    return err;
}

static void s04_vendor_of_an_address(void **state)
{
    struct vt_oui *oui = NULL;
    (void)state;
    assert_int_equal(open_text(&oui, "OUI/MA-L   Organization\r\n"
                                     "\r\n"
                                     "28-6F-B9   (hex)\t\tNokia Shanghai Bell Co., Ltd.\r\n"
                                     "286FB9     (base 16)\t\tNokia Shanghai Bell Co., Ltd.\r\n"
                                     "\t\t\t\tNo.388 Ning Qiao Road\r\n"
                                     "00-00-00   (hex)\t\tXEROX CORPORATION\n"
                                     "FC-FF-AA   (hex)\t\tIEEE Registration Authority\n"
                                     "00-00-01   (hex)\t\t\n" /* without a name: none */
                                     "zz-00-01   (hex)\t\tNobody\n"
                                     "00-1B-21   (hex)   Intel"), /* the last line need not end */
                     0);
    assert_int_equal(vt_oui_count(oui), 4);
    assert_string_equal(vt_oui_vendor(oui, mac("28:6f:b9:12:34:56")), "Nokia Shanghai Bell Co., Ltd.");
    assert_string_equal(vt_oui_vendor(oui, mac("00:00:00:00:00:01")), "XEROX CORPORATION");
    assert_string_equal(vt_oui_vendor(oui, mac("fc:ff:aa:ff:ff:ff")), "IEEE Registration Authority");
    assert_string_equal(vt_oui_vendor(oui, mac("00:1b:21:00:00:00")), "Intel");
    assert_string_equal(vt_oui_vendor(oui, mac("01:1b:21:00:00:00")), "Intel"); /* a group of its */
    assert_null(vt_oui_vendor(oui, mac("00:00:01:00:00:00")));
    assert_null(vt_oui_vendor(oui, mac("fc:ff:ff:00:00:00")));
    assert_string_equal(vt_oui_vendor(oui, mac("02:00:00:00:00:01")), "locally administered");
    vt_oui_close(oui);
}

static void test_bad_lists(void **state)
{
    struct vt_oui *oui = NULL;
    (void)state;
    assert_int_equal(vt_oui_open(&oui, "/nonexistent/oui.txt"), -VT_ENOENT);
    assert_int_equal(open_text(&oui, ""), -VT_EINVAL);
    assert_int_equal(open_text(&oui, "28-6F-B9"), -VT_EINVAL);
    assert_int_equal(open_text(&oui, "28-6F\n28-6F-B\n28-6F-B9 (he"), -VT_EINVAL);
    assert_null(oui);
    vt_oui_close(NULL);
}

/* The list that Debian installs. */
static void s04_the_real_list(void **state)
{
    struct vt_oui *oui = NULL;
    (void)state;
    int err = vt_oui_open(&oui, NULL);
    if (err == -VT_ENOENT)
        skip(); /* ieee-data is not installed */
    assert_int_equal(err, 0);
    assert_true(vt_oui_count(oui) > 20000);
    const char *vendor = vt_oui_vendor(oui, mac("00:00:0c:07:ac:01"));
    assert_non_null(vendor);
    assert_non_null(strstr(vendor, "Cisco"));
    vendor = vt_oui_vendor(oui, mac("08:00:20:01:02:03"));
    assert_non_null(vendor);
    assert_non_null(strstr(vendor, "Oracle"));
    vt_oui_close(oui);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s04_vendor_of_an_address),
        cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(s04_the_real_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
