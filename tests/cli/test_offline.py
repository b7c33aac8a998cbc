#!/usr/bin/env python3
"""The command without a running lab: help, mistakes, the demo, topology files.

usage: test_offline.py VITRO [CASE...]
"""
import json
import os
import re
import shutil
import subprocess
import time

import running
from running import Place, free_port

VERBS = ["demo", "run", "lab", "echo", "http", "ping", "bulk", "ss", "ip", "link", "trace", "exec", "doctor"]


def case_help_of_every_verb():
    with Place() as p:
        out, _ = p.run("--help")
        for verb in VERBS:
            assert re.search(rf"^  {verb} ", out, re.M), f"--help does not name {verb}"
            text, err = p.run(verb, "--help")
            assert "usage:" in text and len(text.splitlines()) >= 4 and err == "", (verb, text, err)
            assert all(len(line) <= 120 for line in text.splitlines()), verb
        assert p.run("--version")[0].startswith("vitro 0.")


def case_mistakes_in_arguments():
    mistakes = [
        (["demmo"], "did you mean 'demo'"),
        (["frobnicate"], "there is no verb 'frobnicate'"),
        (["demo", "--sed", "7"], "did you mean '--seed'"),
        (["demo", "--seed"], "wants a value"),
        (["demo", "--seed", "x7"], "--seed wants a number, not 'x7'"),
        (["demo", "--loss", "lots"], "--loss wants a percentage"),
        (["demo", "--fault", "drop 3rd akc"], "akc"),
        (["demo", "--lang", "fr"], "--lang wants en or zh"),
        (["demo", "extra"], "'extra' was not expected"),
        (["exec", "a"], "expected HOST -- PROGRAM"),
        (["exec", "--seed", "7", "a", "--", "true"], "--lab FILE.yaml"),
        (["ss", "-x"], "there is no option '-x'"),
        (["ip"], "expected addr, route or neigh"),
        (["ip", "adress"], "expected addr, route or neigh, not 'adress'"),
        (["link", "set"], "expected the name of a link"),
        (["link", "brake", "a-s1"], "expected show, set, cut, heal, clear or fault"),
        (["trace", "--bits", "--json"], "one of them at a time"),
        (["run", "extra"], "'extra' was not expected"),
        (["run", "--socks", "nowhere"], "expected an address like 127.0.0.1:1080"),
        (["run", "--forward", "8001"], "expected a forward like"),
        (["run", "--forward", "127.0.0.1:8001 -> x:80"], "there is no host, router or switch 'x'"),
    ]
    with Place() as p:
        for args, text in mistakes:
            _, err = p.run(*args, code=2)
            assert text in err, (args, err)


def case_without_a_lab():
    with Place() as p:
        for args in (["ss"], ["ip", "addr"], ["link"], ["trace"], ["ping", "b"], ["echo", "client", "b:9528"]):
            _, err = p.run(*args, code=1)
            assert "no lab is running; start one with `vitro run`" in err, (args, err)


def case_s20_demo_shows_the_conversation():
    with Place() as p:
        began = time.monotonic()
        out, err = p.run("demo")
        took = time.monotonic() - began
        assert err == "", err
    for text in ("ARP who-has 10.0.0.2", "SYN seq=x", "SYN,ACK seq=y", "ack=x+1", "ack=y+1", '"hello\\n"', "你好，世界",
                 "FIN,ACK seq=u", "ack=u+1", "seq=v", "seq=w", "ack=w+1", "ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT",
                 "FIN-WAIT-2", "LAST-ACK", "TIME-WAIT", "2 MSL"):
        assert text in out, text
    order = [out.index(t) for t in ("ARP who-has", "SYN seq=x", "SYN,ACK", '"hello', "FIN,ACK seq=u", "TIME-WAIT", "2 MSL (")]
    assert order == sorted(order), order
    # "Under a second" is for the machine at rest; a build with sanitizers on a busy one takes longer.
    assert took < 10, took


