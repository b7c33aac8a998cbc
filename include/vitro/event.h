/* The event stream: what happened, when, where, and because of what.
 *
 * An event is a fixed record of 128 bytes, little-endian, without padding or pointers, and may be followed by
 * `extra` bytes (a frame, a name). Every event has an id, (node, counter), and names the event that caused
 * it. The counter advances whether or not anyone records, so that a stream is the same however it is watched.
 *
 * The lens reads this header and nothing else of Vitro.
 */
#ifndef VITRO_EVENT_H
#define VITRO_EVENT_H

#include <vitro/errno.h>
#include <vitro/types.h>

#define VT_EVENT_VERSION 1

/* The floor that an event speaks of: the seven layers, and 0 for the lab and the host themselves. */
enum vt_layer {
    VT_L_HOST = 0,
    VT_L_PHYSICAL = 1,
    VT_L_LINK = 2,
    VT_L_NETWORK = 3,
    VT_L_TRANSPORT = 4,
    VT_L_SESSION = 5,
    VT_L_PRESENTATION = 6,
    VT_L_APPLICATION = 7,
};

/* X(name, layer, word, meaning). The member of `u` that an event carries is named in its meaning. */
#define VT_EVENT_LIST(X)                                                                               \
    X(NODE, VT_L_HOST, "node", "a host, router or switch exists; u.node; extra: its name")             \
    X(PORT, VT_L_PHYSICAL, "port", "a port exists; u.port; extra: its name")                           \
    X(LINK, VT_L_PHYSICAL, "link", "a cable joins two ports; u.link; extra: its name")                 \
    X(LINK_SET, VT_L_PHYSICAL, "link-set", "a cable's faults changed; u.link; extra: the new setting") \
    X(ADDR, VT_L_NETWORK, "addr", "an interface has an address; u.ifaddr")                             \
    X(GAP, VT_L_HOST, "gap", "events were lost; u.gap")                                                \
    X(PORT_TX, VT_L_PHYSICAL, "tx", "a frame leaves by a port; u.frame; extra: its bytes if wanted")   \
    X(PORT_RX, VT_L_PHYSICAL, "rx", "a frame arrived at a port; u.frame; extra: its bytes if wanted")  \
    X(DROP, VT_L_HOST, "drop", "a frame or packet ended here; u.drop")                                 \
    X(IMPAIR, VT_L_PHYSICAL, "impair", "a cable altered a frame's way; u.impair")                      \
    X(LEARN, VT_L_LINK, "learn", "a switch learned or aged an address; u.learn")                       \
    X(STORM, VT_L_LINK, "storm", "storm control began (on) or ended; u.learn.mac unused")              \
    X(ARP_TX, VT_L_LINK, "arp-tx", "an ARP packet was made; u.arp")                                    \
    X(ARP_RX, VT_L_LINK, "arp-rx", "an ARP packet was read; u.arp")                                    \
    X(NEIGH, VT_L_LINK, "neigh", "a neighbour's state changed; u.neigh")                               \
    X(IP_FORWARD, VT_L_NETWORK, "forward", "a router passed a packet on; u.ip")                        \
    X(IP_FRAGMENT, VT_L_NETWORK, "fragment", "a packet was cut; u.ip")                                 \
    X(IP_REASSEMBLE, VT_L_NETWORK, "reassemble", "a packet was put together; u.ip")                    \
    X(ICMP_TX, VT_L_NETWORK, "icmp-tx", "an ICMP message was made; u.icmp")                            \
    X(ICMP_RX, VT_L_NETWORK, "icmp-rx", "an ICMP message was read; u.icmp")                            \
    X(UDP_TX, VT_L_TRANSPORT, "udp-tx", "a datagram was sent; u.udp")                                  \
    X(UDP_RX, VT_L_TRANSPORT, "udp-rx", "a datagram was delivered; u.udp")                             \
    X(TCP_CONN, VT_L_TRANSPORT, "conn", "a connection or listener exists; u.conn")                     \
    X(TCP_STATE, VT_L_TRANSPORT, "state", "a connection's state changed; u.state")                     \
    X(TCP_TX, VT_L_TRANSPORT, "seg-tx", "a segment was sent; u.seg")                                   \
    X(TCP_RX, VT_L_TRANSPORT, "seg-rx", "a segment was read; u.seg")                                   \
    X(TCP_TIMER, VT_L_TRANSPORT, "timer", "a timer of a connection expired; u.timer")                  \
    X(TCP_CC, VT_L_TRANSPORT, "cc", "the congestion state changed; u.cc")                              \
    X(TCP_MARK, VT_L_TRANSPORT, "mark", "SO_MARK was set on a connection; u.conn")                     \
    X(TCP_ECN, VT_L_TRANSPORT, "ecn", "congestion was marked, or told of; u.ecn")                      \
    X(TCP_QUEUE, VT_L_TRANSPORT, "queue", "a listener's queue overflowed; u.queue")                    \
    X(TCP_ERROR, VT_L_TRANSPORT, "error", "an error ended or warned a connection; u.call.result")      \
    X(SOCK_CALL, VT_L_SESSION, "call", "a program called a socket function; u.call")                   \
    X(SOCK_WAIT, VT_L_SESSION, "wait", "a program's call could not go on yet; u.call")                 \
    X(APP, VT_L_APPLICATION, "app", "a program says something; u.call.fd; extra: the text")

