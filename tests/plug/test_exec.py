#!/usr/bin/env python3
"""Real programs on the sockets of lab hosts, as an unprivileged user inside an empty network namespace: what they
reach, they reach through the lab.

usage: test_exec.py VITRO [CASE...]
"""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

UID = 1000
LAB = """
hosts:
  a: {{ip: 10.0.0.1/24}}
  b: {{ip: 10.0.0.2/24, serve: [echo:9528, {{http: 80, root: {root}}}]}}
switches: {{s1: {{}}}}
links: [[a, s1], [b, s1, {{{impair}}}]]
"""
VITRO = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
WHY_NOT = []  # why this machine cannot run these tests, once it is known


def confine():
    """The way into an empty namespace without rights; lo stays down."""
    if os.geteuid() == 0:
        return ["unshare", "-n", "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    return ["unshare", "-r", "-n"]


def cannot():
    if not WHY_NOT:
        WHY_NOT.append("")
        if shutil.which("unshare") is None or shutil.which("setpriv") is None:
            WHY_NOT[0] = "no unshare or setpriv"
        elif subprocess.run(confine() + [VITRO, "--version"], capture_output=True, check=False).returncode != 0:
            WHY_NOT[0] = "no network namespace can be made here, or its user cannot reach the command"
    return WHY_NOT[0]


def lacks(*programs):
    missing = [p for p in programs if shutil.which(p) is None]
    return cannot() or (missing and "not installed: " + " ".join(missing)) or ""


class Lab:
    """A lab in a directory of its own, and programs on its hosts."""

    def __init__(self, impair="delay: 1ms"):
        self.impair = impair

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="vitro-exec-")
        self.processes = []
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.dir, HOME=self.dir, PATH="/usr/sbin:/usr/bin:/sbin:/bin")
        with open(self.path("lab.yaml"), "w", encoding="utf-8") as f:
            f.write(LAB.format(root=self.dir, impair=self.impair))
        with open(self.path("small"), "w", encoding="utf-8") as f:
            f.write("in glass\n")
        with open(self.path("large"), "wb") as f:
            f.write(os.urandom(1 << 20) * 4)
        if os.geteuid() == 0:
            for name in [".", *os.listdir(self.dir)]:
                os.chown(self.path(name), UID, UID)
        lab = self.start(["lab", "--quiet", "--name", "l", self.path("lab.yaml")])
        self.wait(lambda: lab.poll() is not None or os.path.exists(self.path("vitro/l.sock")), "the lab")
        return self

    def __exit__(self, *unused):
        for p in reversed(self.processes):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in reversed(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(5)
            p.kill()
            p.communicate()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def wait(self, done, what, seconds=15):
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                raise AssertionError("waited in vain for " + what)
            time.sleep(0.02)

    def start(self, args, **options):
        options.setdefault("stdout", subprocess.PIPE)
        p = subprocess.Popen(confine() + [VITRO, *args], env=self.env, cwd=self.dir, stdin=subprocess.DEVNULL,
                             stderr=subprocess.STDOUT, **options)
        self.processes.append(p)
        return p

    def on(self, host, *argv, code=0, given=b"", timeout=40):
        """Runs a program on a host to its end; returns what it wrote."""
        done = subprocess.run(confine() + [VITRO, "exec", "-L", "l", host, "--", *argv], env=self.env, cwd=self.dir,
                              input=given, capture_output=True, timeout=timeout, check=False)
        assert code is None or done.returncode == code, f"{argv} ended with {done.returncode}: {done.stdout[-300:]}" \
                                                        f"{done.stderr[-300:]}"
        return done.stdout

    def serve(self, host, port, *argv):
        """Starts a server and waits until it listens there, in the lab."""
        p = self.start(["exec", "-L", "l", host, "--", *argv])

        def listens():
            assert p.poll() is None, f"{argv} ended with {p.returncode}: {p.stdout.read()[-400:]}"
            out = subprocess.run(confine() + [VITRO, "ss", "-L", "l", "-ltn"], env=self.env, capture_output=True,
                                 text=True, check=False).stdout
            return f":{port} " in out
        self.wait(listens, f"{argv[0]} to listen on {port}")
        return p


def read(path):
    with open(path, "rb") as f:
        return f.read()


def case_curl():
    if why := lacks("curl"):
        return why
    with Lab() as lab:
        assert lab.on("a", "curl", "-sS", "http://b/small") == b"in glass\n"
        assert lab.on("a", "curl", "-sS", "http://b/large") == read(lab.path("large"))
        lab.on("a", "curl", "-sS", "http://b:81/", code=7)  # refused
    return ""


def case_loss():
    if why := lacks("curl"):
        return why
    with Lab("loss: 2%, delay: 2ms") as lab:
        assert lab.on("a", "curl", "-sS", "http://b/large") == read(lab.path("large"))
    return ""


def case_wget():
    if why := lacks("wget"):
        return why
    with Lab() as lab:
        assert lab.on("a", "wget", "-q", "-O", "-", "http://b/large") == read(lab.path("large"))
    return ""


def case_names():
    if why := lacks("getent"):
        return why
    with Lab() as lab:
        assert lab.on("a", "getent", "ahostsv4", "b").startswith(b"10.0.0.2")
        lab.on("a", "getent", "ahostsv4", "nobody", code=2)
    return ""


def case_python_http_server():
    if why := lacks("curl"):
        return why
    with Lab() as lab:
        server = lab.serve("b", 8000, "python3", "-m", "http.server", "8000", "--directory", lab.dir)
        for _ in range(3):
            assert lab.on("a", "curl", "-sS", "http://b:8000/large") == read(lab.path("large"))
        server.send_signal(signal.SIGTERM)
        server.wait(10)
        assert server.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM), server.returncode
        lab.on("a", "curl", "-sS", "http://b:8000/", code=7)  # its end closed what it listened on
    return ""


