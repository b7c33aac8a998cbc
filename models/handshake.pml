/* Opening and closing of a TCP connection, as RFC 9293 3.10 has it with RFC 5961: two ends, a and b, over a
 * network that loses, duplicates and reorders, and that may still carry segments of an earlier incarnation.
 *
 * What is left out: data, windows and their edges, options. A number is a byte: 8 * incarnation + offset, where
 * the offset is 0 for the SYN, 1 for what follows it (the FIN), 2 for what follows the FIN. So the initial
 * numbers of two incarnations are never near each other (RFC 6528's clock), and comparison is plain.
 *
 * Every change of state is a MOVE(from, to): a test holds the set of them against the table of legal moves in
 * src/transport/tcp_state.c, both ways, and sees that none is unreached.
 *
 * Chosen when the model is made (README.md tells which runs there are):
 *   CAP=n        segments that each direction of the network holds; what finds it full is lost
 *   OLD=n        old duplicates that may still come out of the network
 *   LIVES=n      how often a opens
 *   FAIR         losses and duplicates are n at most (LOSSES, COPIES), timers outlast a round trip, nobody gives
 *                up, crashes or aborts: what should come about, must
 *   CLOSES       the ends close once both are established
 * Mistakes, each of which must be found:
 *   TWO_HANDED   the server is ESTABLISHED by the SYN alone, and nobody sends a third segment
 *   NO_ACK_CHECK SYN-SENT takes any SYN,ACK
 *   NO_TIME_WAIT whoever closed first is CLOSED at once
 *   NO_REPEAT    a FIN is sent only once
 */
#ifndef CAP
#define CAP 2
#endif
#ifndef OLD
#define OLD 1
#endif
#ifndef LIVES
#define LIVES 1
#endif
#ifndef LOSSES
#define LOSSES 2
#endif
#ifndef COPIES
#define COPIES 1
#endif

#define CLOSED      0
#define LISTEN      1
#define SYN_SENT    2
#define SYN_RCVD    3
#define ESTABLISHED 4
#define FIN_WAIT1   5
#define FIN_WAIT2   6
#define CLOSE_WAIT  7
#define CLOSING     8
#define LAST_ACK    9
#define TIME_WAIT   10

#define FIN 1
#define SYN 2
#define RST 4
#define ACK 8

#define A 0
#define B 1
#define NAME(e) ('a' + (e))

#define WINDOW 2 /* in numbers: a peer's SYN apart, there are two */
#define SPACE  8 /* between initial numbers */
#define LAST_B 3 /* b's incarnations at most */

byte st[2];       /* the state */
byte iss[2];      /* our initial number */
byte irs[2];      /* the peer's */
byte rcv[2];      /* RCV.NXT */
byte life[2];     /* incarnations so far; 0 is that of the old duplicates */
bool heard[2];    /* our SYN is acknowledged */
bool passive[2];  /* this incarnation was opened by a SYN */
bool server;      /* b listens; else it opens like a */
bool rude;        /* somebody aborted, crashed or gave up: the other may be left alone */
bool hurt;        /* an end was reset after it was established */
bool opened;      /* both were established at one time */
byte losses, copies, olds;

chan net_a = [CAP] of { byte, byte, byte }; /* to a: flags, number, acknowledgement */
chan net_b = [CAP] of { byte, byte, byte };

#define QUIET    (len(net_a) == 0 && len(net_b) == 0)

/* SND.NXT: the FIN counts once it has been sent, which is once the SYN was acknowledged. */
#define FIN_SENT(e) (heard[e] && (st[e] == FIN_WAIT1 || st[e] == FIN_WAIT2 || st[e] == CLOSING || \
                     st[e] == LAST_ACK || st[e] == TIME_WAIT))
#define NXT(e)      (iss[e] + (FIN_SENT(e) -> 2 : 1))

/* A sorted channel is a bag to the checker: in which order things were sent does not matter, as they come out in
 * any. With FAIR they come out in order but for COPIES of them, so that none waits for ever. */
#ifdef FAIR
#define PUT !
#else
#define PUT !!
#endif