enum vt_event_kind {
    VT_EV_NONE,
#define X(name, layer, word, meaning) VT_EV_##name,
    VT_EVENT_LIST(X)
#undef X
    VT_EV_COUNT
};

/* Why a frame or packet ended. X(name, layer, word, meaning with document and section). */
#define VT_DROP_LIST(X)                                                                                      \
    X(NO_MEMORY, VT_L_HOST, "no-memory", "no buffer was to be had")                                          \
    X(CABLE_LOSS, VT_L_PHYSICAL, "loss", "the cable lost it (impairment)")                                   \
    X(CABLE_TARGET, VT_L_PHYSICAL, "target", "a targeted fault took it")                                     \
    X(CABLE_QUEUE, VT_L_PHYSICAL, "queue-full", "the cable's queue was full")                                \
    X(CABLE_CUT, VT_L_PHYSICAL, "cut", "the cable is cut")                                                   \
    X(FCS, VT_L_PHYSICAL, "bad-fcs", "the frame check sequence does not match (IEEE 802.3 3.2.9)")           \
    X(TX_BUSY, VT_L_PHYSICAL, "tx-busy", "the device took no more frames")                                   \
    X(TX_TOO_BIG, VT_L_PHYSICAL, "too-big", "longer than the device can carry")                              \
    X(BAD_OFFLOAD, VT_L_PHYSICAL, "bad-offload",                                                             \
      "offload facts that do not fit the frame (VIRTIO 1.1 5.1.6)")                                          \
    X(ETH_RUNT, VT_L_LINK, "runt", "shorter than an Ethernet header (V01)")                                  \
    X(ETH_LENGTH, VT_L_LINK, "802.3-length", "an 802.3 length beyond the frame (V01)")                       \
    X(ETH_NOT_OURS, VT_L_LINK, "not-ours", "addressed to another card")                                      \
    X(ETH_TYPE, VT_L_LINK, "ethertype", "a protocol that nobody here speaks")                                \
    X(ETH_SOURCE, VT_L_LINK, "bad-source-mac", "a group or zero source address (V07)")                       \
    X(SWITCH_SAME_PORT, VT_L_LINK, "same-port", "its destination is on the port it came from (V09)")         \
    X(SWITCH_STORM, VT_L_LINK, "storm", "storm control (V09)")                                               \
    X(SWITCH_NO_PORT, VT_L_LINK, "no-port", "a switch with no other port")                                   \
    X(SWITCH_RESERVED, VT_L_LINK, "reserved-mac",                                                            \
      "link-local group address, never forwarded (802.1D 7.12.6)")                                           \
    X(ARP_SHORT, VT_L_LINK, "arp-short", "an ARP packet under 28 bytes (V02)")                               \
    X(ARP_FORMAT, VT_L_LINK, "arp-format",                                                                   \
      "hardware or protocol type or length not Ethernet and IPv4 (V02)")                                     \
    X(ARP_NOT_OURS, VT_L_LINK, "arp-not-ours", "an ARP packet about others (RFC 826)")                       \
    X(ARP_UNSOLICITED, VT_L_LINK, "arp-unsolicited", "a reply that nobody asked for (V03)")                  \
    X(ARP_CONFLICT, VT_L_LINK, "arp-conflict", "it claims our own address (V05, RFC 5227 2.4)")              \
    X(ARP_BAD_SENDER, VT_L_LINK, "arp-bad-sender", "a group, broadcast or zero sender address")              \
    X(NEIGH_FULL, VT_L_LINK, "neigh-full", "the neighbour table or its pending queue is full (V04)")         \
    X(NEIGH_FAILED, VT_L_LINK, "neigh-failed", "the neighbour did not answer (RFC 1122 2.3.2.2)")            \
    X(IP_SHORT, VT_L_NETWORK, "ip-short", "shorter than an IPv4 header (V11)")                               \
    X(IP_VERSION, VT_L_NETWORK, "ip-version", "not version 4 (V11, RFC 1122 3.2.1.1)")                       \
    X(IP_IHL, VT_L_NETWORK, "ip-ihl", "header length under 5 words or beyond the packet (V11)")              \
    X(IP_LENGTH, VT_L_NETWORK, "ip-length", "total length under the header or beyond the frame (V12)")       \
    X(IP_CHECKSUM, VT_L_NETWORK, "ip-checksum", "header checksum (RFC 1122 3.2.1.2)")                        \
    X(IP_SOURCE, VT_L_NETWORK, "ip-source", "a broadcast, multicast or loopback source (V15)")               \
    X(IP_LAND, VT_L_NETWORK, "ip-land", "our own address as its source (V16)")                               \
    X(IP_MARTIAN, VT_L_NETWORK, "ip-martian", "127/8 or class E on a wire (RFC 1122 3.2.1.3)")               \
    X(IP_OPTION, VT_L_NETWORK, "ip-option", "a malformed option (V13)")                                      \
    X(IP_SOURCE_ROUTE, VT_L_NETWORK, "ip-source-route", "source routing is off (V14, RFC 7126 4.3)")         \
    X(IP_NOT_OURS, VT_L_NETWORK, "ip-not-ours", "to another address, and we do not forward")                 \
    X(IP_NO_ROUTE, VT_L_NETWORK, "ip-no-route", "no route to its destination")                               \
    X(IP_TTL, VT_L_NETWORK, "ip-ttl", "its time to live ran out (RFC 1812 5.3.1)")                           \
    X(IP_DF, VT_L_NETWORK, "ip-df", "too big, and may not be fragmented (RFC 1191)")                         \
    X(IP_NO_FORWARD, VT_L_NETWORK, "ip-no-forward", "a destination that a router does not pass on")          \
    X(IP_BROADCAST, VT_L_NETWORK, "ip-broadcast", "a broadcast that its socket may not send (SO_BROADCAST)") \
    X(IP_PROTOCOL, VT_L_NETWORK, "ip-protocol", "a protocol that nobody here speaks")                        \
    X(FRAG_TOO_LONG, VT_L_NETWORK, "frag-too-long", "offset and length beyond 65535 (V17)")                  \
    X(FRAG_OVERLAP, VT_L_NETWORK, "frag-overlap", "overlapping fragments (V18, RFC 5722)")                   \
    X(FRAG_DUPLICATE, VT_L_NETWORK, "frag-duplicate", "a fragment that had already come (RFC 8200 4.5)")     \
    X(FRAG_TINY, VT_L_NETWORK, "frag-tiny", "a first fragment that splits the transport header (V19)")       \
    X(FRAG_LIMIT, VT_L_NETWORK, "frag-limit", "the reassembly cap (V20)")                                    \
    X(FRAG_TIMEOUT, VT_L_NETWORK, "frag-timeout", "reassembly took too long (RFC 1122 3.3.2)")               \
    X(FRAG_LENGTH, VT_L_NETWORK, "frag-length", "a fragment but the last not a multiple of 8 (V21)")         \
    X(FRAG_ECN, VT_L_NETWORK, "frag-ecn", "congestion marked on parts of a Not-ECT datagram (RFC 3168 5.3)") \
    X(ICMP_SHORT, VT_L_NETWORK, "icmp-short", "an ICMP message cut short (V34)")                             \
    X(ICMP_CHECKSUM, VT_L_NETWORK, "icmp-checksum", "the ICMP checksum")                                     \
    X(ICMP_BROADCAST, VT_L_NETWORK, "icmp-broadcast", "a broadcast or multicast ping (V39)")                 \
    X(ICMP_IGNORED, VT_L_NETWORK, "icmp-ignored",                                                            \
      "Source Quench, redirects and the obsolete (V38, RFC 6633)")                                           \
    X(ICMP_NO_MATCH, VT_L_NETWORK, "icmp-no-match", "speaks of nothing that we sent (RFC 5927)")             \
    X(ICMP_LIMIT, VT_L_NETWORK, "icmp-limit", "the ICMP rate limit (RFC 1812 4.3.2.8)")                      \
    X(UDP_SHORT, VT_L_TRANSPORT, "udp-short", "UDP length under 8 or beyond the packet (V41)")               \
    X(UDP_CHECKSUM, VT_L_TRANSPORT, "udp-checksum", "the UDP checksum")                                      \
    X(UDP_NO_PORT, VT_L_TRANSPORT, "udp-no-port", "no socket on that port")                                  \
    X(UDP_QUEUE, VT_L_TRANSPORT, "udp-queue", "the socket's receive buffer is full")                         \
    X(TCP_SHORT, VT_L_TRANSPORT, "tcp-short", "shorter than its header (V42)")                               \
    X(TCP_OFFSET, VT_L_TRANSPORT, "tcp-offset", "data offset under 5 or beyond the segment (V42)")           \
    X(TCP_CHECKSUM, VT_L_TRANSPORT, "tcp-checksum", "the TCP checksum (RFC 9293 3.1)")                       \
    X(TCP_BAD_ADDR, VT_L_TRANSPORT, "tcp-bad-addr",                                                          \
      "to or from a broadcast or multicast address (RFC 9293 3.9.2.3)")                                      \
    X(TCP_NO_CONN, VT_L_TRANSPORT, "tcp-no-conn", "no connection; answered with RST (RFC 9293 3.10.7.1)")    \
    X(TCP_RST_LIMIT, VT_L_TRANSPORT, "tcp-rst-limit", "no connection, and RSTs enough this second (V56)")    \
    X(TCP_RST_CLOSED, VT_L_TRANSPORT, "tcp-rst-closed", "a RST for no connection (RFC 9293 3.10.7.1)")       \
    X(TCP_LISTEN_FLAGS, VT_L_TRANSPORT, "tcp-listen", "not a SYN, at a listener (RFC 9293 3.10.7.2)")        \
    X(TCP_SYN_QUEUE, VT_L_TRANSPORT, "tcp-syn-queue", "the listener's SYN queue is full (V54)")              \
    X(TCP_ACCEPT_QUEUE, VT_L_TRANSPORT, "tcp-accept-queue", "the listener's accept queue is full")           \
    X(TCP_COOKIE, VT_L_TRANSPORT, "tcp-cookie", "a SYN cookie that is false or too old (V55, RFC 4987 3.6)") \
    X(TCP_DEFERRED, VT_L_TRANSPORT, "tcp-deferred",                                                          \
      "a bare ACK where text is waited for (TCP_DEFER_ACCEPT)")                                              \
    X(TCP_SYN_SENT, VT_L_TRANSPORT, "tcp-syn-sent", "unacceptable in SYN-SENT (RFC 9293 3.10.7.3)")          \
    X(TCP_PAWS, VT_L_TRANSPORT, "tcp-paws", "an old timestamp (RFC 7323 5)")                                 \
    X(TCP_WINDOW, VT_L_TRANSPORT, "tcp-window", "outside the receive window (RFC 9293 3.10.7.4)")            \
    X(TCP_RST_BAD, VT_L_TRANSPORT, "tcp-rst", "a RST not exactly at RCV.NXT (RFC 5961 3.2)")                 \
    X(TCP_SYN_IN_WINDOW, VT_L_TRANSPORT, "tcp-syn", "a SYN on a synchronised connection (RFC 5961 4.2)")     \
    X(TCP_NO_ACK, VT_L_TRANSPORT, "tcp-no-ack", "a segment without ACK (RFC 9293 3.10.7.4)")                 \
    X(TCP_ACK_BAD, VT_L_TRANSPORT, "tcp-ack", "acknowledges what was never sent, or too old (RFC 5961 5.2)") \
    X(TCP_DUPLICATE, VT_L_TRANSPORT, "tcp-duplicate", "all its data had already come")                       \
    X(TCP_RCVBUF, VT_L_TRANSPORT, "tcp-rcvbuf", "the receive buffer is full")                                \
    X(TCP_REASSEMBLY, VT_L_TRANSPORT, "tcp-reassembly", "the out-of-order queue is full (V47)")              \
    X(TCP_AFTER_CLOSE, VT_L_TRANSPORT, "tcp-after-close",                                                    \
      "data for a program that has gone (RFC 9293 3.6.1)")                                                   \
    X(TCP_TIME_WAIT, VT_L_TRANSPORT, "tcp-time-wait", "an old segment in TIME-WAIT (RFC 1337)")              \
    X(TCP_MD5, VT_L_TRANSPORT, "tcp-md5", "an MD5 signature missing, uncalled for or wrong (RFC 2385 4.0)")  \
    X(TCP_AO, VT_L_TRANSPORT, "tcp-ao", "a signature missing, of no key of ours, or wrong (RFC 5925 7.5)")