def case_nc():
    if why := lacks("nc"):
        return why
    with Lab() as lab:
        server = lab.serve("b", 5000, "nc", "-l", "-p", "5000")
        lab.on("a", "nc", "-N", "b", "5000", given=b"over a half close\n")
        assert server.communicate(timeout=10)[0] == b"over a half close\n" and server.returncode == 0
    return ""


def case_socat():
    if why := lacks("socat"):
        return why
    with Lab() as lab:
        lab.serve("b", 5001, "socat", "TCP4-LISTEN:5001,fork", "EXEC:cat")  # a process for each connection
        for i in range(3):
            assert lab.on("a", "socat", "-", "TCP4:b:5001", given=b"%d\n" % i) == b"%d\n" % i
    return ""


def case_udp():
    if why := lacks("socat"):
        return why
    with Lab() as lab:
        lab.start(["exec", "-L", "l", "b", "--", "socat", "UDP4-RECVFROM:5002,fork", "EXEC:cat"])
        for _ in range(10):  # nobody tells when socat has bound its port, and a datagram that comes before is lost
            time.sleep(0.5)
            got = lab.on("a", "socat", "-t2", "-", "UDP4:b:5002", given=b"datagram\n", code=None)
            if got == b"datagram\n":
                break
        assert got == b"datagram\n"
    return ""


def nginx(lab):
    with open(lab.path("nginx.conf"), "w", encoding="utf-8") as f:
        f.write(f"worker_processes 2; pid {lab.dir}/pid; error_log {lab.dir}/error.log; daemon off;\n"
                "events { worker_connections 4000; }\nhttp { access_log off;\n" +
                "".join(f"{w}_temp_path {lab.dir}/{w};\n" for w in ("client_body", "proxy", "fastcgi", "uwsgi",
                                                                     "scgi")) +
                f"server {{ listen 8080; sendfile on; root {lab.dir}; }} }}\n")
    lab.serve("b", 8080, "nginx", "-e", lab.path("error.log"), "-c", lab.path("nginx.conf"))


def case_nginx():
    if why := lacks("nginx", "curl"):
        return why
    with Lab() as lab:
        nginx(lab)
        for _ in range(3):
            assert lab.on("a", "curl", "-sS", "http://b:8080/large") == read(lab.path("large"))
    return ""


def case_ab_1000_connections():
    if why := lacks("nginx", "ab"):
        return why
    with Lab() as lab:
        nginx(lab)
        out = lab.on("a", "sh", "-c", "ulimit -n 4000; exec ab -q -n 2000 -c 1000 http://b:8080/small")
        assert b"Complete requests:      2000" in out and b"Failed requests:        0" in out, out
    return ""


def case_node():
    if why := lacks("node"):
        return why
    with Lab() as lab:
        lab.serve("b", 3000, "node", "-e", "require('http').createServer((q, r) => r.end('vitro')).listen(3000)")
        assert lab.on("a", "node", "-e", "require('http').get('http://b:3000/', r => r.on('data', d => "
                      "process.stdout.write(d)).on('end', () => process.exit(0)))") == b"vitro"
    return ""


def case_iperf3():
    if why := lacks("iperf3"):
        return why
    with Lab() as lab:
        lab.serve("b", 5201, "iperf3", "-s", "-1")
        assert b"iperf Done." in lab.on("a", "iperf3", "-c", "b", "-t", "1")
    return ""


