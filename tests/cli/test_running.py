#!/usr/bin/env python3
"""The command with a running lab: its verbs, its control socket, forwards and SOCKS.

usage: test_running.py VITRO [CASE...]
"""
import json
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time
import urllib.error
import urllib.request

import running
from running import Place, free_port, interrupt, wait_for

PAIR = """
hosts: {a: {ip: 10.0.0.1/24}, b: {ip: 10.0.0.2/24, serve: [echo:9528]}}
switches: {s1: {}}
links: [[a, s1], [b, s1]]
"""


def fetch(url, timeout=10):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read()


def case_s20_run_shows_the_conversation_and_serves_the_page():
    with Place() as p:
        lab = p.lab()
        for text in ("ARP who-has", "SYN seq=x", '"hello\\n"', "你好，世界", "FIN,ACK seq=u", "TIME-WAIT begins",
                     f"Open http://127.0.0.1:{p.page}/"):
            assert text in p.said, (text, p.said)
        live = json.loads(fetch(f"http://127.0.0.1:{p.page}/live.json"))
        assert [n["name"] for n in live["nodes"]] == ["a", "b", "c", "r1", "s1"], live["nodes"]
        assert b"<html" in fetch(f"http://127.0.0.1:{p.page}/").lower()
        interrupt(lab)
        assert not os.path.exists(os.path.join(p.dir, "vitro", "lab.sock")), "the control socket is left behind"


def case_page_does_not_watch_itself():
    with Place() as p:
        p.lab()
        # However often it asks, what it shows stays.
        for _ in range(120):
            live = fetch(f"http://127.0.0.1:{p.page}/live.json").decode()
        assert '"127.0.0.1' not in live, live[:3000]
        assert any("hello" in row["label"] for row in json.loads(live)["rows"]), "the conversation was pushed out"
        assert ":80 " not in p.run("ss")[0]
        assert "127.0.0.1:80" in p.run("ss", "--page", "-a")[0]


def case_page_works_while_cables_are_cut():
    with Place() as p:
        p.lab()
        p.run("link", "cut", "b-s1")
        assert fetch(f"http://127.0.0.1:{p.page}/live.json")
        assert "cut" in p.run("link", "show", "b-s1")[0]
        out, _ = p.run("ping", "-c", "1", "-W", "1", "b", code=1)
        assert "100% packet loss" in out
        p.run("link", "heal", "b-s1")
        assert "cut" not in p.run("link", "show", "b-s1")[0]


def case_ping():
    with Place() as p:
        p.lab()
        out, _ = p.run("ping", "-c", "2", "-i", "0.1", "b")
        assert re.search(r"^64 bytes from b \(10\.0\.0\.2\): icmp_seq=1 ttl=64 time=[\d.]+ ms$", out, re.M), out
        out, _ = p.run("ping", "--on", "c", "-c", "1", "www.lab")
        assert "ttl=63" in out, "one router lies between: " + out
        _, err = p.run("ping", "nobody", code=2)
        assert "Name or service not known" in err
        _, err = p.run("ping", "--on", "x", "b", code=1)
        assert "there is no host 'x' in this lab" in err


def case_s07_loopback_on_a_lab_host():
    with Place() as p:
        p.lab(PAIR)
        server = p.start("echo", "server", "--on", "a", "--once", "127.0.0.2:9528")
        assert "listening on 127.0.0.2:9528" in server.stdout.readline()
        assert p.run("echo", "client", "--on", "a", "127.0.0.2:9528", input="hello\n")[0] == "hello\n"
        assert server.wait(10) == 0
        assert "0% packet loss" in p.run("ping", "-c", "1", "localhost")[0]
        assert "0% packet loss" in p.run("ping", "-c", "1", "127.8.9.1")[0]