enum vt_drop {
    VT_DROP_NONE,
#define X(name, layer, word, meaning) VT_DROP_##name,
    VT_DROP_LIST(X)
#undef X
    VT_DROP_COUNT
};

/* What a node is. */
enum vt_node_kind {
    VT_NODE_HOST,
    VT_NODE_ROUTER,
    VT_NODE_SWITCH,
};

/* How a cable altered a frame's way without ending it. */
enum vt_impair_kind {
    VT_IMPAIR_DUPLICATE = 1,  /* a second copy was made */
    VT_IMPAIR_REORDER,        /* sent ahead of others */
    VT_IMPAIR_CORRUPT,        /* bits flipped on the wire: the FCS will tell */
    VT_IMPAIR_CORRUPT_INSIDE, /* bits flipped behind the FCS */
    VT_IMPAIR_DELAY,          /* held back by a targeted fault: others overtake */
    VT_IMPAIR_MARK,           /* the queue was long: congestion marked in the IP header (RFC 3168 5) */
};

/* What a connection learned of congestion. */
enum vt_ecn_what {
    VT_ECN_TOLD_CE = 1, /* a segment came that the network had marked */
    VT_ECN_PEER_TOLD,   /* the peer tells that segments of ours were */
};

/* Why a TCP segment was sent. X(name, word). */
#define VT_SEG_WHY_LIST(X)            \
    X(NEW, "")                        \
    X(ACK, "ack")                     \
    X(DELAYED_ACK, "delayed ack")     \
    X(DUP_ACK, "duplicate ack")       \
    X(WINDOW, "window update")        \
    X(RTO, "retransmission, timeout") \
    X(FAST, "fast retransmission")    \
    X(PROBE, "window probe")          \
    X(TLP, "loss probe")              \
    X(KEEPALIVE, "keepalive")         \
    X(CHALLENGE, "challenge ack")     \
    X(RESET, "reset")                 \
    X(COOKIE, "syn cookie")           \
    X(MTU_PROBE, "mtu probe")