inline send(e, flags, number, acked)
{
    if
    :: (e) == A && len(net_b) < CAP -> net_b PUT flags, number, acked; sent = true
    :: (e) == B && len(net_a) < CAP -> net_a PUT flags, number, acked; sent = true
    :: else
    fi;
    if
    :: sent -> printf("send %c %d %d %d\n", NAME(e), flags, number, acked); sent = false
    :: else -> printf("full %c %d %d %d\n", NAME(e), flags, number, acked)
    fi
}

#define MOVE(from, to) assert(st[me] == from); st[me] = to

inline send_syn()    { send(me, SYN, iss[me], 0) }
inline send_synack() { send(me, SYN | ACK, iss[me], rcv[me]) }
inline send_ack()    { send(me, ACK, NXT(me), rcv[me]) }
inline send_fin()    { send(me, FIN | ACK, iss[me] + 1, rcv[me]) }

inline new_number() { life[me]++; iss[me] = SPACE * life[me]; heard[me] = false }
inline forget()     { iss[me] = 0; irs[me] = 0; rcv[me] = 0; heard[me] = false; passive[me] = false }

#define SEG_LEN   (((f & SYN) -> 1 : 0) + ((f & FIN) -> 1 : 0))

/* 3.10.7.1 */
inline in_closed()
{
    if
    :: (f & RST) -> skip
    :: !(f & RST) && (f & ACK) -> send(me, RST, k, 0)
    :: !(f & RST) && !(f & ACK) -> send(me, RST | ACK, 0, n + SEG_LEN)
    fi
}

/* 3.10.7.2 */
inline in_listen()
{
    if
    :: (f & RST) -> skip
    :: !(f & RST) && (f & ACK) -> send(me, RST, k, 0)
    :: !(f & RST) && !(f & ACK) && (f & SYN) && life[me] < LAST_B ->
       new_number();
       irs[me] = n; rcv[me] = n + 1; passive[me] = true;
       send_synack();
#ifdef TWO_HANDED
       heard[me] = true;
       st[me] = ESTABLISHED
#else
       MOVE(LISTEN, SYN_RCVD)
#endif
    :: else
    fi
}

/* 3.10.7.3 */
inline in_syn_sent()
{
    if
#ifndef NO_ACK_CHECK
    :: (f & ACK) && k != iss[me] + 1 ->
       if
       :: !(f & RST) -> send(me, RST, k, 0)
       :: else
       fi
    :: !((f & ACK) && k != iss[me] + 1) && (f & RST) ->
#else
    :: (f & RST) ->
#endif
       if
       :: (f & ACK) -> MOVE(SYN_SENT, CLOSED); rude = true; forget()
       :: else
       fi
    :: else ->
       if
       :: (f & SYN) ->
          irs[me] = n; rcv[me] = n + 1;
          if
          :: (f & ACK) ->
             heard[me] = true;
             MOVE(SYN_SENT, ESTABLISHED);
#ifndef TWO_HANDED
             send_ack()
#else
             skip
#endif
          :: else -> MOVE(SYN_SENT, SYN_RCVD); send_synack()
          fi
       :: else
       fi
    fi
}

/* The RST that is believed: exactly at RCV.NXT (RFC 5961 3.2). */
inline reset()
{
    if
    :: st[me] == SYN_RCVD && passive[me] -> MOVE(SYN_RCVD, LISTEN)
    :: st[me] == SYN_RCVD && !passive[me] -> MOVE(SYN_RCVD, CLOSED); rude = true
    :: st[me] == ESTABLISHED -> MOVE(ESTABLISHED, CLOSED); hurt = hurt || heard[me]
    :: st[me] == FIN_WAIT1 -> MOVE(FIN_WAIT1, CLOSED); hurt = hurt || heard[me]
    :: st[me] == FIN_WAIT2 -> MOVE(FIN_WAIT2, CLOSED); hurt = hurt || heard[me]
    :: st[me] == CLOSE_WAIT -> MOVE(CLOSE_WAIT, CLOSED); hurt = hurt || heard[me]
    :: st[me] == CLOSING -> MOVE(CLOSING, CLOSED); hurt = hurt || heard[me]
    :: st[me] == LAST_ACK -> MOVE(LAST_ACK, CLOSED); hurt = hurt || heard[me]
    :: st[me] == TIME_WAIT -> skip /* RFC 1337 */
    fi;
    if
    :: st[me] == CLOSED || st[me] == LISTEN -> forget()
    :: else
    fi
}

