#!/usr/bin/env python3
"""The kernel's TCP/IP as a peer: a lab's switch plugged into a TAP device, in a network namespace of its own.

usage: test_kernel_peer.py VITRO [CASE...]

Prints TAP. Exits with 77, and a reason in the last line, where it cannot run (no root, no /dev/net/tun, a tool missing).
"""
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

VITRO = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
KERNEL, HOST_A, HOST_B = "10.0.0.99", "10.0.0.1", "10.0.0.2"
TOOLS = ["ip", "ping", "curl", "nc", "nginx", "socat"]


def skip(reason):
    print(reason)
    sys.exit(77)


def check_possible():
    if os.geteuid() != 0:
        skip("needs root: it makes network namespaces and TAP devices")
    if not os.path.exists("/dev/net/tun"):
        skip("there is no /dev/net/tun")
    missing = [t for t in TOOLS if shutil.which(t) is None]
    if missing:
        skip("not installed: " + ", ".join(missing))
    done = subprocess.run(["ip", "netns", "add", f"vitro-probe-{os.getpid()}"], capture_output=True, text=True)
    if done.returncode != 0:
        skip("network namespaces cannot be made: " + done.stderr.strip())
    subprocess.run(["ip", "netns", "del", f"vitro-probe-{os.getpid()}"], check=True)


class Lab:
    """A running lab whose switch s1 is plugged into tap0 of a namespace; the kernel's side is 10.0.0.99."""

    count = 0

    def __init__(self, impair=""):
        Lab.count += 1
        self.ns = f"vitro-{os.getpid()}-{Lab.count}"
        self.dir = tempfile.mkdtemp(prefix="vitro-kernel-")
        self.www = os.path.join(self.dir, "www")
        os.mkdir(self.www)
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.dir)
        self.processes = []
        self.impair = impair

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        with open(os.path.join(self.dir, "lab.yaml"), "w", encoding="utf-8") as f:
            f.write(f"""
hosts:
  a: {{ip: {HOST_A}/24}}
  b: {{ip: {HOST_B}/24, serve: [echo:9528, {{http: 80, root: www}}]}}
switches: {{s1: {{}}}}
links: [[a, s1], [b, s1, {{{self.impair}}}]]
taps: {{tap0: s1}}
""")
        subprocess.run(["ip", "netns", "add", self.ns], check=True)
        self.run("ip", "link", "set", "lo", "up")
        self.lab = self.spawn(VITRO, "lab", os.path.join(self.dir, "lab.yaml"))
        wait_for(lambda: self.try_run("ip", "link", "show", "tap0"), "tap0 to appear")
        self.run("sysctl", "-q", "-w", "net.ipv6.conf.tap0.disable_ipv6=1")
        self.run("ip", "addr", "add", KERNEL + "/24", "dev", "tap0")
        self.run("ip", "link", "set", "tap0", "up")
        wait_for(lambda: self.try_run(VITRO, "link"), "the lab to answer")

    def __exit__(self, *unused):
        for p in reversed(self.processes):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(5)
            if p.poll() is None:
                p.kill()
                p.wait()
        subprocess.run(["ip", "netns", "del", self.ns], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def in_ns(self, *command):
        return ["ip", "netns", "exec", self.ns, *command]

    def spawn(self, *command, **options):
        p = subprocess.Popen(self.in_ns(*command), env=self.env, stdout=subprocess.DEVNULL, **options)
        self.processes.append(p)
        return p

    def run(self, *command, timeout=60, check=True, **options):
        done = subprocess.run(self.in_ns(*command), env=self.env, timeout=timeout, capture_output=True, check=False,
                              **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: "
                                 f"{done.stdout[-500:]!r} {done.stderr[-500:]!r}")
        return done

    def try_run(self, *command):
        return self.run(*command, check=False).returncode == 0

    def end(self):
        """Ends the lab as Ctrl-C does: connections closed in order, exit code 0."""
        self.lab.send_signal(signal.SIGINT)
        assert self.lab.wait(10) == 0, f"the lab ended with {self.lab.returncode}"


def wait_for(done, what, seconds=10):
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.05)