enum vt_seg_why {
#define X(name, word) VT_SEG_##name,
    VT_SEG_WHY_LIST(X)
#undef X
    VT_SEG_WHY_COUNT
};

/* The timers of a connection. X(name, word). */
#define VT_TCP_TIMER_LIST(X)   \
    X(RTO, "retransmission")   \
    X(DELACK, "delayed-ack")   \
    X(PERSIST, "persist")      \
    X(KEEPALIVE, "keepalive")  \
    X(TIME_WAIT, "time-wait")  \
    X(FIN_WAIT2, "fin-wait-2") \
    X(SYN_ACK, "syn-ack")      \
    X(USER, "user-timeout")    \
    X(REORDER, "rack-reorder") \
    X(PROBE, "loss-probe")     \
    X(PACING, "pacing")

enum vt_tcp_timer {
#define X(name, word) VT_TCP_TIMER_##name,
    VT_TCP_TIMER_LIST(X)
#undef X
    VT_TCP_TIMER_COUNT
};

/* The eleven states of RFC 9293 3.3.2. X(name, RFC's spelling, ss's spelling). */
#define VT_TCP_STATE_LIST(X)                  \
    X(CLOSED, "CLOSED", "UNCONN")             \
    X(LISTEN, "LISTEN", "LISTEN")             \
    X(SYN_SENT, "SYN-SENT", "SYN-SENT")       \
    X(SYN_RCVD, "SYN-RCVD", "SYN-RECV")       \
    X(ESTABLISHED, "ESTABLISHED", "ESTAB")    \
    X(FIN_WAIT1, "FIN-WAIT-1", "FIN-WAIT-1")  \
    X(FIN_WAIT2, "FIN-WAIT-2", "FIN-WAIT-2")  \
    X(CLOSE_WAIT, "CLOSE-WAIT", "CLOSE-WAIT") \
    X(CLOSING, "CLOSING", "CLOSING")          \
    X(LAST_ACK, "LAST-ACK", "LAST-ACK")       \
    X(TIME_WAIT, "TIME-WAIT", "TIME-WAIT")