/* Fifth: the ACK covers our SYN, or our FIN too. */
inline step_ack()
{
    if
    :: st[me] == SYN_RCVD && k == iss[me] + 1 -> heard[me] = true; MOVE(SYN_RCVD, ESTABLISHED)
    :: st[me] == FIN_WAIT1 && !heard[me] && k == iss[me] + 1 -> heard[me] = true; send_fin()
    :: st[me] == FIN_WAIT1 && heard[me] && k == iss[me] + 2 && (f & FIN) == 0 -> MOVE(FIN_WAIT1, FIN_WAIT2)
    :: st[me] == CLOSING && k == iss[me] + 2 -> MOVE(CLOSING, TIME_WAIT)
    :: st[me] == LAST_ACK && k == iss[me] + 2 -> MOVE(LAST_ACK, CLOSED); forget()
    :: else
    fi
}

/* Eighth: the FIN, in its place. */
inline step_fin()
{
    rcv[me] = rcv[me] + 1;
    if
    :: st[me] == ESTABLISHED -> MOVE(ESTABLISHED, CLOSE_WAIT)
    :: st[me] == FIN_WAIT1 && k == iss[me] + 2 -> MOVE(FIN_WAIT1, TIME_WAIT)
    :: st[me] == FIN_WAIT1 && k != iss[me] + 2 -> MOVE(FIN_WAIT1, CLOSING)
    :: st[me] == FIN_WAIT2 -> MOVE(FIN_WAIT2, TIME_WAIT)
    :: else
    fi;
    send_ack()
}

#define ACCEPTABLE  (n + SEG_LEN > rcv[me] - (SEG_LEN == 0 -> 1 : 0) && n < rcv[me] + WINDOW)
#define SYN_AGAIN   (st[me] == SYN_RCVD && (f & (SYN | ACK | RST)) == SYN && n == irs[me])
/* Figure 8: the peer's SYN a second time, now with an ACK. */
#define MET         (st[me] == SYN_RCVD && !passive[me] && (f & (SYN | ACK | RST)) == (SYN | ACK) && \
                     n == irs[me] && k == iss[me] + 1)

/* 3.10.7.4 */
inline in_others()
{
    if
    :: SYN_AGAIN -> send_synack()
    :: MET -> heard[me] = true; MOVE(SYN_RCVD, ESTABLISHED); send_ack()
    :: !SYN_AGAIN && !MET && !ACCEPTABLE ->
       if
       :: !(f & RST) -> send_ack()
       :: else
       fi
    :: !SYN_AGAIN && !MET && ACCEPTABLE && (f & RST) ->
       if
       :: n == rcv[me] -> reset()
       :: else -> send_ack()
       fi
    :: !SYN_AGAIN && !MET && ACCEPTABLE && !(f & RST) && (f & SYN) -> send_ack()
    :: !SYN_AGAIN && !MET && ACCEPTABLE && !(f & (RST | SYN)) && (f & ACK) ->
       if
       :: st[me] == SYN_RCVD && k != iss[me] + 1 -> send(me, RST, k, 0)
       :: st[me] != SYN_RCVD && (k > NXT(me) || k <= iss[me]) -> send_ack() /* RFC 5961 5.2 */
       :: else ->
          step_ack();
          if
          :: (f & FIN) && n == rcv[me] && st[me] != CLOSED -> step_fin()
          :: else
          fi
       fi
    :: else
    fi
}

inline receive()
{
    if
    :: st[me] == CLOSED -> in_closed()
    :: st[me] == LISTEN -> in_listen()
    :: st[me] == SYN_SENT -> in_syn_sent()
    :: else -> in_others()
    fi
}

#ifdef FAIR
#define MAY_COPY    (copies < COPIES)
#define COPIED      copies++
#define MAY_LOSE    (losses < LOSSES)
#define LOST        losses++
#define TIMER       QUIET
#else
#define MAY_COPY    true
#define COPIED      skip
#define MAY_LOSE    true
#define LOST        skip
#define TIMER       true
#endif

/* What comes out of the network: any segment of those on the way, to be heard once, to be heard and come once
 * more, or not at all. */