def case_ip_views():
    with Place() as p:
        p.lab()
        out, _ = p.run("ip", "addr", "--on", "r1")
        assert "inet 10.0.0.254/24" in out and "inet 10.0.1.254/24" in out and "link/ether 02:" in out, out
        assert p.run("ip", "route", "--on", "c")[0] == ("default via 10.0.1.254 dev eth0\n"
                                                        "10.0.1.0/24 dev eth0 scope link src 10.0.1.1\n")
        neigh = json.loads(p.run("ip", "-j", "neigh", "--on", "a")[0])
        assert neigh[0]["dst"] == "10.0.0.2" and neigh[0]["lladdr"].startswith("02:"), neigh
        rows = json.loads(p.run("ip", "-j", "a")[0])
        assert {r["host"] for r in rows} == {"a", "b", "c", "r1"}


def case_ss():
    with Place() as p:
        p.lab(PAIR)
        client = p.start("echo", "client", "b:9528", stdin=subprocess.PIPE)
        client.stdin.write("x\n")
        client.stdin.flush()
        assert client.stdout.readline() == "x\n"
        out, _ = p.run("ss", "--on", "a")
        assert re.search(r"^tcp   ESTAB +0 +0 +10\.0\.0\.1:\d+ +10\.0\.0\.2:9528$", out, re.M), out
        assert "LISTEN" not in p.run("ss")[0]
        listening, _ = p.run("ss", "-tlH")
        assert re.fullmatch(r"b +tcp +LISTEN +0 +10 +0\.0\.0\.0:9528 +0\.0\.0\.0:\*\n", listening), listening
        row = json.loads(p.run("ss", "-j", "--on", "a")[0])[0]
        assert row["info"]["bytes_acked"] == 2 and row["info"]["mss"] == 1448, row
        assert "cwnd:" in p.run("ss", "-i")[0]
        client.stdin.close()
        assert client.wait(10) == 0
        assert "timewait" in p.run("ss", "-o")[0]


def case_link_changes_while_it_runs():
    with Place() as p:
        p.lab(PAIR)
        p.run("link", "set", "a-s1", "forth", "loss", "100%")
        out, _ = p.run("link", "show", "a-s1")
        assert re.search(r"a -> s1: loss 100%", out) and re.search(r"s1 -> a: perfect", out), out
        p.run("ping", "-c", "1", "-W", "1", "b", code=1)
        # Named backwards: back is then the direction from a.
        p.run("link", "set", "s1-a", "back", "loss", "0%")
        p.run("ping", "-c", "1", "-W", "2", "b")
        p.run("link", "set", "a-s1", "delay", "30ms")
        out, _ = p.run("ping", "-c", "1", "b")
        assert float(re.search(r"time=([\d.]+)", out)[1]) >= 60, out
        row = json.loads(p.run("link", "-j", "set", "a-s1", "clear")[0])
        assert row["forth"]["impair"] == "" and row["back"]["stats"]["delivered"] > 0, row
        p.run("link", "fault", "a-s1", "forth", "drop", "1st", "icmp")
        p.run("ping", "-c", "1", "-W", "1", "b", code=1)
        p.run("ping", "-c", "1", "-W", "2", "b")
        _, err = p.run("link", "set", "a-s1", "loss", "some", code=1)
        assert "expected" in err, err
        _, err = p.run("link", "cut", "a-s9", code=1)
        assert "there is no link 'a-s9'" in err, err


def case_programs_exit_codes_and_signals():
    with Place() as p:
        p.lab(PAIR)
        _, err = p.run("echo", "client", "b:1", code=1)
        assert "Connection refused" in err, err
        p.run("http", "get", "http://b:1/", code=7)
        p.run("echo", "clinet", code=2)
        server = p.start("echo", "server", "--on", "a", "7")
        assert "listening" in server.stdout.readline()
        _, err = p.run("echo", "server", "--on", "a", "7", code=None)
        assert "in use" in err, err
        interrupt(server)
        wait_for(lambda: ":7 " not in p.run("ss", "-l")[0], "the listener to go")
        # A program whose client is killed ends too.
        server = p.start("echo", "server", "--on", "a", "7")
        assert "listening" in server.stdout.readline()
        server.kill()
        wait_for(lambda: ":7 " not in p.run("ss", "-l")[0], "the orphan to go")