enum vt_tcp_state {
#define X(name, rfc, ss) VT_TCP_##name,
    VT_TCP_STATE_LIST(X)
#undef X
    VT_TCP_STATE_COUNT
};

/* The socket calls that SOCK_CALL and SOCK_WAIT name. X(name, word). */
#define VT_CALL_LIST(X)     \
    X(SOCKET, "socket")     \
    X(BIND, "bind")         \
    X(LISTEN, "listen")     \
    X(ACCEPT, "accept")     \
    X(CONNECT, "connect")   \
    X(SEND, "send")         \
    X(RECV, "recv")         \
    X(SHUTDOWN, "shutdown") \
    X(CLOSE, "close")

enum vt_call {
#define X(name, word) VT_CALL_##name,
    VT_CALL_LIST(X)
#undef X
    VT_CALL_COUNT
};

/* The states of a neighbour, with iproute2's words. X(name, word). */
#define VT_NEIGH_STATE_LIST(X)  \
    X(NONE, "NONE")             \
    X(INCOMPLETE, "INCOMPLETE") \
    X(REACHABLE, "REACHABLE")   \
    X(STALE, "STALE")           \
    X(DELAY, "DELAY")           \
    X(PROBE, "PROBE")           \
    X(FAILED, "FAILED")         \
    X(PERMANENT, "PERMANENT")