inline choose(net)
{
    if
    :: net?f, n, k
    :: len(net) > 1 && MAY_COPY -> net?x, y, z; net?f, n, k; net PUT x, y, z; x = 0; y = 0; z = 0; COPIED
    fi;
    if
    :: true -> skip
    :: MAY_COPY -> COPIED; net PUT f, n, k; printf("copy %c %d %d %d\n", NAME(me), f, n, k)
    fi
}

inline out_of_net()
{
    if
    :: me == A -> choose(net_a)
    :: me == B -> choose(net_b)
    fi;
    if
    :: true -> printf("take %c %d %d %d\n", NAME(me), f, n, k); receive()
    :: MAY_LOSE -> LOST; printf("lose %c %d %d %d\n", NAME(me), f, n, k)
    fi;
    f = 0; n = 0; k = 0
}

#define PEER_REPEATS (st[1 - me] == FIN_WAIT1 || st[1 - me] == CLOSING || st[1 - me] == LAST_ACK)

/* Two maximum segment lifetimes: nothing of this connection is on the way, and nobody is about to repeat a FIN. */
#ifdef NO_TIME_WAIT
#define TWO_MSL true
#else
#define TWO_MSL (QUIET && !PEER_REPEATS)
#endif

inline timers()
{
    printf("timer %c\n", NAME(me));
    if
    :: st[me] == SYN_SENT -> send_syn()
    :: st[me] == SYN_RCVD || (st[me] == FIN_WAIT1 && !heard[me]) -> send_synack()
#ifndef NO_REPEAT
    :: (st[me] == FIN_WAIT1 && heard[me]) || st[me] == CLOSING || st[me] == LAST_ACK -> send_fin()
#endif
    fi
}

#ifdef NO_REPEAT
#define HAS_TIMER (st[me] == SYN_SENT || st[me] == SYN_RCVD || (st[me] == FIN_WAIT1 && !heard[me]))
#else
#define HAS_TIMER (st[me] == SYN_SENT || st[me] == SYN_RCVD || st[me] == FIN_WAIT1 || st[me] == CLOSING || \
                   st[me] == LAST_ACK)
#endif

inline open_actively()
{
    new_number();
    MOVE(CLOSED, SYN_SENT);
    printf("open %c\n", NAME(me));
    send_syn()
}

inline close()
{
    printf("close %c\n", NAME(me));
    if
    :: st[me] == ESTABLISHED -> MOVE(ESTABLISHED, FIN_WAIT1); send_fin()
    :: st[me] == CLOSE_WAIT -> MOVE(CLOSE_WAIT, LAST_ACK); send_fin()
    :: st[me] == SYN_RCVD && !passive[me] -> MOVE(SYN_RCVD, FIN_WAIT1) /* its FIN goes when the SYN is acknowledged */
    :: st[me] == SYN_SENT -> MOVE(SYN_SENT, CLOSED); rude = true; forget()
    :: st[me] == LISTEN -> MOVE(LISTEN, CLOSED)
    fi
}

/* Abort (a RST tells the peer), crash (nothing does), or the last of many repetitions (neither). */
inline let_go()
{
    rude = true;
    if
    :: printf("abort %c\n", NAME(me)); send(me, RST | ACK, NXT(me), rcv[me])
    :: printf("crash %c\n", NAME(me))
    fi;
    if
    :: st[me] == SYN_SENT -> MOVE(SYN_SENT, CLOSED)
    :: st[me] == SYN_RCVD && passive[me] -> MOVE(SYN_RCVD, LISTEN)
    :: st[me] == SYN_RCVD && !passive[me] -> MOVE(SYN_RCVD, CLOSED)
    :: st[me] == ESTABLISHED -> MOVE(ESTABLISHED, CLOSED)
    :: st[me] == FIN_WAIT1 -> MOVE(FIN_WAIT1, CLOSED)
    :: st[me] == FIN_WAIT2 -> MOVE(FIN_WAIT2, CLOSED)
    :: st[me] == CLOSE_WAIT -> MOVE(CLOSE_WAIT, CLOSED)
    :: st[me] == CLOSING -> MOVE(CLOSING, CLOSED)
    :: st[me] == LAST_ACK -> MOVE(LAST_ACK, CLOSED)
    fi;
    forget()
}

