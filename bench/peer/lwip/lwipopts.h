/* lwIP as the benchmark builds it: raw API, no system, a 64 KB window, memory to spare. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS                       1
#define SYS_LIGHTWEIGHT_PROT         0
#define LWIP_SOCKET                  0
#define LWIP_NETCONN                 0
#define LWIP_IPV6                    0
#define LWIP_ARP                     0
#define LWIP_ETHERNET                0
#define LWIP_UDP                     0
#define LWIP_RAW                     0
#define LWIP_STATS                   0
#define LWIP_NETIF_LOOPBACK          0
#define LWIP_HAVE_LOOPIF             0
#define IP_FORWARD                   0
#define MEM_ALIGNMENT                8
#define MEM_SIZE                     (64 * 1024 * 1024)
#define MEMP_NUM_PBUF                16384
#define MEMP_NUM_TCP_PCB             1024
#define MEMP_NUM_TCP_SEG             16384
#define PBUF_POOL_SIZE               16384
#define PBUF_POOL_BUFSIZE            1600
#define TCP_MSS                      1460
#define TCP_WND                      65535
#define TCP_SND_BUF                  65535
#define TCP_SND_QUEUELEN             256
#define LWIP_WND_SCALE               0
#define TCP_LISTEN_BACKLOG           1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_TCP_SACK_OUT            1
#define LWIP_NOASSERT                1

#endif
