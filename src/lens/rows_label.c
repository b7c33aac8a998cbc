/* What stands on an arrow, and the letters of the textbooks. */
#include "rows.h"

#define EXCERPT_WIDTH 24

/* What has been said of a pair (vt_pair.told). */
enum {
    TOLD_OPEN = 1 << 0,
    TOLD_CLOSE = 1 << 1,
    TOLD_TIME_WAIT = 1 << 2, /* of end 0; of end 1 the bit above it */
};

void vt_label_put(char *to, size_t size, const struct vt_out *o)
{
    size_t len = o->len < size ? o->len : size - 1;
    while (len < o->len && len > 0 && ((uint8_t)o->s[len] & 0xc0) == 0x80)
        len--;
    if (len != 0)
        memcpy(to, o->s, len);
    to[len] = '\0';
}

/* ---- Numbers ---- */

/* The letter of an end's SYN or FIN. */
static char syn_letter(unsigned side)
{
    return side == 0 ? 'x' : 'y';
}
static char fin_letter(const struct vt_pair *p, unsigned side)
{
    return p->closer == side ? 'u' : 'w';
}

static uint32_t relative(const struct vt_mend *e, uint32_t n)
{
    return e->have_isn ? n - e->isn : n;
}

/* A segment's place in the conversation, which decides whether its numbers are told by letters. */
struct place {
    const struct vt_pair *p;
    const struct vt_event *ev;
    unsigned side;
    bool opening; /* SYN, SYN,ACK, and the ACK that completes the handshake */
};

static struct place place_of(const struct vt_pair *p, const struct vt_event *ev, unsigned side)
{
    const struct vt_mend *e = &p->end[side], *peer = &p->end[1 - side];
    bool syn = (ev->u.seg.flags & VT_SYN) != 0;
    bool third = e->have_syn && peer->have_syn && ev->u.seg.seq == e->isn + 1 &&
                 ev->u.seg.ack == peer->isn + 1 && ev->u.seg.len == 0 &&
                 (ev->u.seg.flags & (VT_FIN | VT_RST)) == 0;
    return (struct place){p, ev, side, syn || third};
}

static void put_seq(struct vt_out *o, const struct place *at)
{
    const struct vt_mend *e = &at->p->end[at->side];
    uint32_t seq = at->ev->u.seg.seq, end = seq + at->ev->u.seg.len;
    vt_out_text(o, " seq=");
    if ((at->ev->u.seg.flags & VT_SYN) != 0)
        vt_out_format(o, "%c (%u)", syn_letter(at->side), seq);
    else if (at->opening)
        vt_out_format(o, "%c+1", syn_letter(at->side));
    else if ((at->ev->u.seg.flags & VT_FIN) != 0 && at->ev->u.seg.len == 0)
        vt_out_format(o, "%c (%u)", fin_letter(at->p, at->side), relative(e, seq));
    else if ((at->ev->u.seg.flags & VT_FIN) != 0)
        vt_out_format(o, "%u len=%u, FIN %c (%u)", relative(e, seq), at->ev->u.seg.len,
                      fin_letter(at->p, at->side), relative(e, end));
    else if (e->have_fin && seq == e->fin + 1)
        vt_out_format(o, "%c+1", fin_letter(at->p, at->side));
    else if (at->p->have_v && at->p->closer == 1 - at->side && seq == at->p->v && at->ev->u.seg.len == 0)
        vt_out_format(o, "v (%u)", relative(e, seq));
    else
        vt_out_format(o, "%u", relative(e, seq));
}

static void put_ack(struct vt_out *o, const struct place *at)
{
    const struct vt_mend *peer = &at->p->end[1 - at->side];
    uint32_t ack = at->ev->u.seg.ack;
    bool rst = (at->ev->u.seg.flags & VT_RST) != 0;
    if ((at->ev->u.seg.flags & VT_ACK) == 0)
        return;
    if (peer->have_syn && ack == peer->isn + 1 && (at->opening || rst))
        vt_out_format(o, " ack=%c+1", syn_letter(1 - at->side));
    else if (peer->have_fin && ack == peer->fin + 1)
        vt_out_format(o, " ack=%c+1", fin_letter(at->p, 1 - at->side));
    else
        vt_out_format(o, " ack=%u", relative(peer, ack));
}

/* A pure ACK in the middle of a conversation needs no sequence number: it takes none. */
static bool seq_says_something(const struct place *at)
{
    const struct vt_mend *e = &at->p->end[at->side], *peer = &at->p->end[1 - at->side];
    unsigned flags = at->ev->u.seg.flags & (VT_SYN | VT_FIN | VT_RST | VT_URG);
    return at->opening || flags != 0 || at->ev->u.seg.len != 0 || at->ev->u.seg.why == VT_SEG_KEEPALIVE ||
           (peer->have_fin && at->ev->u.seg.ack == peer->fin + 1) ||
           (e->have_fin && at->ev->u.seg.seq == e->fin + 1);
}