def case_output_that_nobody_reads_is_bounded():
    """A reader that stops reading stops the program, not the lab."""
    with Place() as p:
        os.mkdir(os.path.join(p.dir, "www"))
        with open(os.path.join(p.dir, "www", "big"), "wb") as f:
            f.truncate(50_000_000)
        p.lab(PAIR.replace("serve: [echo:9528]", "serve: [echo:9528, {http: 80, root: www}]"))
        get = p.start("http", "get", "http://b/big")
        time.sleep(1)
        assert get.poll() is None, "it did not wait"
        assert p.run("echo", "client", "b:9528", input="still here\n")[0] == "still here\n"
        assert len(get.stdout.read()) == 50_000_000
        assert get.wait(10) == 0


def case_trace_json_and_ladder():
    with Place() as p:
        p.lab(PAIR)
        trace = p.start("trace", "--json")
        ladder = p.start("trace", "a", "b")
        assert "node" in trace.stdout.readline()
        time.sleep(0.3)
        p.run("echo", "client", "b:9528", input="hello\n")
        time.sleep(0.5)
        events = [json.loads(line) for line in interrupt(trace).splitlines()]
        assert {"seg-tx", "seg-rx", "state", "call", "arp-tx"} <= {e["kind"] for e in events}
        out = interrupt(ladder)
        assert "SYN seq=x" in out and '"hello\\n"' in out and "LISTEN" in out, out


def case_trace_bits():
    with Place() as p:
        p.lab(PAIR)
        trace = p.start("trace", "--bits", "--frames", "1", "a")
        time.sleep(0.5)
        p.run("ping", "-c", "1", "b")
        out, _ = trace.communicate(timeout=10)
        assert trace.returncode == 0
        for text in ("preamble", "10101010", "10101011", "ff ff ff ff", "frame check sequence", "fits the frame"):
            assert text in out, out


def case_trace_pcapng_to_standard_output():
    if shutil.which("tshark") is None:
        return "tshark is not installed"
    with Place() as p:
        p.lab(PAIR)
        trace = p.start("trace", "-w", "-", "--for", "2", stdout=open(os.path.join(p.dir, "x.pcapng"), "wb"))
        time.sleep(0.5)
        p.run("echo", "client", "b:9528", input="hello\n")
        assert trace.wait(10) == 0
        out = subprocess.run(["tshark", "-r", os.path.join(p.dir, "x.pcapng"), "-o", "tcp.check_checksum:TRUE", "-T",
                              "fields", "-e", "tcp.flags.str", "-e", "tcp.checksum.status"],
                             capture_output=True, text=True, check=True).stdout
        assert "S" in out and "F" in out, out
        assert "\t0" not in out, "a bad checksum: " + out
    return None


def case_a_killed_trace_leaves_the_lab_alone():
    with Place() as p:
        p.lab(PAIR)
        for _ in range(3):
            trace = p.start("trace", "-w", os.path.join(p.dir, "x"))
            time.sleep(0.2)
            trace.kill()
            p.run("ping", "-c", "1", "b")


def case_labs_coexist_by_name():
    with Place() as p:
        p.lab(PAIR, "one")
        p.run("ping", "-c", "1", "b")
        p.lab(PAIR.replace("10.0.0.2", "10.0.0.3"), "two")
        _, err = p.run("ping", "-c", "1", "b", code=1)
        assert "several labs run; choose one with -L:" in err and " one" in err and " two" in err, err
        assert "10.0.0.2" in p.run("ping", "-c", "1", "-L", "one", "b")[0]
        assert "10.0.0.3" in p.run("ping", "-c", "1", "--lab", "two", "b")[0]
        _, err = p.run("ss", "-L", "three", code=1)
        assert "there is no lab 'three'" in err, err
        _, err = p.run("lab", "--name", "one", os.path.join(p.dir, "one.yaml"), code=1)
        assert "a lab named 'one' runs already" in err, err


def case_control_socket_is_ours_alone_and_stale_ones_go():
    with Place() as p:
        lab = p.lab(PAIR)
        path = os.path.join(p.dir, "vitro", "lab.sock")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        lab.kill()
        lab.wait()
        assert os.path.exists(path)
        p.lab(PAIR)
        p.run("ping", "-c", "1", "b")
        os.chmod(os.path.join(p.dir, "vitro"), 0o755)
        _, err = p.run("lab", "--name", "x", os.path.join(p.dir, "lab.yaml"), code=1)
        assert "not this user's alone" in err, err


