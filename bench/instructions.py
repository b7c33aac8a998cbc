#!/usr/bin/env python3
"""Counts instructions with callgrind: per data segment, per request, per connection; these repeat exactly.

usage: instructions.py BUILD [--update]

Compares with bench/instructions.json. A count that rose by more than 3% fails, where the compiler, the build's options
and the processor's level are those of the file; elsewhere, or while the file's setting is null, it is reported. --update writes the file anew: the changelog
then says why.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "instructions.json")
RISE = 1.03
SKIPPED = 77
# The C library's copying routines are picked by the processor: these are the ones for AVX2, whatever else it has.
TUNABLES = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM"
CASES = {
    "segment": ["stream", "--bytes", "7300000"],
    "segment-sums": ["stream", "--sums", "--bytes", "7300000"],
    "segment-stock": ["stream", "--sums", "--eth", "--stock", "--bytes", "7300000"],
    "segment-zero-copy": ["stream", "--zero-copy", "--bytes", "7300000"],
    "request": ["request", "--count", "2000"],
    "connection": ["connect", "--virtual", "--count", "2000"],
}


def skip(reason):
    print(f"instructions: {reason}")
    sys.exit(SKIPPED)


def setting(build):
    """What a count depends on besides the code."""
    done = subprocess.run(["meson", "introspect", "--buildoptions", build], text=True, stdout=subprocess.PIPE,
                          check=True)
    options = {o["name"]: o["value"] for o in json.loads(done.stdout)}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        command = next(c["command"] for c in json.load(f) if c["file"].endswith("/base/pbuf.c")).split()
    cc = next(word for word in command if os.path.basename(word) != "ccache")
    version = subprocess.run([cc, "--version"], text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines()[0]
    with open("/proc/cpuinfo", encoding="ascii") as f:
        flags = set(re.search(r"^flags\s*:(.*)$", f.read(), re.M)[1].split())
    level = "x86-64-v3" if {"avx2", "bmi2", "fma", "movbe"} <= flags else "older"
    return {"compiler": version, "optimization": options["optimization"],
            "sanitize": options["b_sanitize"], "level": level, "tunables": TUNABLES}


def count(build, command):
    program, args = os.path.join(build, "bench", command[0]), command[1:]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=bench_measured",
                               f"--callgrind-out-file={scratch}/out", program, *args], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env=dict(os.environ, GLIBC_TUNABLES=TUNABLES, LC_ALL="C"))
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not collected:
        sys.exit(f"instructions: {command[0]} failed under callgrind:\n{done.stderr[-1000:]}")
    return round(int(collected[1]) / json.loads(done.stdout)["count"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    try:
        subprocess.run(["valgrind", "--version"], stdout=subprocess.DEVNULL, check=True)
        here = setting(args.build)
    except OSError as error:
        skip(f"cannot be counted here: {error}")
    if here["level"] == "older" or here["sanitize"] != "none":
        skip("a processor without AVX2, or a build with sanitizers: counts would compare with nothing")
    try:
        with open(FILE, encoding="utf-8") as f:
            kept = json.load(f)
    except FileNotFoundError:
        kept = {"setting": None, "counts": {}}
    counts, risen = {}, []
    for name, command in CASES.items():
        counts[name] = count(args.build, command)
        was = kept["counts"].get(name)
        change = f"{100 * (counts[name] / was - 1):+6.1f}%" if was else "    new"
        print(f"{name:18} {counts[name]:7,} {f'{was:,}' if was else '-':>7} {change}", flush=True)
        if was and counts[name] > was * RISE:
            risen.append(name)
    if args.update:
        with open(FILE, "w", encoding="utf-8") as f:
            json.dump({"setting": here, "counts": counts}, f, indent=2)
            f.write("\n")
    elif risen and kept["setting"] == here:
        sys.exit(f"instructions: more than 3% above bench/instructions.json: {', '.join(risen)}")
    elif risen:
        print(f"instructions: more than 3% above the file: {', '.join(risen)}; its setting is another, so nothing fails")


if __name__ == "__main__":
    main()