static void put_excerpt(struct vt_out *o, const struct vt_rec *bytes, uint32_t len, bool ascii)
{
    if (bytes == NULL || bytes->excerpt_len == 0 || len == 0)
        return;
    size_t have = bytes->excerpt_len < len ? bytes->excerpt_len : len;
    vt_out_char(o, ' ');
    vt_out_excerpt(o, bytes->excerpt, have, have < len, EXCERPT_WIDTH, ascii);
}

void vt_label_segment(struct vt_rows *r, struct vt_row *row, const struct vt_event *ev,
                      const struct vt_pair *p, const struct vt_rec *maker, const struct vt_rec *bytes)
{
    struct vt_out o = {0};
    struct place at = place_of(p, ev, row->side);
    unsigned flags = ev->u.seg.flags;
    vt_out_flags(&o, flags);
    if (seq_says_something(&at))
        put_seq(&o, &at);
    put_ack(&o, &at);
    if (ev->u.seg.len != 0 && (flags & VT_FIN) == 0)
        vt_out_format(&o, " len=%u", ev->u.seg.len);
    if ((flags & VT_SYN) != 0 && ev->u.seg.mss != 0)
        vt_out_format(&o, " mss=%u", ev->u.seg.mss);
    if (ev->u.seg.wnd == 0 && (flags & (VT_SYN | VT_RST)) == 0)
        vt_out_text(&o, " win=0");
    if (ev->u.seg.sacks != 0)
        vt_out_format(&o, " sack=%u", ev->u.seg.sacks);
    if (flags & VT_URG)
        vt_out_format(&o, " urg=%u", ev->u.seg.urgent);
    put_excerpt(&o, bytes, ev->u.seg.len, r->config.ascii);

    struct vt_event made = maker != NULL ? vt_rec_event(maker) : *ev;
    if (made.u.seg.why > VT_SEG_ACK && (flags & VT_RST) == 0)
        row->why = vt_seg_why_word(made.u.seg.why);
    else if ((row->flags & VT_ROWF_AGAIN) != 0)
        row->why = "sent again";
    if (made.u.seg.why == VT_SEG_RTO || made.u.seg.why == VT_SEG_FAST || made.u.seg.why == VT_SEG_TLP)
        row->flags |= VT_ROWF_AGAIN;
    if (maker != NULL) { /* what explains the arrow is why it was sent */
        row->key = made;
        row->key.kind = VT_EV_TCP_TX;
    }
    if (flags & VT_RST)
        row->flags |= VT_ROWF_BAD;
    vt_label_put(row->label, sizeof row->label, &o);
    vt_out_free(&o);
}

/* ---- Other packets ---- */