def make_file(path, size):
    """A file of bytes that do not repeat; returns its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        left, n = size, 0
        while left > 0:
            block = hashlib.shake_128(n.to_bytes(8, "little")).digest(min(left, 1 << 20))
            f.write(block)
            digest.update(block)
            left -= len(block)
            n += 1
    return digest.hexdigest()


def sha256_of(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
            hashlib.sha256(f.read()).hexdigest()


def case_ping():
    with Lab() as lab:
        out = lab.run("ping", "-c", "3", "-i", "0.2", "-W", "2", HOST_B).stdout.decode()
        assert "3 received, 0% packet loss" in out, out
        out = lab.run("ping", "-c", "2", "-i", "0.2", "-s", "4000", "-W", "2", HOST_B).stdout.decode()
        assert "2 received" in out, "fragmented: " + out
        out = lab.run(VITRO, "ping", "-c", "3", "-i", "0.2", KERNEL).stdout.decode()
        assert "3 received, 0% packet loss" in out, out
        lab.end()


def case_curl_files():
    with Lab() as lab:
        with open(os.path.join(lab.www, "index.html"), "w", encoding="utf-8") as f:
            f.write("<p>hello from b\n")
        assert lab.run("curl", "-sS", f"http://{HOST_B}/").stdout == b"<p>hello from b\n"
        done = lab.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://{HOST_B}/none")
        assert done.stdout == b"404", done.stdout
        done = lab.run("curl", "-sS", "-r", "3-7", f"http://{HOST_B}/index.html")
        assert done.stdout == b"hello", done.stdout
        assert not lab.try_run("curl", "-sS", "-m", "3", f"http://{HOST_B}:81/"), "nobody listens on 81"


def case_nc_echo():
    with Lab() as lab:
        text = "hello\n你好，世界\n".encode()
        # -q: nc waits so long for the answer after its input has ended.
        assert lab.run("nc", "-q", "2", "-w", "3", HOST_B, "9528", input=text).stdout == text


def case_echo_client_against_socat():
    with Lab() as lab:
        lab.spawn("socat", "TCP-LISTEN:7000,fork,reuseaddr", "EXEC:cat")
        wait_for(lambda: lab.try_run("nc", "-z", KERNEL, "7000"), "socat to listen")
        text = "one\nzwei\n三\n".encode()
        assert lab.run(VITRO, "echo", "client", "--on", "a", f"{KERNEL}:7000", input=text).stdout == text
        assert lab.run("socat", "-t", "2", "-", f"TCP:{HOST_B}:9528", input=text).stdout == text
        done = lab.run(VITRO, "echo", "client", f"{KERNEL}:7001", input=b"x\n", check=False)
        assert done.returncode == 1 and b"refused" in done.stderr, done


def case_http_get_against_nginx():
    with Lab() as lab:
        digest = make_file(os.path.join(lab.www, "data"), 5_000_000)
        conf = os.path.join(lab.dir, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"""daemon off; user root; worker_processes 1; pid {lab.dir}/nginx.pid; error_log {lab.dir}/error.log;