def case_demo_same_seed_same_bytes():
    with Place() as p:
        for args in (["demo", "--seed", "7"], ["demo", "--seed", "7", "--json"],
                     ["demo", "--seed", "7", "--loss", "20%", "--reorder", "5%", "--delay", "5ms 2ms", "--json"]):
            assert p.run(*args) == p.run(*args), args
        assert p.run("demo", "--seed", "8", "--json") != p.run("demo", "--seed", "7", "--json")


def case_demo_json_is_json():
    with Place() as p:
        events = [json.loads(line) for line in p.run("demo", "--json")[0].splitlines()]
    kinds = {e["kind"] for e in events}
    assert {"node", "link", "conn", "state", "seg-tx", "seg-rx", "arp-tx", "app"} <= kinds, kinds
    ids = {e["id"] for e in events if e["id"] is not None}
    causes = {e["cause"] for e in events if e["cause"] is not None}
    assert causes <= ids, sorted(causes - ids)[:5]


def case_demo_pcap_read_by_tshark():
    if shutil.which("tshark") is None:
        return "tshark is not installed"
    with Place() as p:
        path = os.path.join(p.dir, "demo.pcapng")
        for args in ([], ["--loss", "20%", "--seed", "3"], ["--corrupt", "20%", "--seed", "2"],
                     ["--corrupt-inside", "10%", "--seed", "5"], ["--duplicate", "30%", "--reorder", "20%"]):
            p.run("demo", "--pcap", path, *args, code=None)
            check = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
                     "-o", "tcp.desegment_tcp_streams:FALSE"]
            bad = subprocess.run(["tshark", "-r", path, *check, "-T", "fields", "-e", "frame.number", "-e",
                                  "frame.comment", "-Y", '_ws.malformed or tcp.checksum.status == "Bad" or '
                                  'ip.checksum.status == "Bad"'], capture_output=True, text=True, check=True).stdout
            for line in bad.splitlines():
                assert "bytes: damaged" in line, (args, line)
            damaged = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "frame.number", "-Y",
                                      'frame.comment contains "bytes: damaged"'], capture_output=True, text=True,
                                     check=True).stdout.split()
            # The frame check sequence catches what was flipped before it: then nobody receives damaged bytes.
            assert (len(damaged) > 0) == ("--corrupt-inside" in args), (args, damaged)
            corrupted = subprocess.run(["tshark", "-r", path, "-Y", 'frame.comment contains "fate: corrupted"'],
                                       capture_output=True, text=True, check=True).stdout
            assert (corrupted != "") == ("--corrupt" in args or "--corrupt-inside" in args), (args, corrupted)
    return None


def case_demo_svg_and_explain():
    with Place() as p:
        path = os.path.join(p.dir, "demo.svg")
        p.run("demo", "--svg", path)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert text.startswith("<svg") or text.startswith("<?xml"), text[:80]
        assert "TIME-WAIT" in text
        assert "SYN" in p.run("demo", "--explain")[0].split("2 MSL (")[1]
        assert "三" in p.run("demo", "--explain", "--lang", "zh")[0]
        _, err = p.run("demo", "--pcap", "/nonexistent/x", code=1)
        assert "cannot write /nonexistent/x: No such file or directory" in err


def case_s02_compare():
    with Place() as p:
        out, _ = p.run("demo", "--compare", timeout=60)
        again, _ = p.run("demo", "--compare", timeout=60)
        assert out == again
        assert "C/S" in p.run("demo", "--compare", "--lang", "zh", timeout=60)[0]
    rows = re.findall(r"^  ([CB]/S) .*?  +(\d+)(?: \(\S+\))? +(\d+)(?: \(\S+\))? +(\d+)(?: \(\S+\))? +([\d.]+) s", out, re.M)
    assert [r[0] for r in rows] == ["C/S", "B/S", "C/S", "B/S"], out
    (_, segments, size, trips, seconds), (_, b_segments, b_size, b_trips, b_seconds) = rows[0], rows[1]
    # B/S costs more of everything, and more still where frames are lost.
    assert int(segments) < int(b_segments) and int(size) < int(b_size) and int(trips) < int(b_trips), out
    assert float(seconds) <= float(b_seconds), out
    assert float(rows[2][4]) < float(rows[3][4]), out
    assert float(rows[3][4]) > float(b_seconds), out


