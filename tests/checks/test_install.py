#!/usr/bin/env python3
"""What `make install` puts down is enough to build examples/embed.c against, shared and static, and to run it.

usage: test_install.py BUILD-DIRECTORY SOURCE
"""
import os
import subprocess
import sys
import tempfile


def run(command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        print(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
        sys.exit(1)
    return done.stdout


def main():
    build, source = os.path.abspath(sys.argv[1]), sys.argv[2]
    if not os.path.exists(source):
        print(f"there is no {os.path.basename(source)}")
        return 77
    with tempfile.TemporaryDirectory() as root:
        run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root])
        pc = [base for base, _, names in os.walk(root) if "vitro.pc" in names]
        commands = [base for base, _, names in os.walk(root) if "vitro" in names and base.endswith("/bin")]
        assert len(pc) == 1 and len(commands) == 1, (pc, commands)
        assert any("libvitro-packetdrill.so" in names for _, _, names in os.walk(root))
        env = {**os.environ, "PKG_CONFIG_PATH": pc[0]}
        library, prefix = os.path.dirname(pc[0]), os.path.dirname(commands[0])

        def flags(*what):
            return run(["pkg-config", f"--define-variable=prefix={prefix}", *what, "vitro"], env=env).split()

        cc = ["cc", "-std=c17", "-Wall", "-Wextra", "-Werror"]
        shared, static = os.path.join(root, "shared"), os.path.join(root, "static")
        run([*cc, source, *flags("--cflags", "--libs"), "-o", shared])
        rest = [flag for flag in flags("--static", "--libs") if flag != "-lvitro"]
        run([*cc, source, *flags("--cflags"), "-l:libvitro.a", *rest, "-o", static])
        first = run([shared], env={**os.environ, "LD_LIBRARY_PATH": library}, timeout=60)
        second = run([static], timeout=60)
        assert first == second, (first, second)
    print("builds and runs against the installed library, shared and static")
    return 0


if __name__ == "__main__":
    sys.exit(main())
