/* What the lens explains, in two languages. X(key, word, English, Chinese). */
#ifndef VT_LENS_TOPICS_H
#define VT_LENS_TOPICS_H

#define VT_TOPIC_LIST(X)                                                                                                                                   \
    /* Questions. */                                                                                                                                       \
    X(WHY_THREE, "why-three",                                                                                                                              \
      "Why three segments to open? Each side must tell its initial number and hear that it was understood: "                                               \
      "four "                                                                                                                                              \
      "things. The server's SYN and its ACK of the client's go in one segment, so three suffice (RFC 9293 "                                                \
      "3.5).",                                                                                                                                             \
      "为什么建立连接要三次握手？双方都要告诉对方自己的初始序号，并确认对方收到了，共四件事。服务器的 SYN " \
      "和对客户端的 ACK 合在一个报文段里，所以三次就够（RFC 9293 3.5）。")                                                                                 \
    X(WHY_FOUR, "why-four",                                                                                                                                \
      "Why four segments to close? A FIN says only: I have no more to send. The other acknowledges it at "                                                 \
      "once, and "                                                                                                                                         \
      "may still have data; its own FIN comes when it is done. Where it has nothing left, ACK and FIN go "                                                 \
      "together, "                                                                                                                                         \
      "and three suffice (RFC 9293 3.6).",                                                                                                                 \
      "为什么断开要四次挥手？FIN 只表示“我没有数据要发了”。对方立即确认，但可能还有数据要发，"                 \
      "发完才发自己的 FIN。若对方也没有数据了，ACK 和 FIN 合在一起，三次即可（RFC 9293 3.6）。")                                                           \
    X(WHY_TIME_WAIT, "why-time-wait",                                                                                                                      \
      "Why wait 2 MSL? The last ACK may be lost: then the other repeats its FIN, and somebody must be "                                                    \
      "there to "                                                                                                                                          \
      "answer. And every old segment of this connection must have died out before a new one of the same "                                                  \
      "name "                                                                                                                                              \
      "begins (RFC 9293 3.6.1).",                                                                                                                          \
      "为什么要等 2MSL？一是最后的 ACK 可能丢失：对方会重发 FIN，得有人回答；"                                                 \
      "二是让本连接的旧报文段都在网络中消失，以免混入同名的新连接（RFC 9293 3.6.1）。")                                                                    \
    X(WHY_NOT_TWO, "why-not-two",                                                                                                                          \
      "Why not two segments? With two, the server would not know that its answer arrived: a lost answer is "                                               \
      "a "                                                                                                                                                 \
      "deadlock, and an old duplicate SYN would open a ghost connection. The third segment tells it.",                                                     \
      "为什么不是两次握手？两次的话，服务器不知道自己的应答是否到达：应答丢失就会死锁，"                           \
      "迟到的旧 SYN 还会打开一个幽灵连接。第三次握手正是为此。")                                                                                           \
    X(STREAM, "stream",                                                                                                                                    \
      "TCP is a stream of bytes: how they are cut into segments says nothing. One send may come as two "                                                   \
      "receives, "                                                                                                                                         \
      "and two as one.",                                                                                                                                   \
      "TCP 是字节流：怎样切成报文段没有意义。一次发送可能分两次收到，两次发送也可能一次收到。")                                                            \
    X(STANDSTILL_RECEIVE, "standstill-receive",                                                                                                            \
      "Both receive: each end's program waits in recv for the other to send, nothing is on the way, and "                                                  \
      "nothing "                                                                                                                                           \
      "will ever come. Both wait for ever.",                                                                                                               \
      "双方都在接收：两端的程序都在 recv 里等对方发送，路上没有任何数据，也永远不会有。双方将永远等下去。")                                                \
    X(STANDSTILL_SEND, "standstill-send",                                                                                                                  \
      "Both send: each end's program waits in send, for neither reads what the other sent. Both windows "                                                  \
      "are full, "                                                                                                                                         \
      "and both stop.",                                                                                                                                    \
      "双方都在发送：两端的程序都卡在 send 里，谁也不读对方发来的数据。两个窗口都满了，双方都停住。")                                                      \
    /* Segments. */                                                                                                                                        \
    X(SYN, "syn",                                                                                                                                          \
      "The first of three: the client asks to connect and tells its initial number, x. A SYN carries no "                                                  \
      "data and "                                                                                                                                          \
      "takes one number (RFC 9293 3.5).",                                                                                                                  \
      "第一次握手：客户端请求连接，并告诉自己的初始序号 x。SYN 不带数据，但占一个序号（RFC 9293 3.5）。")                                                  \
    X(SYN_ACK, "syn-ack",                                                                                                                                  \
      "The second of three: the server acknowledges x with x+1, and tells its own initial number, y, in "                                                  \
      "the same "                                                                                                                                          \
      "segment (RFC 9293 3.5).",                                                                                                                           \
      "第二次握手：服务器用 x+1 确认客户端的 SYN，同时告诉自己的初始序号 y（RFC 9293 3.5）。")                                                             \
    X(FIN_FIRST, "fin-first",                                                                                                                              \
      "FIN: this side has no more to send, but still receives. It takes one sequence number, u, so that it "                                               \
      "can be "                                                                                                                                            \
      "acknowledged (RFC 9293 3.6).",                                                                                                                      \
      "FIN：本方没有数据要发了，但仍可接收。FIN 占一个序号 u，这样才能被确认（RFC 9293 3.6）。")                                                           \
    X(FIN_SECOND, "fin-second",                                                                                                                            \
      "The other side's FIN: it too has sent everything. When this is acknowledged, it is CLOSED at once.",                                                \
      "另一方的 FIN：它也发完了。收到对它的确认后，它立即进入 CLOSED。")                                                                                   \
    X(ACK_OF_FIN, "ack-of-fin",                                                                                                                            \
      "The FIN is acknowledged at once. The connection is half closed: what this side still sends must "                                                   \
      "still be "                                                                                                                                          \
      "taken (RFC 9293 3.6).",                                                                                                                             \
      "立即确认对方的 FIN。连接处于半关闭：本方仍可发送，对方必须接收（RFC 9293 3.6）。")                                                                  \
    X(LAST_ACK_SENT, "last-ack-sent",                                                                                                                      \
      "The last ACK. It may be lost, and nobody would tell: that is why its sender waits in TIME-WAIT.",                                                   \
      "最后的 ACK。它可能丢失而无人告知，所以发送者要在 TIME-WAIT 里等待。")                                                                               \
    X(RST, "rst",                                                                                                                                          \
      "RST: there is no such connection here, or it is broken off. Nothing that was on the way is "                                                        \
      "delivered "                                                                                                                                         \
      "(RFC 9293 3.5.2).",                                                                                                                                 \
      "RST：这里没有这个连接，或者连接被强行中断，路上的数据都作废（RFC 9293 3.5.2）。")                                                                   \
    X(RETRANSMISSION, "retransmission",                                                                                                                    \
      "Sent again because no acknowledgment came in time. Each time without an answer the wait doubles "                                                   \
      "(RFC 6298 5).",                                                                                                                                     \
      "超时没有收到确认，重新发送。每次没有回答，等待时间加倍（RFC 6298 5）。")                                                                            \
    X(FAST, "fast-retransmission",                                                                                                                         \
      "Sent again before the timer expired: acknowledgments of later data tell that this segment is "                                                      \
      "missing "                                                                                                                                           \
      "(RFC 5681 3.2).",                                                                                                                                   \
      "不等定时器到期就重发：后面数据的重复确认说明这一段丢了（RFC 5681 3.2）。")                                                                          \
    X(LOSS_PROBE, "loss-probe",                                                                                                                            \
      "A probe for a loss at the end: the last segment again, so that its acknowledgment tells what is "                                                   \
      "missing "                                                                                                                                           \
      "(RFC 8985 7).",                                                                                                                                     \
      "尾部丢失探测：把最后一段再发一次，由确认得知缺了什么（RFC 8985 7）。")                                                                              \
    X(WINDOW_PROBE, "window-probe",                                                                                                                        \
      "The receiver's window is zero. A probe asks now and then whether it has opened: the segment that "                                                  \
      "said so "                                                                                                                                           \
      "might have been lost (RFC 9293 3.8.6.1).",                                                                                                          \
      "接收方窗口为零。发送方不时探测它是否打开，因为通知窗口的报文段可能丢失（RFC 9293 3.8.6.1）。")                                                      \
    X(ZERO_WINDOW, "zero-window",                                                                                                                          \
      "Window zero: the receiver's buffer is full, because its program does not read. The sender must "                                                    \
      "wait.",                                                                                                                                             \
      "零窗口：接收方的缓冲区满了，因为它的程序没有读。发送方必须等待。")                                                                                  \
    X(WINDOW_UPDATE, "window-update",                                                                                                                      \
      "The program has read: the window is open again, and the sender may go on.",                                                                         \
      "程序读走了数据：窗口重新打开，发送方可以继续。")                                                                                                    \
    X(KEEPALIVE, "keepalive",                                                                                                                              \
      "Is the other still alive? After two hours of silence a probe every 75 seconds; after ten without an "                                               \
      "answer "                                                                                                                                            \
      "the connection is closed (RFC 9293 3.8.4).",                                                                                                        \
      "对方还在吗？静默两小时后每 75 秒探测一次，十次没有回答就关闭连接（RFC 9293 3.8.4）。")                                                              \
    X(CHALLENGE, "challenge-ack",                                                                                                                          \
      "A challenge: the segment that came might be forged. A true peer answers this ACK with one that fits "                                               \
      "(RFC 5961 3.2, 4.2).",                                                                                                                              \
      "质询 ACK：收到的报文段可能是伪造的。真正的对方会用吻合的报文段回答（RFC 5961 3.2、4.2）。")                                                         \
    X(DUP_ACK, "duplicate-ack",                                                                                                                            \
      "Something came out of order: the same ACK again says which byte is still missing (RFC 5681 3.2).",                                                  \
      "收到了乱序的数据：重复同一个 ACK，说明还缺哪个字节（RFC 5681 3.2）。")                                                                              \
    X(DELAYED_ACK, "delayed-ack",                                                                                                                          \
      "An ACK held back a moment, in the hope that data or a second segment would share it (RFC 9293 "                                                     \
      "3.8.6.3).",                                                                                                                                         \
      "延迟确认：稍等片刻，希望能搭上数据或与下一段一起确认（RFC 9293 3.8.6.3）。")                                                                        \
    X(DATA, "data",                                                                                                                                        \
      "Data: len bytes, of which the first has the number seq. TCP is a stream: where a segment ends means "                                               \
      "nothing.",                                                                                                                                          \
      "数据：共 len 个字节，第一个字节的序号是 seq。TCP 是字节流，报文段的边界没有意义。")                                                                 \
    X(ACK, "ack",                                                                                                                                          \
      "An acknowledgment: everything before the number ack has come. It takes no sequence number itself.",                                                 \
      "确认：ack 之前的字节都已收到。它自己不占序号。")                                                                                                    \
    /* States. */                                                                                                                                          \
    X(S_CLOSED, "closed", "CLOSED: there is no connection.", "CLOSED：没有连接。")                                                                         \
    X(S_LISTEN, "listen", "LISTEN: the server waits for anybody's SYN.", "LISTEN：服务器等待任何人的 SYN。")                                               \
    X(S_SYN_SENT, "syn-sent", "SYN-SENT: the client has asked, and waits for the answer.",                                                                 \
      "SYN-SENT：客户端已请求连接，等待应答。")                                                                                                            \
    X(S_SYN_RCVD, "syn-rcvd",                                                                                                                              \
      "SYN-RCVD: half open. The server has answered; that its answer came it does not know yet.",                                                          \
      "SYN-RCVD：半连接。服务器已应答，但还不知道应答是否到达。")                                                                                          \
    X(S_ESTABLISHED, "established", "ESTABLISHED: both know that both are ready. Data may go both ways.",                                                  \
      "ESTABLISHED：双方都知道对方已就绪，数据可以双向传送。")                                                                                             \
    X(S_FIN_WAIT1, "fin-wait-1", "FIN-WAIT-1: our FIN is on its way, not acknowledged yet.",                                                               \
      "FIN-WAIT-1：我方的 FIN 已发出，尚未被确认。")                                                                                                       \
    X(S_FIN_WAIT2, "fin-wait-2",                                                                                                                           \
      "FIN-WAIT-2: our FIN is acknowledged; we wait for the other's, and take what it sends.",                                                             \
      "FIN-WAIT-2：我方的 FIN 已被确认，等待对方的 FIN，期间仍接收数据。")                                                                                 \
    X(S_CLOSE_WAIT, "close-wait",                                                                                                                          \
      "CLOSE-WAIT: the other has closed; our program has not yet. A connection that stays here is a "                                                      \
      "program that "                                                                                                                                      \
      "forgot to close.",                                                                                                                                  \
      "CLOSE-WAIT：对方已关闭，我方程序还没有。长期停在这里说明程序忘了 close。")                                                                          \
    X(S_CLOSING, "closing", "CLOSING: both closed at once; our FIN is not acknowledged yet.",                                                              \
      "CLOSING：双方同时关闭，我方的 FIN 尚未被确认。")                                                                                                    \
    X(S_LAST_ACK, "last-ack",                                                                                                                              \
      "LAST-ACK: the other closed first; our FIN is out, and its ACK is the last thing.",                                                                  \
      "LAST-ACK：对方先关闭，我方的 FIN 已发出，只等最后的 ACK。")                                                                                         \
    X(S_TIME_WAIT, "time-wait",                                                                                                                            \
      "TIME-WAIT, for 2 MSL: the last ACK may be lost, and the other's repeated FIN must find an answer; "                                                 \
      "and old "                                                                                                                                           \
      "segments must die out before the same addresses and ports are used again (RFC 9293 3.6.1).",                                                        \
      "TIME-WAIT，等待 2MSL：最后的 ACK 可能丢失，对方重发的 FIN 要有人回答；"                                                      \
      "旧报文段也要先消失，同样的地址和端口才能再用（RFC 9293 3.6.1）。")                                                                                  \
    /* Timers. */                                                                                                                                          \
    X(T_RTO, "timer-retransmission",                                                                                                                       \
      "The retransmission timer expired: nothing acknowledged what was sent.",                                                                             \
      "重传定时器到期：发出的数据没有被确认。")                                                                                                            \
    X(T_DELACK, "timer-delayed-ack",                                                                                                                       \
      "The delayed-ACK timer expired: nothing came that could carry the ACK.",                                                                             \
      "延迟确认定时器到期：没有可以搭载 ACK 的数据。")                                                                                                     \
    X(T_PERSIST, "timer-persist", "The persist timer expired: the window is still zero, so it is probed.",                                                 \
      "坚持定时器到期：窗口仍为零，发送探测。")                                                                                                            \
    X(T_KEEPALIVE, "timer-keepalive", "The keepalive timer expired: long silence, so the other is asked.",                                                 \
      "保活定时器到期：长时间静默，询问对方是否还在。")                                                                                                    \
    X(T_TIME_WAIT, "timer-time-wait",                                                                                                                      \
      "2 MSL have passed: everything old has died out, and the name is free again.",                                                                       \
      "2MSL 已过：旧的报文段都已消失，这个连接名可以再用。")                                                                                               \
    X(T_FIN_WAIT2, "timer-fin-wait-2",                                                                                                                     \
      "The other's FIN did not come, and no program waits for it: given up.",                                                                              \
      "对方的 FIN 一直没来，也没有程序在等：放弃。")                                                                                                       \
    X(T_SYN_ACK, "timer-syn-ack",                                                                                                                          \
      "No ACK came for the SYN,ACK: it is sent again, a few times, and then forgotten.",                                                                   \
      "SYN,ACK 没有得到确认：重发几次，然后放弃。")                                                                                                        \
    X(T_USER, "timer-user-timeout",                                                                                                                        \
      "The time that the program allowed is over: the connection is broken off.",                                                                          \
      "程序允许的时间已到：中断连接。")                                                                                                                    \
    X(T_REORDER, "timer-rack-reorder",                                                                                                                     \
      "Time enough for what was only late: what is still missing is lost (RFC 8985).",                                                                     \
      "给迟到者的时间已过：仍缺少的视为丢失（RFC 8985）。")                                                                                                \
    X(T_PROBE, "timer-loss-probe",                                                                                                                         \
      "No acknowledgment for a while: the end of the data is probed (RFC 8985 7).",                                                                        \
      "一段时间没有确认：探测尾部的数据（RFC 8985 7）。")                                                                                                  \
    X(T_PACING, "timer-pacing", "The next segment may go: pacing spreads a burst over the round trip.",                                                    \
      "可以发下一段了：节奏控制把突发分散到一个往返时间里。")                                                                                              \
    /* The floors below. */                                                                                                                                \
    X(ARP_REQUEST, "arp-request",                                                                                                                          \
      "Whose is this IP address? Asked of everybody on the LAN, because only the link address is not known "                                               \
      "yet "                                                                                                                                               \
      "(RFC 826).",                                                                                                                                        \
      "这个 IP 地址是谁的？向局域网里所有人广播询问，因为还不知道对方的 MAC 地址（RFC 826）。")                                                            \
    X(ARP_REPLY, "arp-reply", "It is mine, at this link address. Only the asker is told (RFC 826).",                                                       \
      "是我的，我的 MAC 地址在此。只回答询问者（RFC 826）。")                                                                                              \
    X(ARP_ANNOUNCE, "arp-announce",                                                                                                                        \
      "This address is mine now: caches are brought up to date (RFC 5227 2.3).",                                                                           \
      "宣告：这个地址现在是我的，请更新缓存（RFC 5227 2.3）。")                                                                                            \
    X(FORWARD, "forward",                                                                                                                                  \
      "A router passes the packet on to the next network, its time to live one less (RFC 1812).",                                                          \
      "路由器把分组转发到下一个网络，TTL 减一（RFC 1812）。")                                                                                              \
    X(FRAGMENT, "fragment",                                                                                                                                \
      "The packet is too big for the next link: it is cut, and put together only at its end.",                                                             \
      "分组对下一段链路太大：被分片，到终点才重组。")                                                                                                      \
    X(ECHO, "icmp-echo", "A ping: the other sends the same bytes back (RFC 792).",                                                                         \
      "ping：对方把同样的字节送回来（RFC 792）。")                                                                                                         \
    X(UNREACHABLE, "icmp-unreachable",                                                                                                                     \
      "Somebody on the way tells that the packet cannot reach its end (RFC 792).",                                                                         \
      "途中有人报告：分组无法到达目的地（RFC 792）。")                                                                                                     \
    X(TIME_EXCEEDED, "icmp-time-exceeded",                                                                                                                 \
      "The time to live ran out on the way: traceroute lives on this (RFC 792).",                                                                          \
      "生存时间在途中耗尽：traceroute 就靠它（RFC 792）。")                                                                                                \
    X(UDP, "udp", "A datagram: sent, and forgotten. No connection, no acknowledgment (RFC 768).",                                                          \
      "数据报：发出就不管了，没有连接，也没有确认（RFC 768）。")                                                                                           \
    X(LEARN, "learn", "The switch learns from source addresses which port leads to whom.",                                                                 \
      "交换机从源地址学习哪个端口通向谁。")                                                                                                                \
    X(STORM, "storm", "A broadcast storm: the switch lets no more through than its limit.",                                                                \
      "广播风暴：交换机只放行限额以内的广播。")                                                                                                            \
    X(I_DUPLICATE, "impair-duplicate", "The cable made a second copy. TCP takes each byte once.",                                                          \
      "线缆复制了一份。TCP 对每个字节只取一次。")                                                                                                          \
    X(I_REORDER, "impair-reorder", "The cable let it overtake others. TCP puts the bytes in order again.",                                                 \
      "线缆打乱了顺序。TCP 会按序号重新排好。")                                                                                                            \
    X(I_CORRUPT, "impair-corrupt", "A bit flipped on the cable: the frame check sequence will tell.",                                                      \
      "线缆上翻转了一个比特：帧校验序列会发现。")                                                                                                          \
    X(I_INSIDE, "impair-corrupt-inside",                                                                                                                   \
      "A bit flipped behind the frame check: only the checksums of IP, TCP and UDP "                                                                       \
      "can tell.",                                                                                                                                         \
      "比特在帧校验之后翻转：只有 IP、TCP、UDP 的校验和能发现。")                                                                                          \
    X(I_DELAY, "impair-delay", "Held back by a targeted fault: others overtake it.",                                                                       \
      "被定向故障扣住：其他帧先到。")                                                                                                                      \
    X(I_MARK, "impair-mark",                                                                                                                               \
      "The cable's queue is long, and the packet says that its ends understand marks: it is marked (CE) "                                                  \
      "instead "                                                                                                                                           \
      "of being lost.",                                                                                                                                    \
      "线缆队列很长，而该分组声明两端支持标记：不丢弃，改为打上拥塞标记（CE）。")                                                                          \
    X(ECN_CE, "ecn-ce",                                                                                                                                    \
      "The network marked this segment: a queue builds up. The receiver tells the sender in its ACKs.",                                                    \
      "网络给这个报文段打了拥塞标记：某处队列在增长。接收方在 ACK 中告知发送方。")                                                                         \
    X(ECN_TOLD, "ecn-told",                                                                                                                                \
      "The peer tells that the network marked segments of ours: the window becomes smaller, though nothing "                                               \
      "was lost.",                                                                                                                                         \
      "对方告知我方报文段被网络标记：虽无丢失，窗口仍要减小。")                                                                                            \
    X(QUEUE, "queue",                                                                                                                                      \
      "The listener's queue is full: listen's number is how many connections may wait half open, or for "                                                  \
      "accept.",                                                                                                                                           \
      "监听队列已满：listen 的参数就是可以排队的半连接数和等待 accept 的连接数。")                                                                         \
    X(ERROR, "error", "The connection failed, and its program is told by the next call.",                                                                  \
      "连接出错，程序在下一次调用时得知。")                                                                                                                \
    X(WAIT, "wait", "The program's call cannot go on yet: it waits.", "程序的调用暂时不能继续：等待。")                                                    \
    X(DROP, "drop", "A packet ended here.", "分组在此终结。")

enum vt_topic {
    VT_TOPIC_NONE,
#define X(key, word, en, zh) VT_TOPIC_##key,
    VT_TOPIC_LIST(X)
#undef X
    VT_TOPIC_COUNT
};

#endif
