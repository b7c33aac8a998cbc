#!/usr/bin/env python3
"""tshark reads every capture that `captures` writes: usage: test_captures.py CAPTURES

It must find nothing malformed and no bad checksum (IP, ICMP, UDP, TCP), but exactly in the packets of which the
comment says `bytes: damaged`. Prints TAP; exits 77, with the reason, where there is no tshark.

A capture has every port of a lab, so each segment several times. To tshark that is one TCP stream in which everything is
sent again and again, and where it puts streams together (HTTP's bodies) it calls the copies "malformed: new fragment
overlaps old data". So each port's packets are also read by themselves, as a capture at one place has them, with the
streams put together; and all packets of the file with that turned off.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

OPTIONS = ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE", "udp.check_checksum:TRUE"]
WITHOUT_STREAMS = ["tcp.desegment_tcp_streams:FALSE"]
STATUS = ["ip.checksum.status", "icmp.checksum.status", "udp.checksum.status", "tcp.checksum.status"]
FIELDS = ["frame.number", "frame.comment", "eth.type", "frame.protocols", "frame.interface_id", "frame.len", "ip.len",
          "_ws.malformed", "_ws.expert.group", "_ws.expert.message", *STATUS]
BAD_STATUS = "0"
# Expert groups (epan/proto.h): what tells of a broken packet, not of what TCP did about a lost one.
BROKEN_GROUPS = {0x01000000: "checksum", 0x07000000: "malformed", 0x09000000: "protocol"}
QUOTED = ":icmp:ip:"  # in frame.protocols: an ICMP error, which quotes a packet
QUOTE_AT = 14 + 20 + 8  # where the quoted packet starts in the frame
HEADER_BITS = 14 * 8  # of Ethernet: no checksum in the file covers it
# What each capture must show, so that none passes by being empty: words of frame.protocols, and how many packets.
WANT = {
    "echo": ("tcp", 20),
    "http": ("http", 10),
    "ping-arp": ("icmp", 20),
    "udp-fragments": ("udp", 30),
    "icmp-errors": ("icmp", 15),
    "tcp": ("tcp", 40),
    "bad-cable": ("tcp", 500),
}


class Packet:
    """One packet, as tshark and its comment tell of it."""

    def __init__(self, values):
        field = dict(zip(FIELDS, values))
        self.number, self.comment = field["frame.number"], field["frame.comment"]
        self.ethertype, self.protocols = field["eth.type"], field["frame.protocols"]
        self.interface = field["frame.interface_id"]
        groups = [int(g, 0) for g in field["_ws.expert.group"].split(",") if g]
        status = {name: field[name].split(",") for name in STATUS}
        lengths = field["ip.len"].split(",")
        if QUOTED in self.protocols and len(lengths) > 1 and int(field["frame.len"]) < QUOTE_AT + int(lengths[1]):
            # The quoted packet is cut short (RFC 1812 4.3.2.3), so its own checksum cannot be verified; tshark tries.
            status["tcp.checksum.status"] = status["udp.checksum.status"] = []
            groups = [g for g in groups if BROKEN_GROUPS.get(g) != "checksum"]
            if BAD_STATUS in status["ip.checksum.status"] + status["icmp.checksum.status"]:
                groups.append(0x01000000)
        bad = [name for name in STATUS if BAD_STATUS in status[name]]
        bad += [BROKEN_GROUPS[g] for g in groups if g in BROKEN_GROUPS]
        bad += ["malformed"] if field["_ws.malformed"] else []
        self.bad, self.expert = bad, field["_ws.expert.message"]
        self.damaged = "; bytes: damaged" in self.comment
        match = re.search(r"; event (\S+)(?:; cause (\S+))?$", self.comment)
        self.event, self.cause = (match[1], match[2]) if match else (None, None)
        flip = re.search(r"; bit (\d+) flipped inside", self.comment)
        self.flip = int(flip[1]) if flip else None


def tshark(path, options, *more):
    command = ["tshark", "-n", "-r", path]
    for option in options:
        command += ["-o", option]
    done = subprocess.run([*command, *more], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"tshark: {done.stderr.strip()}")
    return done.stdout


def read(path, options):
    fields = ["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    for field in FIELDS:
        fields += ["-e", field]
    return [Packet(line.split("\t")) for line in tshark(path, options, *fields).splitlines()]


def faults_of_all(name, packets):
    """What is wrong with a capture: sentences."""
    protocol, least = WANT[name]
    if sum(protocol in p.protocols.split(":") for p in packets) < least:
        yield f"fewer than {least} packets of {protocol}"
    yield from faults(packets)


def faults(packets):
    damaged_so_far = {}  # by event: the bits that are flipped after this hop
    for p in packets:
        if not p.comment.startswith("fate: ") or p.event is None:
            yield f"packet {p.number}: no fate: {p.comment!r}"
        bits = damaged_so_far.get(p.cause, []) if p.damaged else []
        damaged_so_far[p.event] = bits + ([p.flip] if p.flip is not None else [])
        yield from wrongly_bad(p)
        if p.damaged and not bits:
            yield f"packet {p.number}: damaged, but by nobody: {p.comment}"
        if bits and min(bits) >= HEADER_BITS and p.ethertype == "0x0800" and not p.bad:
            yield f"packet {p.number}: bits {bits} are flipped, and tshark finds nothing: {p.comment}"


def wrongly_bad(p):
    if p.bad and not p.damaged:
        yield f"packet {p.number}: {', '.join(p.bad)} ({p.expert}), but: {p.comment}"


def faults_of_ports(path, packets, directory):
    """The same with streams put together: of all, or where tshark takes copies for something else, of each port."""
    if not any(p.bad and not p.damaged for p in read(path, OPTIONS)):
        return
    for interface in sorted({p.interface for p in packets}):
        alone = os.path.join(directory, "port.pcapng")
        tshark(path, [], "-Y", f"frame.interface_id == {interface}", "-w", alone)
        for p in read(alone, OPTIONS):
            for sentence in wrongly_bad(p):
                yield f"interface {interface}: {sentence}"


def main():
    if shutil.which("tshark") is None:
        print("no tshark on this machine")
        return 77
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run([sys.argv[1], directory], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        if done.returncode != 0:
            print(done.stdout)
            return 1
        paths = [os.path.join(directory, f"{name}.pcapng") for name in sorted(WANT)]
        print(f"1..{len(paths)}")
        for number, path in enumerate(paths, 1):
            name = os.path.basename(path).removesuffix(".pcapng")
            packets = read(path, OPTIONS + WITHOUT_STREAMS)
            wrong = list(faults_of_all(name, packets)) + list(faults_of_ports(path, packets, directory))
            for sentence in wrong[:20]:
                print(f"# {name}: {sentence}")
            damaged, bad = sum(p.damaged for p in packets), sum(bool(p.bad) for p in packets)
            print(f"# {name}: {len(packets)} packets, {damaged} of them damaged, {bad} found bad")
            print(f"{'not ' if wrong else ''}ok {number} - tshark finds in {name} what its comments say")
            failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
