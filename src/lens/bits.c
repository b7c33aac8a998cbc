/* A frame as it lies on the wire, field by field. */
#include "out.h"

#define PREAMBLE 7u
#define HEAD     (PREAMBLE + 1u)
#define LEAST    (HEAD + 14u + 4u)
#define PER_LINE 4u /* bytes shown in one line */

struct view {
    struct vt_out o;
    enum vt_lang lang;
    const uint8_t *wire;
    size_t at, end; /* end: where the FCS begins */
};

/* One field: name, value, bytes in hexadecimal, and their bits in the order of their sending. */
static void field(struct view *v, size_t len, const char *en, const char *zh, const char *value)
{
    const char *name = v->lang == VT_LANG_ZH ? zh : en;
    if (len > v->end + 4 - v->at)
        len = v->end + 4 - v->at;
    for (size_t i = 0; i < len || i == 0; i += PER_LINE) {
        size_t n = len - i < PER_LINE ? len - i : PER_LINE;
        unsigned width = vt_text_width(i == 0 ? name : "");
        vt_out_text(&v->o, i == 0 ? name : "");
        vt_out_repeat(&v->o, " ", width < 22 ? 22 - width : 1);
        for (size_t k = 0; k < PER_LINE; k++) {
            if (k < n)
                vt_out_format(&v->o, "%02x ", v->wire[v->at + i + k]);
            else
                vt_out_text(&v->o, "   ");
        }
        vt_out_char(&v->o, ' ');
        for (size_t k = 0; k < n; k++) {
            for (unsigned bit = 0; bit < 8; bit++) /* IEEE 802.3 3.3: least significant bit first */
                vt_out_char(&v->o, (v->wire[v->at + i + k] >> bit & 1) != 0 ? '1' : '0');
            vt_out_char(&v->o, ' ');
        }
        if (i == 0 && value[0] != '\0') {
            vt_out_repeat(&v->o, " ", (unsigned)(9 * (PER_LINE - n)));
            vt_out_format(&v->o, " %s", value);
        }
        while (v->o.len > 0 && v->o.s[v->o.len - 1] == ' ')
            v->o.s[--v->o.len] = '\0';
        vt_out_char(&v->o, '\n');
        if (len == 0)
            break;
    }
    v->at += len;
}

static void field_number(struct view *v, size_t len, const char *en, const char *zh)
{
    struct vt_out text = {0};
    uint32_t n = 0;
    for (size_t i = 0; i < len && i < 4 && v->at + i < v->end; i++)
        n = n << 8 | v->wire[v->at + i];
    vt_out_format(&text, "%u", n);
    field(v, len, en, zh, vt_out_string(&text));
    vt_out_free(&text);
}

static void field_mac(struct view *v, const char *en, const char *zh)
{
    struct vt_out text = {0};
    if (v->end - v->at >= 6)
        vt_out_mac(&text, v->wire + v->at);
    field(v, 6, en, zh, vt_out_string(&text));
    vt_out_free(&text);
}

static void field_ip4(struct view *v, const char *en, const char *zh)
{
    struct vt_out text = {0};
    if (v->end - v->at >= 4) {
        struct vt_ip a = vt_ip_from4(vt_get32(v->wire + v->at));
        vt_out_ip(&text, a.b);
    }
    field(v, 4, en, zh, vt_out_string(&text));
    vt_out_free(&text);
}

static void rest(struct view *v, size_t stop, const char *en, const char *zh)
{
    struct vt_out text = {0};
    if (stop > v->end)
        stop = v->end;
    if (v->at >= stop)
        return;
    vt_out_format(&text, v->lang == VT_LANG_ZH ? "%zu 字节" : "%zu bytes", stop - v->at);
    field(v, stop - v->at, en, zh, vt_out_string(&text));
    vt_out_free(&text);
}

static void show_tcp(struct view *v, size_t stop)
{
    struct vt_out flags = {0};
    size_t begin = v->at;
    if (stop - v->at < 20)
        return;
    size_t header = (size_t)(v->wire[v->at + 12] >> 4) * 4;
    field_number(v, 2, "TCP source port", "TCP 源端口");
    field_number(v, 2, "destination port", "目的端口");
    field_number(v, 4, "sequence number", "序号");
    field_number(v, 4, "acknowledgment", "确认号");
    vt_out_flags(&flags, (unsigned)(v->wire[v->at] & 1) << 8 | v->wire[v->at + 1]);
    field(v, 2, "offset, flags", "首部长度、标志", vt_out_string(&flags));
    vt_out_free(&flags);
    field_number(v, 2, "window", "窗口");
    field(v, 2, "checksum", "校验和", "");
    field_number(v, 2, "urgent pointer", "紧急指针");
    rest(v, begin + header < stop ? begin + header : stop, "options", "选项");
    rest(v, stop, "data", "数据");
}