def raw_request(path, *lines):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(b"".join(lines))
        got = b""
        while got.count(b"\n") < len(lines):
            block = s.recv(65536)
            if not block:
                break
            got += block
        return [json.loads(line) for line in got.splitlines()]


def case_control_socket_refuses_nonsense():
    with Place() as p:
        p.lab(PAIR)
        path = os.path.join(p.dir, "vitro", "lab.sock")
        answers = raw_request(path, b"hello\n", b"{}\n", b'{"vitro": 2, "do": "info"}\n', b'{"vitro": 1}\n',
                              b'{"vitro": 1, "do": "fly"}\n', b'{"vitro": 1, "do": "run", "host": "a", "argv": ["ping"]}\n',
                              b'{"vitro": 1, "do": "run", "host": "a", "argv": [7]}\n',
                              b'{"vitro": 1, "do": "impair", "link": "a-s1", "dir": "up", "text": "cut"}\n',
                              b'{"vitro": 1, "do": "info"}\n')
        assert [a["ok"] for a in answers] == [False] * 8 + [True], answers
        assert "version 1" in answers[2]["error"] and "fly" in answers[4]["error"], answers
        assert "descriptors" in answers[5]["error"], answers
        assert answers[8]["result"]["name"] == "lab"
        answers = raw_request(path, b"x" * 70000)
        assert not answers or not answers[0]["ok"], answers
        p.run("ping", "-c", "1", "b")


def case_a_busy_port_is_one_clear_line():
    with Place() as p, socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        lab = p.start("run", "--forward", f"127.0.0.1:{port} -> b:80", "--socks", f"127.0.0.1:{port}")
        wait_for(lambda: p.answers("lab"), "the lab to answer")
        time.sleep(0.5)
        err = interrupt(lab)
        assert f"127.0.0.1:{port} is in use by another program: stop that, or choose another port with --forward" in err
        assert "choose another port with --socks" in err, err


def case_ctrl_c_closes_connections_in_order():
    with Place() as p:
        lab = p.lab()
        with socket.create_connection(("127.0.0.1", p.page), timeout=10) as s:
            s.sendall(b"GET /live.json HTTP/1.1\r\nHost: x\r\n\r\n")
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
            interrupt(lab)
            # The end of the stream, not a reset.
            while s.recv(65536):
                pass


def case_forward_carries_half_close_and_reset():
    with Place() as p:
        one, two = free_port(), free_port()
        p.lab(PAIR + f"forward: ['127.0.0.1:{one} -> b:9528', '127.0.0.1:{two} -> b:9528 via a']\n")
        for port in (one, two):
            data = os.urandom(300_000).replace(b"q", b"Q")  # a line `q` would end the conversation
            with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
                got = b""
                s.setblocking(False)
                left = data
                until = time.monotonic() + 20
                while len(got) < len(data) and time.monotonic() < until:
                    try:
                        left = left[s.send(left):] if left else left
                        if not left:
                            s.shutdown(socket.SHUT_WR)
                            left = None
                    except (BlockingIOError, TypeError):
                        pass
                    except OSError:
                        pass
                    try:
                        got += s.recv(65536)
                    except BlockingIOError:
                        time.sleep(0.001)
                assert got == data, f"{len(got)} of {len(data)} bytes"
                s.setblocking(True)
                assert s.recv(1) == b"", "the end of the stream comes back"
            # A reset here is one there.
            s = socket.create_connection(("127.0.0.1", port), timeout=10)
            s.sendall(b"x\n")
            assert s.recv(10) == b"x\n"
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
            wait_for(lambda: ":9528" not in p.run("ss", "-tH")[0].replace("TIME-WAIT", "") or
                     "ESTAB" not in p.run("ss", "-tH")[0], "the reset to arrive")


def case_forward_to_a_closed_port_is_a_reset():
    with Place() as p:
        port = free_port()
        p.lab(PAIR + f"forward: ['127.0.0.1:{port} -> b:81']\n")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
                time.sleep(0.2)
                s.sendall(b"x")
                s.recv(1)
        except ConnectionResetError:
            return
        raise AssertionError("no reset came")