enum vt_neigh_state {
#define X(name, word) VT_NEIGH_##name,
    VT_NEIGH_STATE_LIST(X)
#undef X
    VT_NEIGH_STATE_COUNT
};

/* TCP flag bits as in the header's 13th and 14th bytes (RFC 9293 3.1; AE is RFC 9768's). */
enum vt_tcp_flags {
    VT_FIN = 0x001,
    VT_SYN = 0x002,
    VT_RST = 0x004,
    VT_PSH = 0x008,
    VT_ACK = 0x010,
    VT_URG = 0x020,
    VT_ECE = 0x040,
    VT_CWR = 0x080,
    VT_AE = 0x100,
};

/* SO_MARK value by which the lab's page marks connections of its own, so that it does not watch itself. */
#define VT_MARK_PAGE 0x70616765u /* "page" */

/* The id of an event: counter `n` of node `node`. n = 0 is "no event". */
struct vt_event_id {
    uint64_t n;
    uint32_t node;
};

/* One record. `iface` is the port or interface index (from 1) or 0; `conn` is a connection's number on its
 * node (from 1, never used again) or 0; `doc` is the standard behind it, as vt_doc_text() tells. */
struct vt_event {
    uint64_t time;  /* ns */
    uint64_t id;    /* counter on `node` */
    uint64_t cause; /* counter on `cause_node`, 0 for none */
    uint32_t node;
    uint32_t cause_node;
    uint16_t kind;   /* enum vt_event_kind */
    uint8_t layer;   /* enum vt_layer */
    uint8_t version; /* VT_EVENT_VERSION */
    uint16_t doc;    /* enum vt_doc */
    uint16_t reserved;
    uint32_t extra; /* bytes that follow the record */
    uint32_t iface;
    uint32_t conn;
    uint32_t mark; /* SO_MARK of the connection */
    union {
        uint8_t raw[72];
        struct {
            uint32_t kind; /* enum vt_node_kind */
        } node;
        struct {
            uint8_t mac[6];
            uint16_t reserved;
            uint32_t mtu;
        } port;
        struct { /* the two ends, as node and port index; `which` numbers the cable from 1 */
            uint32_t which, node_a, port_a, node_b, port_b;
        } link;
        struct {
            uint8_t ip[16];
            uint8_t prefix;
        } ifaddr;
        struct {
            uint32_t lost[2]; /* low and high word of the number of events lost */
        } gap;
        struct {
            uint32_t len;    /* bytes of the whole frame, without preamble and FCS */
            uint32_t gso;    /* segment size of a super-segment, else 0 */
            uint8_t partial; /* its transport checksum was still to be completed */
        } frame;
        struct {
            uint32_t reason; /* enum vt_drop */
            uint32_t len;
        } drop;
        struct {
            uint32_t kind;  /* enum vt_impair_kind */
            uint32_t bit;   /* the first flipped bit, counted from the frame's start */
            uint32_t count; /* bits flipped */
        } impair;
        struct {
            uint8_t mac[6];
            uint8_t on; /* 1 learned or begun, 0 aged, moved or ended */
        } learn;
        struct {
            uint8_t sender_mac[6], target_mac[6];
            uint8_t sender_ip[4], target_ip[4];
            uint16_t op; /* 1 request, 2 reply */
        } arp;
        struct {
            uint8_t ip[16];
            uint8_t mac[6];
            uint8_t from, to; /* enum vt_neigh_state */
        } neigh;
        struct {
            uint8_t src[16], dst[16];
            uint8_t protocol, ttl;
            uint16_t ident;
            uint32_t len, offset;
        } ip;
        struct {
            uint8_t src[16], dst[16];
            uint8_t type, code;
            uint16_t ident, seq;
            uint16_t reserved;
            uint32_t len; /* of the whole message */
        } icmp;
        struct {
            uint8_t src[16], dst[16];
            uint16_t sport, dport;
            uint32_t len; /* of the payload */
        } udp;
        struct {
            uint8_t local[16], remote[16];
            uint16_t lport, rport;
            uint32_t scope;
            uint32_t parent; /* the listener's number, of an accepted connection */
            uint8_t state;
        } conn;
        struct {
            uint8_t from, to; /* enum vt_tcp_state */
        } state;
        struct {
            uint8_t src[16], dst[16];
            uint16_t sport, dport;
            uint32_t seq, ack;
            uint32_t wnd;    /* in bytes, the scale applied where it is known */
            uint32_t len;    /* payload bytes */
            uint16_t flags;  /* enum vt_tcp_flags */
            uint8_t why;     /* enum vt_seg_why, of segments sent */
            uint8_t state;   /* enum vt_tcp_state, of the connection when it was sent or read */
            uint16_t mss;    /* from the option, 0 when absent */
            uint8_t wscale;  /* from the option plus 1, 0 when absent */
            uint8_t sacks;   /* SACK blocks */
            uint32_t urgent; /* the urgent pointer, when VT_URG */
            uint8_t ecn;     /* codepoint in the IP header (RFC 3168 5) */
        } seg;
        struct {
            uint32_t timer; /* enum vt_tcp_timer */
            uint32_t count; /* how often it has expired in a row */
        } timer;
        struct {
            uint32_t cwnd, ssthresh, flight; /* bytes */
            uint32_t srtt_us, rto_us;
            uint32_t recovery; /* 1 while recovering */
        } cc;
        struct {
            uint32_t what;  /* enum vt_ecn_what */
            uint32_t count; /* segments marked */
        } ecn;
        struct {
            uint32_t len, limit;
            uint32_t accept; /* 1: the accept queue, 0: the SYN queue */
        } queue;
        struct {
            uint32_t call; /* enum vt_call */
            int32_t fd;
            int32_t result; /* what the call returned: bytes, a descriptor, a negative error */
            uint32_t arg;   /* bytes asked for, the backlog, the port (bind, connect), or how (shutdown) */
        } call;
    } u;
};