def case_s17_two_handshakes_do_not_do():
    with Place() as p:
        out, err = p.run("demo", "--two-handshakes")
        assert err == "", err
        assert p.run("demo", "--two-handshakes")[0] == out, "the same seed, other bytes"
    two_ghost, three_ghost, two_wait, three_wait = out.split("A server of two handshakes:")[1].split("Our own") + \
        out.split("A server of two handshakes:")[2].split("Our own")
    assert "b takes the SYN: LISTEN to ESTABLISHED" in two_ghost and "a sends RST" in two_ghost, two_ghost
    assert "ESTABLISHED\n" not in three_ghost.split("b was never")[0] and "SYN-RCVD to LISTEN" in three_ghost, three_ghost
    assert "a: SYN-SENT to ESTABLISHED" not in two_wait and two_wait.count("a sends SYN") > 3, two_wait
    assert "a: SYN-SENT to ESTABLISHED" in three_wait and "b: SYN-RCVD to ESTABLISHED" in three_wait, three_wait


def case_topology_mistakes_have_a_place():
    mistakes = [
        ("hosts: {a: {ip: 10.0.0.1}}", 1, 17, "expected an address like 10.0.0.1/24, not '10.0.0.1'"),
        ("hosts: {a: {ip: 10.0.0.256/24}}", 1, 17, "expected an address"),
        ("hosts: {a: {ipp: 10.0.0.1/24}}", 1, 13, "unknown key 'ipp' in a host; did you mean 'ip'?"),
        ("host: {a: {}}", 1, 1, "did you mean 'hosts'?"),
        ("hosts: [a, b]", 1, 8, "expected hosts, a mapping"),
        ("hosts:\n  a: {}\n  a: {}", 3, 3, "'a' stands twice"),
        ("hosts: {a: {}}\nswitches: {a: {}}", 2, 12, "the name 'a' is taken already"),
        ("hosts: {a: {}}\nlinks: [[a, s1]]", 2, 13, "there is no host, router or switch 's1'"),
        ("hosts: {alpha: {}}\nlinks: [[alpah, alpha]]", 2, 10, "did you mean 'alpha'?"),
        ("hosts: {a: {}, b: {}}\nlinks: [[a, b, {los: 1%}]]", 2, 17, "unknown key 'los' in a link; did you mean 'loss'?"),
        ("hosts: {a: {}, b: {}}\nlinks: [[a, b, {loss: much}]]", 2, 23, "loss: expected"),
        ("hosts: {a: {}, b: {}}\nlinks: [[a, b, {fault: drop it}]]", 2, 24, "expected"),
        ("hosts: {a: {}}\nlinks: [[a, a]]", 2, 9, "a cable from 'a' to itself"),
        ("hosts: {a: {}, b: {}}\nlinks: [[a]]", 2, 9, "expected a link like [a, s1]"),
        ("hosts: {a: {ip: [10.0.0.1/24, 10.0.1.1/24, 10.0.2.1/24]}, b: {}}\nlinks: [[a, b], [a, b]]", 1, 9,
         "'a' has 2 links and 3 addresses"),
        ("hosts: {a: {ip: 10.0.0.1/24}, b: {ip: 10.0.0.1/24}}\nlinks: [[a, b]]", 1, 31, "is given to 'a' and to 'b'"),
        ("hosts: {a: {serve: [ehco:7]}}", 1, 21, "did you mean 'echo'?"),
        ("hosts: {a: {serve: [echo:70000]}}", 1, 21, "expected a port from 1 to 65535"),
        ("hosts: {a: {run: [rm -rf]}}", 1, 19, "there is no program 'rm'"),
        ("hosts: {a: {sysctl: {net.ipv4.tcp_nonsense: 1}}}", 1, 22, "there is no sysctl"),
        ("hosts: {a: {}}\nforward: ['8001 -> a:80']", 2, 11, "expected a forward like"),
        ("hosts: {a: {}}\ntaps: {tap0: a}", 2, 14, "'a' is not a switch"),
        ("hosts: {a: {}}\nsocks: here", 2, 8, "expected an address like 127.0.0.1:1080"),
        ("hosts: {a: {}}\nnames: {www: a}", 2, 14, "'a' has no address"),
        ("hosts: {a: {}\n", 2, 1, "expected"),
        ("", 1, 1, "expected hosts"),
        ("seed: -1\nhosts: {a: {}}", 1, 7, "expected a number from 0"),
        ("routers: {r: {ip: 10.0.0.1/24, routes: ['10.9.0.0/16 via 10.8.0.1']}}\nhosts: {a: {ip: 10.0.0.2/24}}\n"
         "links: [[a, r]]", 1, 41, "the gateway is on none of its networks"),
    ]
    with Place() as p:
        for text, line, column, message in mistakes:
            path = p.write("lab.yaml", text)
            _, err = p.run("lab", "--check", path, code=1)
            match = re.match(r".*lab\.yaml:(\d+):(\d+): (.*)", err)
            assert match, (text, err)
            assert (int(match[1]), int(match[2])) == (line, column) and message in match[3], (text, err)
        _, err = p.run("lab", "/nonexistent.yaml", code=1)
        assert "cannot open it: No such file or directory" in err, err