def socks_connect(port, request, greeting=b"\x05\x01\x00"):
    s = socket.create_connection(("127.0.0.1", port), timeout=15)
    s.sendall(greeting)
    answer = s.recv(2)
    if answer[1:] != b"\x00" or not request:
        return s, answer
    s.sendall(request)
    return s, s.recv(10)


def case_socks_replies():
    with Place() as p:
        p.lab()

        def name(text, port):
            return b"\x05\x01\x00\x03" + bytes([len(text)]) + text + struct.pack(">H", port)

        def number(ip, port):
            return b"\x05\x01\x00\x01" + socket.inet_aton(ip) + struct.pack(">H", port)

        p.run("link", "set", "a-s1", "loss", "0%")
        for request, code in ((name(b"www.lab", 80), 0), (number("10.0.0.2", 80), 0), (name(b"www.lab", 81), 5),
                              (name(b"nobody", 80), 4), (number("10.0.0.77", 80), 4),
                              (b"\x05\x02\x00\x01\x0a\x00\x00\x02\x00\x50", 7), (b"\x05\x01\x00\x04" + bytes(18), 8),
                              (name(b"", 80), 4), (name(b"a\0b", 80), 4)):
            s, answer = socks_connect(p.socks, request)
            assert answer[:2] == bytes([5, code]), (request, answer)
            if code == 0:
                s.sendall(b"GET /live.json HTTP/1.0\r\n\r\n")
                assert s.recv(12).startswith(b"HTTP/1.1 200")
            s.close()
        s, answer = socks_connect(p.socks, b"", b"\x05\x01\x02")
        assert answer == b"\x05\xff", "a client that wants to authenticate is told that it need not"
        s.close()
        try:
            s, answer = socks_connect(p.socks, b"", b"\x04\x01\x00\x50")
            assert answer == b"", "SOCKS4 is not spoken"
            s.close()
        except ConnectionResetError:
            pass
        # A request that comes byte by byte.
        s = socket.create_connection(("127.0.0.1", p.socks), timeout=10)
        for byte in b"\x05\x01\x00" + name(b"www.lab", 80) + b"GET / HTTP/1.0\r\n\r\n":
            s.sendall(bytes([byte]))
            time.sleep(0.002)
        got = b""
        while b"HTTP/1.1" not in got:
            block = s.recv(4096)
            assert block, got
            got += block
        s.close()


def case_many_connections_at_once():
    with Place() as p:
        p.lab()
        sockets = [socket.create_connection(("127.0.0.1", p.page), timeout=20) for _ in range(100)]
        for s in sockets:
            s.sendall(b"GET /live.json HTTP/1.0\r\n\r\n")
        for s in sockets:
            got = b""
            while block := s.recv(65536):
                got += block
            assert got.startswith(b"HTTP/1.1 200"), got[:100]
            s.close()


def case_idle_lab_sleeps():
    with Place() as p:
        lab = p.lab(PAIR)
        time.sleep(0.5)
        with open(f"/proc/{lab.pid}/stat", encoding="ascii") as f:
            before = f.read().rsplit(")", 1)[1].split()
        time.sleep(2)
        with open(f"/proc/{lab.pid}/stat", encoding="ascii") as f:
            after = f.read().rsplit(")", 1)[1].split()
        ticks = sum(int(after[i]) - int(before[i]) for i in (11, 12))
        assert ticks <= 4, f"{ticks} ticks of processor time in two idle seconds"


def case_run_and_input_of_a_topology():
    with Place() as p:
        lab = p.lab(PAIR.replace("a: {ip: 10.0.0.1/24}",
                                 "a: {ip: 10.0.0.1/24, run: [{program: 'echo client b:9528', input: \"one\\nq\\n\"}, "
                                 "'ping -c 1 b']}"))
        time.sleep(0.5)
        out = interrupt(lab)
        assert "[a echo] one" in out and "[a ping] 64 bytes from" in out, out


if __name__ == "__main__":
    running.main(globals(), __doc__)