#ifdef FAIR
#define MAY_LET_GO false
/* Who opens to a host that has not begun is refused: no fault of the network's. */
#define BEGUN      (life[A] > 0 && (life[B] > 0 || st[B] == LISTEN))
#else
#define MAY_LET_GO true
#define BEGUN      true
#endif
#if defined(FAIR) && defined(CLOSES)
#define MAY_CLOSE (opened && (st[me] == ESTABLISHED || st[me] == CLOSE_WAIT))
#elif defined(FAIR)
#define MAY_CLOSE false
#else
#define MAY_CLOSE (st[me] == ESTABLISHED || st[me] == CLOSE_WAIT || (st[me] == SYN_RCVD && !passive[me]) || \
                   st[me] == SYN_SENT || st[me] == LISTEN)
#endif

proctype end_of(byte me)
{
    byte f, n, k; /* the segment: flags, number, acknowledgement */
    byte x, y, z;
    bool sent;
end:
    do
    :: atomic { BEGUN && (me == A -> len(net_a) : len(net_b)) > 0 -> out_of_net() }
    :: atomic { TIMER && HAS_TIMER -> timers() }
    :: atomic { st[me] == TIME_WAIT && TWO_MSL -> printf("2msl %c\n", NAME(me)); MOVE(TIME_WAIT, CLOSED); forget() }
    :: atomic { st[me] == CLOSED && life[me] < (me == A -> LIVES : 1) && !(me == B && server) -> open_actively() }
    :: atomic { st[me] == CLOSED && me == B && server && life[me] == 0 -> MOVE(CLOSED, LISTEN) }
    :: atomic { MAY_CLOSE -> close() }
    :: atomic { MAY_LET_GO && st[me] != CLOSED && st[me] != LISTEN && st[me] != TIME_WAIT -> let_go() }
    od
}

/* What an earlier incarnation left in the network: its SYN, its ACK, its FIN and its RST, either way. */
proctype earlier()
{
    bool sent;
end:
    do
    :: atomic { BEGUN && olds < OLD -> olds++;
       printf("old\n");
       if
       :: true -> send(A, SYN, 0, 0)
       :: true -> send(A, ACK, 1, 1)
       :: true -> send(A, FIN | ACK, 1, 1)
       :: true -> send(A, RST, 1, 0)
       :: true -> send(B, SYN | ACK, 0, 1)
       :: true -> send(B, FIN | ACK, 1, 1)
       :: true -> send(B, RST | ACK, 0, 1)
       fi }
    od
}

#define SYNCHRONISED(e) (st[e] >= ESTABLISHED && heard[e])
/* ESTABLISHED for a SYN that the peer did not send in this life of his. */
#define GHOST(e) (SYNCHRONISED(e) && irs[e] == 0)
#define DISAGREE (st[A] == ESTABLISHED && st[B] == ESTABLISHED && (irs[A] != iss[B] || irs[B] != iss[A]))

/* Nothing can happen any more: then both are at rest. With FAIR timers and users, nobody waits for the other. */
#define AT_REST(e) (st[e] == CLOSED || st[e] == LISTEN)
#define SOUND      ((AT_REST(A) && AT_REST(B)) || (st[A] == ESTABLISHED && st[B] == ESTABLISHED) || \
                    (st[A] == FIN_WAIT2 && st[B] == CLOSE_WAIT) || (st[A] == CLOSE_WAIT && st[B] == FIN_WAIT2) || rude)

active proctype watch()
{
end:
    do
    :: atomic { GHOST(A) || GHOST(B) -> printf("ghost\n"); assert(false) }
    :: atomic { DISAGREE -> printf("disagree\n"); assert(false) }
    :: atomic { hurt && !rude -> printf("hurt\n"); assert(false) }
    :: atomic { !opened && st[A] == ESTABLISHED && st[B] == ESTABLISHED -> opened = true }
    :: atomic { timeout -> printf("stuck\n"); assert(SOUND); break }
    od
}

init
{
    atomic {
#ifdef PASSIVE
        server = true;
#else
        if
        :: server = true
        :: server = false
        fi;
#endif
        run end_of(A);
        run end_of(B);
        run earlier()
    }
}

#define both_open   (st[A] == ESTABLISHED && st[B] == ESTABLISHED)
#define both_closed (opened && st[A] == CLOSED && st[B] == CLOSED)
#if defined(FAIR) && defined(CLOSES)
ltl closes { <> both_closed }
#elif defined(FAIR)
ltl opens { <> both_open }
#endif
