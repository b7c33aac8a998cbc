/* The http program: a server of files and of pages, and a client that gets one. */
#include "http.h"

static const char usage[] =
    "usage: http serve [OPTIONS] [[HOST:]PORT]\n"
    "       http get [OPTIONS] URL\n"
    "\n"
    "The server answers GET and HEAD over HTTP/1.1 with the files of its root and the pages of its program, "
    "to many\n"
    "clients at once, until it is stopped. PORT is 80 when not given.\n"
    "\n"
    "  --listen, -l [HOST:]PORT, --port, -p PORT\n"
    "                       where to listen\n"
    "  --backlog N          connections that may wait to be accepted (128)\n"
    "  --max-connections N  at a time (1000); a few more are told 503, the others wait\n"
    "  --max-body N         bytes of a request's body that are read and thrown away (65536); more is 413\n"
    "  --header-timeout S   seconds for a request's head to be whole (10)\n"
    "  --idle-timeout S     seconds that a connection may wait for its next request (60)\n"
    "  --min-rate N         bytes a second that a body or an answer must move by (64; 0: none)\n"
    "  --quiet, -q          no line for each request\n"
    "\n"
    "The client writes the page to its standard output.\n"
    "\n"
    "  -I, --head           ask with HEAD, and print the answer's head\n"
    "  -i, --include        print the answer's head before the body\n"
    "  -v, --verbose        print both heads to standard error\n"
    "  -f, --fail           a status of 400 or more is an error (exit code 22), and its page is not printed\n"
    "  -H, --header LINE    a field line to send, \"Name: value\"; may be given several times\n"
    "  -r, --range RANGE    ask for bytes: 0-99, 100-, -100\n"
    "  -m, --max-time S     seconds for the whole\n"
    "  --progress           tell on standard error how far it has come\n"
    "\n"
    "URL is http://HOST[:PORT]/PATH; \"http://\" may be left out. Redirects are told of, not followed.\n"
    "Exit codes of the client are curl's: 0 it was got, 2 a mistake in the arguments, 3 a malformed URL, 6 "
    "an unknown\n"
    "host, 7 no connection, 8 no HTTP, 18 the body ended early, 22 see -f, 28 it took too long, 52 no "
    "answer, 56 the\n"
    "connection failed.\n";

static int start(struct vt_process *p, int argc, char **argv)
{
    struct vt_http *http = p->state;
    vt_console_init(&http->console, p, http->out, sizeof http->out);
    http->u.server.listener.fd = -1;
    if (argc >= 2 && strcmp(argv[1], "serve") == 0)
        return vt_http_serve_start(p, http, argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "get") == 0) {
        http->is_client = true;
        http->u.client.sock.fd = -1;
        return vt_http_get_start(p, http, argc - 1, argv + 1);
    }
    if (argc >= 2 && argv[1][0] == '-' && vt_options_read(p, NULL, 0, argc, argv, NULL, 0) == VT_OPTIONS_DONE)
        return p->status;
    return vt_usage_error(p, "want 'serve' or 'get'", "");
}

/* A program that has ended may still wait for its output to be taken: not with its sockets open. */
static void close_all(struct vt_process *p, struct vt_http *http)
{
    if (http->is_client)
        vt_http_get_end(p, http);
    else
        vt_http_serve_end(p, http);
}

static void step(struct vt_process *p)
{
    struct vt_http *http = p->state;
    p->wake = VT_NEVER;
    vt_console_flush(&http->console);
    if (!http->console.ending && http->is_client)
        vt_http_get_step(p, http);
    else if (!http->console.ending)
        vt_http_serve_step(p, http);
    if (http->console.ending)
        close_all(p, http);
    vt_console_step(&http->console);
}

static void end(struct vt_process *p)
{
    struct vt_http *http = p->state;
    if (http->console.p != NULL)
        close_all(p, http);
}

const struct vt_program vt_program_http = {
    .name = "http",
    .summary = "a web server, and a client that gets a page",
    .usage = usage,
    .state = sizeof(struct vt_http),
    .start = start,
    .step = step,
    .end = end,
};