def case_topology_of_many_parts_is_well():
    with Place() as p:
        os.mkdir(os.path.join(p.dir, "www"))
        path = p.write("lab.yaml", """
name: big
seed: 3
hosts:
  a: {ip: [10.0.0.1/24, 10.0.0.9/24], sysctl: {net.ipv4.tcp_keepalive_time: 60}}
  b: {ip: 10.2.0.2/24, gateway: 10.2.0.254, serve: [echo:7, {http: 80, root: www}, bulk:9]}
  c: {ip: [10.0.0.3/24, 10.3.0.3/24], run: ['ping -c 1 b', {program: 'echo client b:7', input: "x\\n"}]}
routers:
  r1: {ip: [10.0.0.254/24, 10.1.0.1/30]}
  r2: {ip: [10.1.0.2/30, 10.2.0.254/24], routes: ['10.9.0.0/16 via 10.1.0.1']}
switches: {s1: {storm: 1000, burst: 10, ageing: 60, table: 100, quota: 10}, s2: }
links:
  - [a, s1]
  - [c, s1, {loss: 1%, delay: 2ms 1ms, rate: 10mbit, limit: 100, mtu: 1400}]
  - [r1, s1, {forth: {loss: 5%}, back: {delay: 1ms, fault: [drop 3rd ack, drop syn]}}]
  - [r1, r2, {fault: drop 1st data}]
  - [r2, s2]
  - [b, s2, {cut: true}]
  - [c, b-dummy]
names: {www.lab: b, router: 10.0.0.254}
""".replace("  - [c, b-dummy]\n", "  - [c, s2]\n"))
        assert "is well" in p.run("lab", "--check", path)[0]
        builtin, _ = p.run("lab", "--print")
        assert "is well" in p.run("lab", "--check", p.write("copy.yaml", builtin))[0]


def case_echo_over_the_kernel():
    """S07, S20: the same program over the kernel's sockets, on a loopback address of its own."""
    with Place() as p:
        port = free_port()
        server = p.start("echo", "server", "--kernel", "--once", f"127.0.0.2:{port}")
        assert "listening" in server.stdout.readline()
        out, _ = p.run("echo", "client", "--kernel", f"127.0.0.2:{port}", input="one\n二\nq\n")
        assert out == "one\n二\n", out
        server.wait(10)
        assert server.returncode == 0
        _, err = p.run("echo", "client", "--kernel", f"127.0.0.2:{port}", code=1)
        assert "Connection refused" in err, err
        _, err = p.run("echo", "client", "--kernel", "--on", "a", f"127.0.0.2:{port}", code=2)
        assert "--kernel is for no lab" in err, err


def case_doctor():
    with Place() as p:
        out, _ = p.run("doctor")
        assert re.search(r"^yes +demo, lab, run ", out, re.M), out
        rows = json.loads(p.run("doctor", "-j")[0])
        assert all({"what", "works", "note"} <= set(r) for r in rows), rows


if __name__ == "__main__":
    running.main(globals(), __doc__)
