#!/usr/bin/env python3
"""TCP-MD5 (RFC 2385) against the kernel's, over a TAP in a network namespace of its own.

usage: test_kernel_signed.py SIGNED_ECHO

Prints TAP (Test Anything Protocol). Exits with 77, and a reason in the last line, where it cannot run.
"""
import os
import socket
import struct
import subprocess
import sys
import time

OURS, KERNEL, MD5SIG = "10.9.0.1", "10.9.0.2", 14


def skip(reason):
    print(reason)
    sys.exit(77)


def set_key(s, peer, key):
    """struct tcp_md5sig: the peer's address, flags, prefix, the key's length, an interface, the key."""
    address = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(peer)).ljust(128, b"\0")
    s.setsockopt(socket.IPPROTO_TCP, MD5SIG, address + struct.pack("=BBHi", 0, 0, len(key), 0) + key.ljust(80, b"\0"))


def check_possible():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        skip("needs root and /dev/net/tun")
    try:
        set_key(socket.socket(), OURS, b"probe")
    except OSError as e:
        skip(f"the kernel has no TCP_MD5SIG: {e}")


class Peer:
    """signed_echo in this process's namespace, and the kernel's end of its TAP."""

    def __init__(self, program, key, port=None):
        command = [program, "sig0", OURS, KERNEL, key] + ([str(port)] if port else [])
        subprocess.run(["ip", "tuntap", "add", "dev", "sig0", "mode", "tap", "vnet_hdr"], check=True)
        subprocess.run(["ip", "addr", "add", KERNEL + "/24", "dev", "sig0"], check=True)
        subprocess.run(["ip", "link", "set", "sig0", "up"], check=True)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def line(self):
        return self.process.stdout.readline().strip()

    def end(self):
        """How many segments it dropped for their signature."""
        self.process.terminate()
        last = self.process.stdout.read().split()[-1]
        assert self.process.wait(5) == 0
        subprocess.run(["ip", "link", "del", "sig0"], check=True)
        return int(last)


def client(key, timeout=5):
    s = socket.socket()
    s.settimeout(timeout)
    if key:
        set_key(s, OURS, key)
    return s


def case_kernel_connects(program):
    peer = Peer(program, "secret")
    s = client(b"secret")
    s.connect((OURS, 179))
    text = bytes(range(256)) * 40
    s.sendall(text)
    got = b""
    while len(got) < len(text):
        got += s.recv(65536)
    assert got == text
    s.close()
    time.sleep(0.3)
    assert peer.end() == 0


def case_kernel_accepts(program):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", 7179))
    set_key(listener, OURS, b"secret")
    listener.listen(1)
    listener.settimeout(5)
    peer = Peer(program, "secret", 7179)
    c, _ = listener.accept()
    c.settimeout(5)
    assert c.recv(100) == b"hello"
    c.sendall(b"olleh")
    assert peer.line() == "olleh"
    assert c.recv(100) == b""
    c.close()
    assert peer.end() == 0


def case_wrong_and_missing_keys(program):
    peer = Peer(program, "secret")
    for key in (b"other", None):
        s = client(key, 1.5)
        try:
            s.connect((OURS, 179))
        except TimeoutError:
            pass
        else:
            raise AssertionError(f"connected with {key}")
        s.close()
    assert peer.end() >= 4, "two SYNs of each were to be dropped"


def main():
    check_possible()
    os.unshare(os.CLONE_NEWNET) if hasattr(os, "unshare") else reenter()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    cases = {name[5:]: fn for name, fn in globals().items() if name.startswith("case_")}
    failed = 0
    print(f"1..{len(cases)}")
    for n, (name, case) in enumerate(cases.items(), 1):
        try:
            case(sys.argv[1])
            print(f"ok {n} - {name}")
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            failed += 1
            print(f"not ok {n} - {name}\n# {e}")
            subprocess.run(["ip", "link", "del", "sig0"], check=False, capture_output=True)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


def reenter():
    """Before Python 3.12: unshare(1) makes the namespace and starts us again in it."""
    if os.environ.get("VITRO_IN_NAMESPACE") == "1":
        return
    os.execvpe("unshare", ["unshare", "--net", sys.executable, *sys.argv], dict(os.environ, VITRO_IN_NAMESPACE="1"))


if __name__ == "__main__":
    main()
