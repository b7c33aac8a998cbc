#!/usr/bin/env python3
"""Runs the benchmarks in pairs, ours and a peer's in turn, and prints a table of ratios.

usage: run.py BUILD [--only CASE]... [--pairs N] [--json FILE] [--list]

A pair is one run of ours and one of the peer's, the order turned round each time. A run during which the machine's
steal time was above 3% is discarded and repeated; so are at most as many as there are pairs. Ratios above 1 are in our
favour. "steal" is the most of any run; "others" is the median share of the machine that other processes had: a
wall-clock figure taken beside others says little, and the kernel, which needs two processors, suffers most. The
in-process cases beside lwIP count processor time. What this program prints is measured, never tested.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

STEAL = 0.03  # of a run's processor time: above it the run says nothing
HERE = os.path.dirname(os.path.abspath(__file__))


class Absent(Exception):
    """A peer, or a way of measuring, that this machine does not have."""


def jiffies():
    with open("/proc/stat", encoding="ascii") as f:
        numbers = [int(n) for n in f.readline().split()[1:9]]
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"total": sum(numbers), "steal": numbers[7], "idle": numbers[3] + numbers[4],
            "own": (own.ru_utime + own.ru_stime) * os.sysconf("SC_CLK_TCK")}


def result_of(output):
    return json.loads([line for line in output.splitlines() if line.startswith("{")][-1])


class Programs:
    """Starts the programs, each on its processors."""

    def __init__(self, build):
        self.dir = os.path.join(build, "bench")
        self.build = build
        self.netns = None
        self.lwip_path = None

    def run(self, *command, cpus="0", namespace=None):
        command = ["taskset", "-c", cpus, *command]
        if namespace:
            command = ["ip", "netns", "exec", namespace, *command]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
                              check=False)
        if done.returncode != 0:
            raise Absent((done.stderr or done.stdout).strip()[-200:] or f"exit code {done.returncode}")
        return result_of(done.stdout)

    def ours(self, name, *args):
        return self.run(os.path.join(self.dir, name), *args)

    def lwip(self, *args):
        if self.lwip_path is None:
            done = subprocess.run([os.path.join(HERE, "peer/lwip/build"), os.path.join(self.build, "lwip")], text=True,
                                  stdout=subprocess.PIPE, check=False)
            if done.returncode != 0:
                raise Absent(done.stdout.strip() or "lwIP does not build")
            self.lwip_path = done.stdout.strip().splitlines()[-1]
        return self.run(self.lwip_path, *args)

    def kernel(self, mode, count, namespaces=(None, None), address="127.0.0.1"):
        """Server on processor 1, client on 0; over loopback, or in two namespaces."""
        last = os.cpu_count() - 1
        server = [os.path.join(self.dir, "tcpserv"), "sink" if mode == "bulk" else "echo", "5201", "64"]
        prefix = ["ip", "netns", "exec", namespaces[1]] if namespaces[1] else []
        process = subprocess.Popen([*prefix, "taskset", "-c", str(last), *server], stdout=subprocess.PIPE, text=True)
        try:
            process.stdout.readline()
            return self.run(os.path.join(self.dir, "tcpcli"), mode, address, "5201", str(count), "64",
                            namespace=namespaces[0])
        finally:
            process.kill()
            process.wait()

    def veth(self, mode, count):
        """Over a veth pair between two namespaces of our own, with the offloads that veth has."""
        if self.netns is None:
            names = (f"vtbench-a{os.getpid()}", f"vtbench-b{os.getpid()}")
            steps = [["ip", "netns", "add", names[0]], ["ip", "netns", "add", names[1]],
                     ["ip", "-n", names[0], "link", "add", "ve0", "type", "veth", "peer", "name", "ve0", "netns", names[1]],
                     ["ip", "-n", names[0], "addr", "add", "10.9.0.1/24", "dev", "ve0"],
                     ["ip", "-n", names[1], "addr", "add", "10.9.0.2/24", "dev", "ve0"],
                     ["ip", "-n", names[0], "link", "set", "ve0", "up"], ["ip", "-n", names[1], "link", "set", "ve0", "up"]]
            self.netns = names
            for step in steps:
                done = subprocess.run(step, text=True, stderr=subprocess.PIPE, check=False)
                if done.returncode != 0:
                    raise Absent("no namespaces: " + done.stderr.strip())
        return self.kernel(mode, count, self.netns, "10.9.0.2")

    def close(self):
        for name in self.netns or ():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def ns_each(r):
    return r["cpu_ns"] / r["count"]


def gbit(r):
    return r["bytes"] * 8 / r["wall_ns"]


def each_second(r):
    return r["count"] * 1e9 / r["wall_ns"]


def cpu_second(r):
    return r["count"] * 1e9 / r["cpu_ns"]


def bytes_each(r):
    return r["bytes"] / r["count"]


def cases(p):
    """name: (what is measured, unit, more is better, figure, ours, peer's name, peer, limit's name, limit)."""
    def limit(kind, figure):
        return lambda: figure(p.run(os.path.join(p.dir, "limits"), kind, cpus="0" if kind != "wakeup" else "0,1"))
    sum_ns, copy_gbit, wakeup_ns = limit("sum", ns_each), limit("copy", gbit), limit("wakeup", lambda r: r["wall_ns"] / r["count"])
    segment_ns = limit("copy", lambda r: r["cpu_ns"] / r["bytes"] * 1460)
    gso = ("--gso", "--write", "65536", "--window", "262144", "--bytes", str(1 << 31))
    return {
        "segment": ("a data segment of 1,460 bytes, checksums off, copied in and out", "ns", False, ns_each,
                    lambda: p.ours("stream"), "lwIP", lambda: p.lwip("stream"), "two copies of it", segment_ns),
        "segment-sums": ("the same, checksums computed and verified", "ns", False, ns_each,
                         lambda: p.ours("stream", "--sums"), "lwIP", lambda: p.lwip("stream", "--sums"),
                         "one checksum of it", sum_ns),
        "segment-stock": ("the same over Ethernet, with timestamps, SACK and CUBIC", "ns", False, ns_each,
                          lambda: p.ours("stream", "--sums", "--eth", "--stock"), "lwIP",
                          lambda: p.lwip("stream", "--sums"), "one checksum of it", sum_ns),
        "gso": ("a stream in super-segments, copied in and out, one core", "Gbit/s", True, gbit,
                lambda: p.ours("stream", *gso), "Linux loopback, two cores",
                lambda: p.kernel("bulk", 1 << 32), "two copies of 64 KB", copy_gbit),
        "gso-veth": ("the same", "Gbit/s", True, gbit, lambda: p.ours("stream", *gso), "Linux veth, two cores",
                     lambda: p.veth("bulk", 1 << 32), "two copies of 64 KB", copy_gbit),
        "zero-copy": ("the same stream by buffers, against our own copying", "Gbit/s", True, gbit,
                      lambda: p.ours("stream", "--zero-copy", *gso), "our copying", lambda: p.ours("stream", *gso),
                      "two copies of 64 KB", copy_gbit),
        "request": ("64 bytes each way on one connection, in process", "ns", False, ns_each,
                    lambda: p.ours("request"), "lwIP", lambda: p.lwip("request"), None, None),
        "request-kernel": ("the same, against a client and a server of the kernel's", "ns", False,
                           lambda r: r["wall_ns"] / r["count"], lambda: p.ours("request"), "Linux loopback, two cores",
                           lambda: p.kernel("request", 30000), "an eventfd ping-pong", wakeup_ns),
        "connect": ("connect, 64 bytes each way, close", "/s", True, cpu_second, lambda: p.ours("connect"), "lwIP",
                    lambda: p.lwip("connect"), None, None),
        "connect-kernel": ("the same, against the kernel", "/s", True, each_second, lambda: p.ours("connect"),
                           "Linux veth, two cores", lambda: p.veth("connect", 20000), None, None),
        "memory": ("resident bytes an end of an idle connection", "bytes", False, bytes_each,
                   lambda: p.ours("memory", "--conns", "50000"), None, None, None, None),
        "hosts": ("resident bytes an idle host, of 10,000", "bytes", False, bytes_each,
                  lambda: p.ours("memory", "--hosts", "10000"), None, None, None, None),
        "lab": ("frames carried by a lab's cables", "/s", True, cpu_second, lambda: p.ours("lab"), None, None, None, None),
        "lab-events": ("the same, with a listener to every event", "/s", True, cpu_second,
                       lambda: p.ours("lab", "--events"), "our lab, nobody listening", lambda: p.ours("lab"), None, None),
    }


class Log:
    """Runs one side once, again when the machine was taken away meanwhile."""

    def __init__(self, pairs):
        self.allowed = pairs
        self.discarded = 0
        self.steal, self.others = [], []  # shares of the machine's processor time

    def measure(self, figure, side):
        while True:
            before = jiffies()
            r = side()
            after = jiffies()
            total = max(1, after["total"] - before["total"])
            steal = (after["steal"] - before["steal"]) / total
            others = total - sum(after[k] - before[k] for k in ("steal", "idle", "own"))
            self.others.append(max(0, others / total))
            self.steal.append(steal)
            if steal <= STEAL or self.discarded >= self.allowed:
                return figure(r)
            self.discarded += 1


def measure(name, case, pairs):
    what, unit, more, figure, ours, peer_name, peer, limit_name, limit = case
    log = Log(pairs)
    mine, theirs = [], []
    for i in range(pairs):
        sys.stderr.write(f"\r{name}: pair {i + 1} of {pairs}   ")
        sides = [(mine, ours), (theirs, peer)] if peer else [(mine, ours)]
        for values, side in sides if i % 2 == 0 else sides[::-1]:
            values.append(log.measure(figure, side))
    row = {"case": name, "what": what, "unit": unit, "more_is_better": more, "ours": mine, "peer": peer_name,
           "theirs": theirs, "steal": max(log.steal), "others": statistics.median(log.others),
           "discarded": log.discarded}
    if theirs:
        ratios = [a / b if more else b / a for a, b in zip(mine, theirs)]
        row["ratio"] = statistics.median(ratios)
        row["ratio_min"], row["ratio_max"] = min(ratios), max(ratios)
    if limit:
        row["limit"], row["limit_is"] = statistics.median(limit() for _ in range(3)), limit_name
    sys.stderr.write("\r" + " " * 60 + "\r")
    return row


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def spread(values):
    return f"{number(statistics.median(values))} [{number(min(values))}-{number(max(values))}]" if values else "-"


def show(row):
    ratio = f"{row['ratio']:.2f} [{row['ratio_min']:.2f}-{row['ratio_max']:.2f}]" if "ratio" in row else "-"
    print(f"{row['case']:15} {row['unit']:7} {spread(row['ours']):26} {spread(row['theirs']):26} {ratio:19} "
          f"{100 * row['steal']:4.1f}% {100 * row['others']:5.0f}%  {row['discarded']:2}  {row['what']}; peer: {row['peer'] or 'none'}"
          + (f"; limit, {row['limit_is']}: {number(row['limit'])}" if "limit" in row else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--only", action="append", metavar="CASE")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    programs = Programs(args.build)
    known = cases(programs)
    if args.list:
        for name, case in known.items():
            print(f"{name:15} {case[0]}; peer: {case[5] or 'none'}")
        return
    for name in args.only or ():
        if name not in known:
            sys.exit(f"run.py: no case '{name}'; --list tells of all")
    rows, skipped = [], {}
    begun = time.strftime("%Y-%m-%d %H:%M:%S")
    print(f"{'case':15} {'unit':7} {'ours [min-max]':26} {'peer [min-max]':26} {'ratio [min-max]':19} steal  others  discarded runs")
    try:
        for name in args.only or known:
            try:
                rows.append(measure(name, known[name], args.pairs))
                show(rows[-1])
            except Absent as reason:
                skipped[name] = str(reason)
                print(f"{name:15} skipped: {reason}", flush=True)
    finally:
        programs.close()
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({"begun": begun, "pairs": args.pairs, "cases": rows, "skipped": skipped}, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