events {{}}
http {{ access_log off; client_body_temp_path {lab.dir}/t1; proxy_temp_path {lab.dir}/t2; fastcgi_temp_path {lab.dir}/t3;
uwsgi_temp_path {lab.dir}/t4; scgi_temp_path {lab.dir}/t5;
server {{ listen {KERNEL}:8080; root {lab.www}; }} }}
""")
        lab.spawn("nginx", "-c", conf, "-e", f"{lab.dir}/error.log", stderr=subprocess.DEVNULL)
        wait_for(lambda: lab.try_run("nc", "-z", KERNEL, "8080"), "nginx to listen")
        body = lab.run(VITRO, "http", "get", "--on", "a", f"http://{KERNEL}:8080/data").stdout
        assert hashlib.sha256(body).hexdigest() == digest, len(body)
        done = lab.run(VITRO, "http", "get", "--fail", f"http://{KERNEL}:8080/none", check=False)
        assert done.returncode == 22, done


def download(size, impair, seconds):
    with Lab(impair) as lab:
        digest = make_file(os.path.join(lab.www, "data"), size)
        to = os.path.join(lab.dir, "got")
        began = time.monotonic()
        lab.run("curl", "-sS", "-o", to, f"http://{HOST_B}/data", timeout=seconds)
        took = time.monotonic() - began
        assert os.path.getsize(to) == size
        assert sha256_of(to) == digest, "the checksum differs"
        print(f"# {size} bytes{', ' + impair if impair else ''}: {took:.1f} s, {size * 8 / took / 1e6:.0f} Mbit/s")


def case_download_100_megabytes_clean():
    download(100_000_000, "", 60)


def case_download_20_megabytes_loss_1_delay_2ms():
    download(20_000_000, "loss: 1%, delay: 2ms", 120)


def case_download_500_kilobytes_loss_5_delay_50ms():
    download(500_000, "loss: 5%, delay: 50ms", 120)


def case_upload_to_the_kernel():
    with Lab("loss: 1%, delay: 1ms") as lab:
        to = os.path.join(lab.dir, "got")
        digest = make_file(os.path.join(lab.dir, "sent"), 2_000_000)
        lab.spawn("socat", "-u", "TCP-LISTEN:7000,reuseaddr", f"OPEN:{to},creat,trunc")
        time.sleep(0.3)
        shutil.copy(os.path.join(lab.dir, "sent"), os.path.join(lab.www, "sent"))
        # The kernel sends to the lab: its echo server gives every byte back.
        with open(os.path.join(lab.dir, "sent"), "rb") as f:
            done = lab.run("socat", "-t", "5", "-", f"TCP:{HOST_B}:9528", stdin=f, timeout=120)
        assert hashlib.sha256(done.stdout).hexdigest() == digest, len(done.stdout)


def case_capture_has_no_bad_checksum():
    if shutil.which("tshark") is None:
        return "tshark is not installed"
    with Lab() as lab:
        make_file(os.path.join(lab.www, "data"), 300_000)
        capture = os.path.join(lab.dir, "capture.pcapng")
        trace = lab.spawn(VITRO, "trace", "-w", capture)
        time.sleep(0.5)
        lab.run("curl", "-sS", "-o", "/dev/null", f"http://{HOST_B}/data")
        lab.run("ping", "-c", "1", HOST_B)
        time.sleep(0.3)
        trace.send_signal(signal.SIGINT)
        assert trace.wait(10) == 0
        fields = ["frame.number", "frame.len", "_ws.expert.message"]
        # Every frame is there once for each port that it passed: no stream to be put together.
        done = subprocess.run(["tshark", "-r", capture, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
                               "-o", "tcp.desegment_tcp_streams:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE",
                               "-Y", '_ws.malformed or tcp.checksum.status == "Bad" or ip.checksum.status == "Bad"',
                               "-T", "fields"] + [x for f in fields for x in ("-e", f)],
                              capture_output=True, text=True, check=True)
        assert done.stdout == "", done.stdout
        count = subprocess.run(["tshark", "-r", capture, "-Y", "tcp.len > 0"], capture_output=True, text=True, check=True)
        assert len(count.stdout.splitlines()) > 200, "the capture has too few segments"
    return None


def case_everything_is_cleaned_up():
    with Lab() as lab:
        ns = lab.ns
    assert ns not in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert not os.path.exists(lab.dir)


def main():
    if not VITRO:
        print(__doc__)
        sys.exit(2)
    check_possible()
    cases = {name[5:]: fn for name, fn in globals().items() if name.startswith("case_")}
    wanted = sys.argv[2:] or list(cases)
    failed = 0
    print(f"1..{len(wanted)}")
    for n, name in enumerate(wanted, 1):
        try:
            reason = cases[name]()
            print(f"ok {n} - {name}" + (f" # skip {reason}" if reason else ""))
        except (AssertionError, subprocess.SubprocessError, OSError) as e:
            failed += 1
            print(f"not ok {n} - {name}")
            for line in str(e).splitlines():
                print("# " + line)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