static void put_ip4(struct vt_out *o, const uint8_t ip[4])
{
    vt_out_format(o, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
}

static void label_arp(struct vt_out *o, const struct vt_event *ev)
{
    static const uint8_t zero[4];
    const uint8_t *sender = ev->u.arp.sender_ip, *target = ev->u.arp.target_ip;
    vt_out_text(o, "ARP ");
    if (ev->u.arp.op == 1 && memcmp(sender, zero, 4) == 0) { /* RFC 5227 2.1.1 */
        vt_out_text(o, "probe: who-has ");
        put_ip4(o, target);
    } else if (memcmp(sender, target, 4) == 0) { /* RFC 5227 2.3 */
        vt_out_text(o, "announcement: ");
        put_ip4(o, sender);
        vt_out_text(o, " is-at ");
        vt_out_mac(o, ev->u.arp.sender_mac);
    } else if (ev->u.arp.op == 1) {
        vt_out_text(o, "who-has ");
        put_ip4(o, target);
        vt_out_text(o, " tell ");
        put_ip4(o, sender);
    } else {
        put_ip4(o, sender);
        vt_out_text(o, " is-at ");
        vt_out_mac(o, ev->u.arp.sender_mac);
    }
}

static const char *unreachable_word(unsigned code)
{
    static const char *const words[] = {"network unreachable", "host unreachable",     "protocol unreachable",
                                        "port unreachable",    "fragmentation needed", "source route failed"};
    if (code < sizeof words / sizeof words[0])
        return words[code];
    return code == 9 || code == 10 || code == 13 ? "administratively prohibited" : "unreachable";
}

static void label_icmp(struct vt_out *o, const struct vt_event *ev)
{
    unsigned type = ev->u.icmp.type, code = ev->u.icmp.code;
    switch (type) {
    case 0:
    case 8:
        vt_out_format(o, "ICMP echo %s id=%u seq=%u", type == 8 ? "request" : "reply", ev->u.icmp.ident,
                      ev->u.icmp.seq);
        break;
    case 3: vt_out_format(o, "ICMP %s", unreachable_word(code)); break;
    case 11: vt_out_format(o, "ICMP time exceeded%s", code == 1 ? " (reassembly)" : ""); break;
    case 12: vt_out_text(o, "ICMP parameter problem"); break;
    default: vt_out_format(o, "ICMP type %u code %u", type, code); break;
    }
}

void vt_label_other(struct vt_rows *r, struct vt_row *row, const struct vt_event *ev,
                    const struct vt_rec *bytes)
{
    struct vt_out o = {0};
    switch (ev->kind) {
    case VT_EV_ARP_TX:
    case VT_EV_ARP_RX: label_arp(&o, ev); break;
    case VT_EV_ICMP_TX:
    case VT_EV_ICMP_RX: label_icmp(&o, ev); break;
    case VT_EV_UDP_TX:
    case VT_EV_UDP_RX:
        vt_out_format(&o, "UDP %u%s%u len=%u", ev->u.udp.sport, r->config.ascii ? "->" : "→", ev->u.udp.dport,
                      ev->u.udp.len);
        put_excerpt(&o, bytes, ev->u.udp.len, r->config.ascii);
        break;
    default: vt_out_text(&o, vt_event_word(ev->kind)); break;
    }
    vt_label_put(row->label, sizeof row->label, &o);
    vt_out_free(&o);
}

/* ---- Legends ---- */

static void legend_open(struct vt_out *o, const struct vt_pair *p)
{
    vt_out_format(o, "x = %u, y = %u: below, numbers count from these, so that x+1 is 1", p->end[0].isn,
                  p->end[1].isn);
}

static void legend_close(struct vt_out *o, const struct vt_pair *p)
{
    const struct vt_mend *closer = &p->end[p->closer], *other = &p->end[1 - p->closer];
    char first = syn_letter(p->closer), second = syn_letter(1u - p->closer);
    vt_out_format(o, "u = %c+%u = %u", first, relative(closer, closer->fin), closer->fin);
    if (p->have_v)
        vt_out_format(o, ", v = %c+%u = %u", second, relative(other, p->v), p->v);
    vt_out_format(o, ", w = %c+%u = %u", second, relative(other, other->fin), other->fin);
    vt_out_text(o, p->have_v  ? ": closed with four segments"
                   : p->three ? ": closed with three segments"
                              : ": both closed at once");
}

static bool is_up(int state)
{
    return state < 0 || state >= VT_TCP_ESTABLISHED;
}

static bool time_wait_note(struct vt_rows *r, struct vt_pair *p, struct vt_row *row)
{
    for (unsigned s = 0; s < 2; s++) {
        uint8_t bit = (uint8_t)(TOLD_TIME_WAIT << s);
        if (row->state[s] != VT_TCP_TIME_WAIT || (p->told & bit) != 0)
            continue;
        p->told |= bit;
        struct vt_event ev = {.time = row->time, .kind = VT_EV_TCP_STATE, .node = p->end[s].node};
        ev.u.state.to = VT_TCP_TIME_WAIT;
        struct vt_row note = vt_rows_blank(r, &ev);
        note.kind = VT_ROW_NOTE;
        note.side = (uint8_t)s;
        note.flags = row->flags & VT_ROWF_LOOP;
        strcpy(note.label, "TIME-WAIT begins: for 2 MSL");
        note.tcp = true;
        note.pair = note.context = p->id;
        note.slot = vt_model_slot(&r->model, p);
        *row = note;
        return true;
    }
    return false;
}

bool vt_label_legend(struct vt_rows *r, struct vt_pair *p, struct vt_row *row)
{
    struct vt_out o = {0};
    bool both = p->end[0].have_syn && p->end[1].have_syn;
    if ((p->told & TOLD_OPEN) == 0 && both && is_up(row->state[0]) && is_up(row->state[1])) {
        p->told |= TOLD_OPEN;
        legend_open(&o, p);
    } else if ((p->told & TOLD_CLOSE) == 0 && both && p->end[0].have_fin && p->end[1].have_fin &&
               (row->state[0] == VT_TCP_CLOSED || row->state[1] == VT_TCP_CLOSED ||
                (row->state[0] == VT_TCP_TIME_WAIT && row->state[1] == VT_TCP_TIME_WAIT))) {
        p->told |= TOLD_CLOSE;
        legend_close(&o, p);
    } else {
        return time_wait_note(r, p, row);
    }
    struct vt_event ev = {.time = row->time, .node = row->from};
    struct vt_row legend = vt_rows_blank(r, &ev);
    legend.kind = VT_ROW_LEGEND;
    vt_label_put(legend.label, sizeof legend.label, &o);
    vt_out_free(&o);
    legend.tcp = true;
    legend.pair = legend.context = p->id;
    legend.slot = vt_model_slot(&r->model, p);
    *row = legend;
    return true;
}
