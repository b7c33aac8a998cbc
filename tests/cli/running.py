"""What the tests of the command share: running it, running labs, and telling of results in TAP."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

VITRO = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""


def wait_for(done, what, seconds=20):
    """Waits until done() is true, and returns what it returned."""
    until = time.monotonic() + seconds
    while not (result := done()):
        if time.monotonic() > until:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)
    return result


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Place:
    """A runtime directory of its own: the labs of one test do not meet those of another."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="vitro-cli-")
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.dir)
        self.env.pop("VITRO_LAB", None)
        self.processes = []
        return self

    def __exit__(self, *unused):
        for p in self.processes:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(5)
            if p.poll() is None:
                p.kill()
                p.wait()
            for stream in (p.stdin, p.stdout, p.stderr):
                if stream is not None:
                    stream.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *args, code=0, timeout=30, **options):
        """Runs the command; returns (stdout, stderr) as text. `code` None: whatever it ends with."""
        done = subprocess.run([VITRO, *args], env=self.env, capture_output=True, text=True, timeout=timeout,
                              check=False, **options)
        if code is not None and done.returncode != code:
            raise AssertionError(f"vitro {' '.join(args)} ended with {done.returncode}, not {code}:\n"
                                 f"{done.stdout[-800:]}{done.stderr[-800:]}")
        return done.stdout, done.stderr

    def start(self, *args, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        p = subprocess.Popen([VITRO, *args], env=self.env, text=True, **options)
        self.processes.append(p)
        return p

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def lab(self, text=None, name="lab", args=()):
        """Starts a lab and waits until it answers: that of a topology, or the built-in one on free ports."""
        if text is None:
            self.page, self.socks = free_port(), free_port()
            p = self.start("run", "--name", name, "--forward", f"127.0.0.1:{self.page} -> b:80", "--socks",
                           f"127.0.0.1:{self.socks}", *args)
            # The conversation is shown before it says where the page is.
            self.said = ""
            while "Ctrl-C" not in self.said:
                line = p.stdout.readline()
                if line == "":
                    raise AssertionError("the lab ended: " + self.said + p.stderr.read())
                self.said += line
        else:
            p = self.start("lab", "--name", name, self.write(name + ".yaml", text), *args)
            wait_for(lambda: p.poll() is not None or self.answers(name), "the lab to answer")
            if p.poll() is not None:
                raise AssertionError("the lab ended: " + p.stderr.read())
        return p

    def answers(self, name):
        return subprocess.run([VITRO, "link", "-L", name], env=self.env, capture_output=True,
                              check=False).returncode == 0


def interrupt(process, code=0, seconds=10):
    """Ctrl-C; returns what it still said."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == code, f"it ended with {process.returncode}: {out}{err}"
    return out + err


def main(cases, doc):
    """Runs the functions named case_..., all or those that the arguments name."""
    if not VITRO:
        print(doc)
        sys.exit(2)
    cases = {name[5:]: fn for name, fn in cases.items() if name.startswith("case_")}
    wanted = sys.argv[2:] or list(cases)
    failed = 0
    print(f"1..{len(wanted)}")
    for n, name in enumerate(wanted, 1):
        try:
            reason = cases[name]()
            print(f"ok {n} - {name}" + (f" # skip {reason}" if reason else ""))
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError, KeyError) as e:
            failed += 1
            print(f"not ok {n} - {name}")
            for line in f"{type(e).__name__}: {e}".splitlines():
                print("# " + line)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
