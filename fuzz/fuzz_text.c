/* Addresses as text: what is read is what the C library reads, and what is written is read again the same. */
#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"

static void check_ip(const char *text)
{
    struct vt_ip ip = VT_IP4_ANY, expected = VT_IP4_ANY, again;
    char buf[VT_IP_TEXT];
    bool is_ip = inet_pton(AF_INET, text, expected.b + 12) == 1 || inet_pton(AF_INET6, text, expected.b) == 1;
    FUZZ_CHECK((vt_ip_parse(&ip, text) == 0) == is_ip);
    if (!is_ip)
        return;
    FUZZ_CHECK(vt_ip_eq(ip, expected));
    FUZZ_CHECK(strlen(vt_ip_text(buf, ip)) < sizeof(buf));
    FUZZ_CHECK(vt_ip_parse(&again, buf) == 0 && vt_ip_eq(again, ip));
}

static void check_others(const char *text)
{
    struct vt_ip ip;
    uint8_t prefix;
    if (vt_ip_parse_prefix(&ip, &prefix, text) == 0)
        FUZZ_CHECK(prefix <= (vt_ip_is4(ip) ? 32 : 128));

    struct vt_addr addr, addr_again;
    char addr_text[VT_ADDR_TEXT];
    if (vt_addr_parse(&addr, text) == 0) {
        FUZZ_CHECK(strlen(vt_addr_text(addr_text, addr)) < sizeof(addr_text));
        FUZZ_CHECK(vt_addr_parse(&addr_again, addr_text) == 0 && vt_addr_eq(addr, addr_again));
    }

    struct vt_mac mac, mac_again;
    char mac_text[VT_MAC_TEXT];
    if (vt_mac_parse(&mac, text) == 0) {
        FUZZ_CHECK(strlen(text) == 17);
        FUZZ_CHECK(vt_mac_parse(&mac_again, vt_mac_text(mac_text, mac)) == 0 && vt_mac_eq(mac, mac_again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Of exactly its length, so that a read beyond the 0 is seen. */
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    check_ip(text);
    check_others(text);
    free(text);
    return 0;
}
