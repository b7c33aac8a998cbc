#!/usr/bin/env python3
"""TCP in bad weather: our CUBIC and BBR beside the kernel's own, over the same paths.

usage: weather.py WEATHER VITRO [--seconds N] [--seeds N] [--our-seeds N] [--jobs N] [--only WORD] [--json FILE] [--ours]

24 cells: rate x delay x loss x queue. Ours run in virtual time (WEATHER, bench/weather.c). The kernel's run in real
time, in two network namespaces whose TAPs are plugged into the two switches of a lab (VITRO), with the same cable
between them; that takes root, and `cubic` and `bbr` in the kernel. Each figure is the median of the seeds: what the
receiving program has read N seconds after accept(). --ours leaves the kernel out.
"""
import argparse
import concurrent.futures
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

RATES, DELAYS, LOSSES, QUEUES = [5, 50], [10, 50], [0, 0.1, 1], [0.5, 2]  # Mbit/s, ms one way, %, of the BDP
CONTROLLERS = ["cubic", "bbr"]


def cells():
    for rate, delay, loss, queue in itertools.product(RATES, DELAYS, LOSSES, QUEUES):
        bdp = rate * 1e6 / 8 * 2 * delay / 1e3 / 1514
        limit = max(8, round(queue * bdp))
        words = f"rate {rate}mbit delay {delay}ms limit {limit}" + (f" loss {loss}%" if loss else "")
        yield {"rate": rate, "delay": delay, "loss": loss, "queue": queue, "impair": words}


def ours(args, cell, cc, seed):
    done = subprocess.run([args.weather, cc, str(args.seconds), str(seed), cell["impair"]], check=True,
                          capture_output=True, text=True)
    return int(done.stdout)


class Kernel:
    """A lab of two switches, each plugged into the TAP of a namespace of its own."""

    count = itertools.count()
    lock = threading.Lock()

    def __init__(self, args, cell, seed):
        with Kernel.lock:
            n = next(Kernel.count)
        self.args, self.cell, self.seed = args, cell, seed
        self.names = [f"wx{os.getpid() % 10000}-{n}-{i}" for i in (0, 1)]
        self.taps = [f"wx{n}t{i}" for i in (0, 1)]
        self.dir = tempfile.mkdtemp(prefix="vitro-weather-")
        self.lab = None

    def run(self, *command):
        subprocess.run(command, check=True, capture_output=True)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        path = os.path.join(self.dir, "lab.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"switches: {{s1: {{}}, s2: {{}}}}\n"
                    f"links: [[s1, s2, {{{self.yaml()}}}]]\n"
                    f"taps: {{{self.taps[0]}: s1, {self.taps[1]}: s2}}\n")
        for name in self.names:
            self.run("ip", "netns", "add", name)
        env = dict(os.environ, XDG_RUNTIME_DIR=self.dir)
        self.lab = subprocess.Popen(["ip", "netns", "exec", self.names[0], self.args.vitro, "lab", "--seed", str(self.seed), path],
                                    env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            shown = subprocess.run(["ip", "-n", self.names[0], "link", "show", self.taps[1]], capture_output=True, check=False)
            if shown.returncode == 0:
                break
            time.sleep(0.05)
        self.run("ip", "-n", self.names[0], "link", "set", self.taps[1], "netns", self.names[1])
        for i in (0, 1):
            self.run("ip", "netns", "exec", self.names[i], "sysctl", "-q", "-w", f"net.ipv6.conf.{self.taps[i]}.disable_ipv6=1")
            self.run("ip", "-n", self.names[i], "addr", "add", f"10.0.0.{i + 1}/24", "dev", self.taps[i])
            self.run("ip", "-n", self.names[i], "link", "set", self.taps[i], "up")

    def yaml(self):
        words = self.cell["impair"].split()
        return ", ".join(f"{k}: {v}" for k, v in zip(words[::2], words[1::2]))

    def __exit__(self, *unused):
        if self.lab is not None:
            self.lab.send_signal(signal.SIGTERM)
            try:
                self.lab.wait(5)
            except subprocess.TimeoutExpired:
                self.lab.kill()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def transfer(self, cc):
        me = os.path.abspath(__file__)
        sink = subprocess.Popen(["ip", "netns", "exec", self.names[1], sys.executable, me, "--sink", str(self.args.seconds)],
                                stdout=subprocess.PIPE, text=True)
        sink.stdout.readline()
        source = subprocess.Popen(["ip", "netns", "exec", self.names[0], sys.executable, me, "--source", cc,
                                   str(self.args.seconds + 1)])
        text = sink.stdout.readline()
        source.kill()
        source.wait()
        sink.wait()
        return int(text)


def sink(seconds):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", 5001))
    s.listen(1)
    print("ready", flush=True)
    c, _ = s.accept()
    end, n = time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 0:
        c.settimeout(left)
        try:
            n += len(c.recv(1 << 20))
        except TimeoutError:
            break
    print(n, flush=True)


def source(cc, seconds):
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, cc.encode())
    s.connect(("10.0.0.2", 5001))
    s.settimeout(seconds)
    block, end = bytes(1 << 16), time.monotonic() + seconds
    with contextlib.suppress(OSError): # the sink is gone when its time is over
        while time.monotonic() < end:
            s.sendall(block)


def kernel(args, cell, cc, seed):
    with Kernel(args, cell, seed) as k:
        return k.transfer(cc)


def measure(args, cell, cc):
    row = dict(cell, controller=cc, seconds=args.seconds,
               ours=[ours(args, cell, cc, s) for s in range(1, args.our_seeds + 1)])
    if not args.ours:
        row["kernel"] = [kernel(args, cell, cc, s) for s in range(1, args.seeds + 1)]
        row["ratio"] = statistics.median(row["ours"]) / max(1, statistics.median(row["kernel"]))
    return row


def mbit(row, who):
    return statistics.median(row[who]) * 8 / row["seconds"] / 1e6


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("weather")
    p.add_argument("vitro")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--seeds", type=int, default=5, help="of the kernel, in real time")
    p.add_argument("--our-seeds", type=int, default=40, help="of ours, which are cheap")
    p.add_argument("--jobs", type=int, default=4, help="paths measured at once")
    p.add_argument("--only", default="", help="cells whose impairment has this word, or this controller")
    p.add_argument("--json", help="write the figures here, too")
    p.add_argument("--ours", action="store_true", help="without the kernel")
    args = p.parse_args()
    work = [(cell, cc) for cell in cells() for cc in CONTROLLERS if args.only in cell["impair"] + " " + cc]
    rows = []
    print("| Rate | Delay | Loss | Queue | Controller | Ours | Kernel | Ratio |\n|---|---|---|---|---|---|---|---|")
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(lambda w: measure(args, *w), work):
            rows.append(row)
            theirs = "" if args.ours else f"{mbit(row, 'kernel'):.2f} | {row['ratio']:.2f}"
            print(f"| {row['rate']} Mbit/s | {row['delay']} ms | {row['loss']}% | {row['queue']} BDP | {row['controller']} "
                  f"| {mbit(row, 'ours'):.2f} | {theirs or ' | '} |", flush=True)
    if not args.ours:
        ratios = sorted(r["ratio"] for r in rows)
        print(f"\nlowest {ratios[0]:.2f}, median {statistics.median(ratios):.2f}, highest {ratios[-1]:.2f}; below 0.9: "
              f"{sum(r < 0.9 for r in ratios)} of {len(ratios)}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--sink":
        sink(float(sys.argv[2]))
    elif len(sys.argv) == 4 and sys.argv[1] == "--source":
        source(sys.argv[2], float(sys.argv[3]))
    else:
        main()