static void show_l4(struct view *v, unsigned protocol, size_t stop)
{
    if (protocol == 6) {
        show_tcp(v, stop);
    } else if (protocol == 17 && stop - v->at >= 8) {
        field_number(v, 2, "UDP source port", "UDP 源端口");
        field_number(v, 2, "destination port", "目的端口");
        field_number(v, 2, "length", "长度");
        field(v, 2, "checksum", "校验和", "");
    } else if (protocol == 1 && stop - v->at >= 8) {
        field_number(v, 1, "ICMP type", "ICMP 类型");
        field_number(v, 1, "code", "代码");
        field(v, 2, "checksum", "校验和", "");
        field_number(v, 2, "identifier", "标识符");
        field_number(v, 2, "sequence number", "序号");
    }
    rest(v, stop, "data", "数据");
}

static void show_ip4(struct view *v)
{
    const uint8_t *ip = v->wire + v->at;
    size_t begin = v->at, header = (size_t)(ip[0] & 15) * 4, total = vt_get16(ip + 2);
    unsigned protocol = ip[9];
    bool first = (vt_get16(ip + 6) & 0x1fff) == 0;
    if (ip[0] >> 4 != 4 || header < 20 || total < header || begin + total > v->end)
        return;
    field(v, 1, "IPv4 version, length", "IPv4 版本、首部长度", "");
    field(v, 1, "type of service", "服务类型", "");
    field_number(v, 2, "total length", "总长度");
    field_number(v, 2, "identification", "标识");
    field(v, 2, "flags, offset", "标志、片偏移", "");
    field_number(v, 1, "time to live", "生存时间");
    field_number(v, 1, "protocol", "协议");
    field(v, 2, "header checksum", "首部校验和", "");
    field_ip4(v, "source address", "源地址");
    field_ip4(v, "destination address", "目的地址");
    rest(v, begin + header, "options", "选项");
    if (first)
        show_l4(v, protocol, begin + total);
    rest(v, begin + total, "data", "数据");
}

static void show_arp(struct view *v)
{
    field_number(v, 2, "ARP hardware", "ARP 硬件类型");
    field(v, 2, "protocol", "协议类型", "");
    field_number(v, 1, "hardware length", "硬件地址长度");
    field_number(v, 1, "protocol length", "协议地址长度");
    field_number(v, 2, "operation", "操作");
    field_mac(v, "sender's MAC", "发送者 MAC");
    field_ip4(v, "sender's IP", "发送者 IP");
    field_mac(v, "target's MAC", "目标 MAC");
    field_ip4(v, "target's IP", "目标 IP");
}

/* The CRC of IEEE 802.3 3.2.9, as it is appended: low byte first. */
static uint32_t crc32(const uint8_t *b, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= b[i];
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static bool is_frame(const uint8_t *wire, size_t len)
{
    if (len < LEAST || wire[PREAMBLE] != 0xd5)
        return false;
    for (unsigned i = 0; i < PREAMBLE; i++) {
        if (wire[i] != 0x55)
            return false;
    }
    return true;
}

static void show(struct view *v, size_t len)
{
    bool zh = v->lang == VT_LANG_ZH;
    field(v, PREAMBLE, "preamble", "前导码",
          zh ? "七次 10101010，让接收方找准节拍" : "seven times 10101010: the beat");
    field(v, 1, "start delimiter", "帧起始界定符",
          zh ? "末尾的 11：帧从这里开始" : "ends in 11: the frame begins");
    field_mac(v, "destination", "目的 MAC");
    field_mac(v, "source", "源 MAC");
    unsigned type = vt_get16(v->wire + v->at);
    field(v, 2, "type", "类型", type == 0x0800 ? "IPv4" : type == 0x0806 ? "ARP" : "");
    if (type == 0x0800 && v->end - v->at >= 20)
        show_ip4(v);
    else if (type == 0x0806 && v->end - v->at >= 28)
        show_arp(v);
    if (type == 0x0800 || type == 0x0806)
        rest(v, v->end, "padding", "填充");
    else
        rest(v, v->end, "payload", "载荷");
    const uint8_t *f = v->wire + v->end;
    uint32_t got = (uint32_t)f[3] << 24 | (uint32_t)f[2] << 16 | (uint32_t)f[1] << 8 | f[0];
    bool fits = got == crc32(v->wire + HEAD, v->end - HEAD);
    const char *text = fits ? (zh ? "与帧相符" : "fits the frame")
                            : (zh ? "与帧不符：有比特翻转了" : "does not fit: a bit has flipped");
    field(v, 4, "frame check sequence", "帧校验序列", text);
    vt_out_format(&v->o, zh ? "线缆上共 %zu 字节，%zu 比特\n" : "%zu bytes, %zu bits on the wire\n", len,
                  8 * len);
}

int vt_lens_bits(struct vt_sink out, enum vt_lang lang, const uint8_t *wire, size_t len)
{
    struct view v = {.lang = lang, .wire = wire};
    int result = 0;
    if (is_frame(wire, len)) {
        v.end = len - 4;
        show(&v, len);
    } else {
        vt_out_text(&v.o, lang == VT_LANG_ZH ? "这不是线缆上的以太网帧\n"
                                             : "this is no Ethernet frame as it lies on a wire\n");
        result = -1;
    }
    int error = v.o.failed ? -VT_ENOMEM : out.write(out.ctx, vt_out_string(&v.o), v.o.len);
    vt_out_free(&v.o);
    return error != 0 ? error : result;
}
