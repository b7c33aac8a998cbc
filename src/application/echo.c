/* The echo program: a server that repeats what it hears, and a client that talks to it. */
#include "echo.h"

static const char usage[] =
    "usage: echo server [OPTIONS] [HOST:]PORT\n"
    "       echo client [OPTIONS] HOST:PORT\n"
    "\n"
    "The server takes connections and repeats what it hears, byte for byte. A conversation ends when the "
    "client\n"
    "ends its stream (recv returns 0), with a line `q`, or with an error. It serves until it is stopped.\n"
    "\n"
    "  --once           serve one conversation, then end\n"
    "  --backlog N      connections that may wait to be accepted (10)\n"
    "  --max N          conversations at a time (1000); more wait in the backlog\n"
    "  --quiet, -q      say only where it listens\n"
    "  --notes-loop     do not take length 0 for the end, and count how often recv returns it, up to 1000 "
    "times\n"
    "\n"
    "The client sends each line of its input, waits for as many bytes in answer, and prints them. TCP has no "
    "empty\n"
    "message, so an empty line is not sent. `q`, or the end of the input, leaves.\n"
    "\n"
    "  --say TEXT       send TEXT instead of reading input; may be given several times\n"
    "\n"
    "HOST is a name or a number; a server without one listens on every address.\n"
    "Exit codes: 0 all was well, 1 the conversation failed, 2 a mistake in the arguments.\n";

static int start(struct vt_process *p, int argc, char **argv)
{
    struct vt_echo *echo = p->state;
    vt_console_init(&echo->console, p, echo->out, sizeof echo->out);
    echo->u.server.listener.fd = -1;
    if (argc >= 2 && strcmp(argv[1], "server") == 0)
        return vt_echo_server_start(p, echo, argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "client") == 0) {
        echo->is_client = true;
        echo->u.client.sock.fd = -1;
        return vt_echo_client_start(p, echo, argc - 1, argv + 1);
    }
    if (argc >= 2 && argv[1][0] == '-' && vt_options_read(p, NULL, 0, argc, argv, NULL, 0) == VT_OPTIONS_DONE)
        return p->status;
    return vt_usage_error(p, "want 'server' or 'client'", "");
}

/* A program that has ended may still wait for its output to be taken: not with its sockets open. */
static void close_all(struct vt_process *p, struct vt_echo *echo)
{
    if (echo->is_client)
        vt_echo_client_end(p, echo);
    else
        vt_echo_server_end(p, echo);
}

static void step(struct vt_process *p)
{
    struct vt_echo *echo = p->state;
    p->wake = VT_NEVER;
    p->want_input = false;
    vt_console_flush(&echo->console);
    if (!echo->console.ending && echo->is_client)
        vt_echo_client_step(p, echo);
    else if (!echo->console.ending)
        vt_echo_server_step(p, echo);
    if (echo->console.ending)
        close_all(p, echo);
    vt_console_step(&echo->console);
}

static void end(struct vt_process *p)
{
    struct vt_echo *echo = p->state;
    if (echo->console.p != NULL)
        close_all(p, echo);
}

const struct vt_program vt_program_echo = {
    .name = "echo",
    .summary = "a server that repeats what it hears, and its client",
    .usage = usage,
    .state = sizeof(struct vt_echo),
    .start = start,
    .step = step,
    .end = end,
};