def case_redis():
    if why := lacks("redis-server", "redis-cli", "redis-benchmark"):
        return why
    with Lab() as lab:
        lab.serve("b", 6379, "redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "")
        assert lab.on("a", "redis-cli", "-h", "b", "set", "x", "42") == b"OK\n"
        assert lab.on("a", "redis-cli", "-h", "b", "get", "x") == b"42\n"
        assert b"requests per second" in lab.on("a", "redis-benchmark", "-h", "b", "-n", "2000", "-c", "20", "-q",
                                                "-t", "set,get")
    return ""


def case_no_kernel_socket():
    """A listening program on the lab has no TCP and no UDP of the kernel's."""
    if why := lacks("python3"):
        return why
    with Lab() as lab:
        out = lab.on("b", "python3", "-c",
                     "import socket\n"
                     "s = socket.socket(); s.bind(('0.0.0.0', 7000)); s.listen()\n"
                     "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('0.0.0.0', 7000))\n"
                     "print(s.getsockname(), open('/proc/self/net/sockstat').read())")
        assert b"('0.0.0.0', 7000)" in out and b"TCP: inuse 0 " in out and b"UDP: inuse 0 " in out, out
    return ""


def case_reset():
    """SO_LINGER 0 at one end is ECONNRESET at the other."""
    if why := lacks("python3"):
        return why
    with Lab() as lab:
        lab.serve("b", 7001, "python3", "-c",
                  "import socket, struct\n"
                  "s = socket.socket(); s.bind(('', 7001)); s.listen(); c, _ = s.accept(); c.recv(1)\n"
                  "c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); c.close()")
        assert lab.on("a", "python3", "-c",
                      "import socket\n"
                      "c = socket.create_connection(('b', 7001)); c.send(b'x')\n"
                      "try: print(c.recv(1))\n"
                      "except ConnectionResetError: print('reset')") == b"reset\n"
    return ""


def case_status_and_signals():
    if why := cannot():
        return why
    with Lab() as lab:
        lab.on("a", "sh", "-c", "exit 7", code=7)
        lab.on("a", "/nonexistent", code=127)
        lab.on("a", "/dev/null", code=126)
        lab.on("a", "sh", "-c", "kill -TERM $$", code=-signal.SIGTERM)
        lab.on("a", "sh", "-c", "sleep 1000 & exit 3", code=3)  # what is left behind is ended
    return ""


def case_refusals():
    """What a lab's host does not have is refused, by name."""
    if why := lacks("python3"):
        return why
    with Lab() as lab:
        done = subprocess.run(confine() + [VITRO, "exec", "-L", "l", "a", "--", "python3", "-c",
                                           "import socket\n"
                                           "for f, t in ((2, 3), (17, 3), (10, 1)):\n"
                                           "    try: socket.socket(f, t)\n"
                                           "    except OSError as e: print(e.errno)"], env=lab.env,
                              capture_output=True, text=True, timeout=40, check=False)
        assert done.stdout.split() == ["1", "1", "97"], done
        assert "a raw socket" in done.stderr and "a packet socket" in done.stderr, done
    return ""


def case_killed_in_the_middle():
    """A program killed while bytes come to it leaves nothing on the host, and the lab goes on."""
    if why := lacks("curl"):
        return why
    with Lab("rate: 10mbit") as lab:
        for _ in range(5):
            p = lab.start(["exec", "-L", "l", "a", "--", "sh", "-c", "curl -s http://b/large & sleep 0.3; kill -9 $!"],
                          stdout=subprocess.DEVNULL)
            assert p.wait(20) == 0
        p = lab.start(["exec", "-L", "l", "a", "--", "curl", "-s", "http://b/large"], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        p.kill()
        p.wait(10)
        assert lab.on("a", "curl", "-sS", "http://b/small") == b"in glass\n"
        assert lab.processes[0].poll() is None
    return ""


def case_lab_gone():
    if why := cannot():
        return why
    with Lab() as lab:
        p = lab.start(["exec", "-L", "l", "a", "--", "sleep", "1000"])
        time.sleep(1)
        lab.processes[0].kill()
        assert b"the lab has gone" in p.communicate(timeout=10)[0] and p.returncode == 125
    return ""


def case_lab_of_one_program():
    if why := lacks("curl"):
        return why
    with Lab() as lab:
        done = subprocess.run(confine() + [VITRO, "exec", "--lab", lab.path("lab.yaml"), "--seed", "7", "a", "--",
                                           "curl", "-sS", "http://b/small"], env=lab.env, capture_output=True,
                              timeout=40, check=False)
        assert done.stdout == b"in glass\n" and done.returncode == 0, done
    return ""


def main():
    if not VITRO:
        sys.exit(__doc__)
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
            for line in f"{type(e).__name__}: {e}".splitlines():
                print("# " + line)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


main()