/* The words of the lists above; "?" for a number out of range. */
const char *vt_event_word(unsigned kind);
const char *vt_drop_word(unsigned reason);
const char *vt_drop_text(unsigned reason);
unsigned vt_drop_layer(unsigned reason);
const char *vt_tcp_state_name(unsigned state);
const char *vt_tcp_state_ss(unsigned state);
const char *vt_tcp_timer_word(unsigned timer);
const char *vt_seg_why_word(unsigned why);
const char *vt_call_word(unsigned call);
const char *vt_neigh_state_word(unsigned state);

/* The standard behind an event. X(name, text). */
#define VT_DOC_LIST(X)                       \
    X(IEEE8021D_7, "IEEE 802.1D 7")          \
    X(IEEE8023_3, "IEEE 802.3 3")            \
    X(RFC826, "RFC 826")                     \
    X(RFC791, "RFC 791")                     \
    X(RFC792, "RFC 792")                     \
    X(RFC768, "RFC 768")                     \
    X(RFC1122_2_3_2, "RFC 1122 2.3.2")       \
    X(RFC1122_3_3_2, "RFC 1122 3.3.2")       \
    X(RFC1191, "RFC 1191")                   \
    X(RFC1337, "RFC 1337")                   \
    X(RFC1812_5_3_1, "RFC 1812 5.3.1")       \
    X(RFC5227_2_3, "RFC 5227 2.3")           \
    X(RFC5227_2_4, "RFC 5227 2.4")           \
    X(RFC5681_3_2, "RFC 5681 3.2")           \
    X(RFC5681_4_1, "RFC 5681 4.1")           \
    X(RFC3168_6_1, "RFC 3168 6.1")           \
    X(RFC4015, "RFC 4015")                   \
    X(RFC4821_7, "RFC 4821 7")               \
    X(RFC5961_3_2, "RFC 5961 3.2")           \
    X(RFC5961_4_2, "RFC 5961 4.2")           \
    X(RFC5961_5_2, "RFC 5961 5.2")           \
    X(RFC6298_5, "RFC 6298 5")               \
    X(RFC6582_3_2, "RFC 6582 3.2")           \
    X(RFC7323_5, "RFC 7323 5")               \
    X(RFC8985_7, "RFC 8985 7")               \
    X(RFC9293_3_5, "RFC 9293 3.5")           \
    X(RFC9293_3_6, "RFC 9293 3.6")           \
    X(RFC9293_3_6_1, "RFC 9293 3.6.1")       \
    X(RFC9293_3_8_1, "RFC 9293 3.8.1")       \
    X(RFC9293_3_8_4, "RFC 9293 3.8.4")       \
    X(RFC9293_3_8_6, "RFC 9293 3.8.6")       \
    X(RFC9293_3_8_6_1, "RFC 9293 3.8.6.1")   \
    X(RFC9293_3_8_6_3, "RFC 9293 3.8.6.3")   \
    X(RFC9293_3_9_1, "RFC 9293 3.9.1")       \
    X(RFC9293_3_10_7_1, "RFC 9293 3.10.7.1") \
    X(RFC9293_3_10_7_2, "RFC 9293 3.10.7.2") \
    X(RFC9293_3_10_7_3, "RFC 9293 3.10.7.3") \
    X(RFC9293_3_10_7_4, "RFC 9293 3.10.7.4") \
    X(RFC9293_3_10_8, "RFC 9293 3.10.8")

enum vt_doc {
    VT_DOC_NONE,
#define X(name, text) VT_DOC_##name,
    VT_DOC_LIST(X)
#undef X
    VT_DOC_COUNT
};

/* "RFC 9293 3.10.7.4"; "" for none. */
const char *vt_doc_text(unsigned doc);

/* Who listens. `event` sees each record in order; `extra` is valid only during the call. */
struct vt_listener {
    void (*event)(void *ctx, const struct vt_event *ev, const void *extra);
    void *ctx;
};

#endif
