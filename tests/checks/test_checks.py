#!/usr/bin/env python3
"""Each check of tools/ finds a fault that is put into a small tree, and finds none in the tree without it.

Prints TAP.
"""
import os
import shutil
import subprocess
import sys
import tempfile

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools")



def requirements(first="a/a.pkt", must=69, count=119):
    """A map of RFC 9293's requirements whose first row names `first`."""
    names = [f"{kind}-{n}" for kind, last in (("MUST", must), ("SHLD", 31), ("MAY", 18), ("REC", 1)) for n in range(1, last + 1)]
    rows = [f"{name}\tMUST\ttext\t{'a/a.pkt' if i else first}\n" for i, name in enumerate(names)]
    return f"# count {count}: MUST {count}, MUST NOT 0, SHOULD 0, SHOULD NOT 0, MAY 0\n" + "".join(rows)


MAP = "tests/drill/REQUIREMENTS.tsv"

# A tree that every check passes.
GOOD = {
    MAP: requirements(),
    "tests/drill/a/a.pkt": "// RFC 9293 3.1: what must hold.\n    0 < S 0:0(0) win 1000\n",
    "tests/link/meson.build": "['arp']\n",
    "tests/link/test_arp.c": "static void test_a(void **state);\nstatic const int cases[] = {\n"
                             "    cmocka_unit_test(test_a),\n};\n",
    "include/vitro/types.h": "#include <stdint.h>\n",
    "include/vitro/event.h": "#include <vitro/types.h>\n",
    "include/vitro/socket.h": "#include <vitro/types.h>\n",
    "src/base/core.h": "#include <vitro/types.h>\nint vt_core(int x);\n",
    "src/base/core.c": '#include "core.h"\n\nint vt_core(int x)\n{\n    return x + 1;\n}\n',
    "src/physical/physical.h": "int vt_wire(int x);\n",
    "src/physical/physical.c": '#include "base/core.h"\n#include "physical.h"\n\n'
                               "int vt_wire(int x)\n{\n    return vt_core(x);\n}\n",
    "src/link/eth_wire.h": '#include "base/core.h"\n',
    "src/link/link.h": "int vt_link(int x);\n",
    "src/link/link.c": '#include "eth_wire.h"\n#include "link.h"\n#include "physical/physical.h"\n#include <string.h>\n\n'
                       "int vt_link(int x)\n{\n    char room[64];\n    memset(room, x, sizeof(room));\n"
                       "    return vt_wire(room[x & 63]);\n}\n",
    "src/network/network.h": "int vt_network(int x);\n",
    "src/network/network.c": '#include "link/eth_wire.h"\n#include "link/link.h"\n#include "network.h"\n\n'
                             "int vt_network(int x)\n{\n    return vt_link(x);\n}\n",
    "src/lens/lens.c": "#include <stdio.h>\n#include <vitro/event.h>\n",
    "docs/A.md": "# Title here\n\n[up](#title-here) [b](B.md#the-other-one)\n",
    "docs/B.md": "## The other: one\n",
    "tools/include-exceptions": "",
    "tools/size-exceptions": "",
}


def long_function(lines):
    body = "    x++;\n" * lines
    return f"int vt_long(int x);\nint vt_long(int x)\n{{\n{body}    return x;\n}}\n"


# (name of the case, check, files that differ from GOOD, what the check must say)
BAD = [
    ("base includes a floor", "includes", {"src/base/bad.c": '#include "link/link.h"\n'}, "base does not stand on link"),
    ("a floor includes one above", "includes", {"src/link/bad.c": '#include "network/network.h"\n'},
     "link does not stand on network"),
    ("a floor skips one", "includes", {"src/network/bad.c": '#include "physical/physical.h"\n'},
     "network does not stand on physical"),
    ("a floor includes a private header", "includes",
     {"src/link/arp.h": "", "src/network/bad.c": '#include "link/arp.h"\n'}, "only its public header"),
    ("a floor includes a public header from above", "includes", {"src/network/bad.c": "#include <vitro/socket.h>\n"},
     "network does not stand on session"),
    ("a wire header includes more than base", "includes", {"src/network/ip_wire.h": '#include "network.h"\n'},
     "a *_wire file includes only base"),
    ("the lens includes base", "includes", {"src/lens/bad.c": '#include "base/core.h"\n'}, "the lens sees"),
    ("a floor includes a system header", "includes", {"src/link/bad.c": "#include <sys/socket.h>\n"}, "freestanding"),
    ("an include of nothing", "includes", {"src/link/bad.c": '#include "nothing.h"\n'}, "no such file"),
    ("a public header includes a private one", "includes", {"include/vitro/app.h": '#include "base/core.h"\n'},
     "public headers only"),
    ("a public header includes one from above", "includes", {"include/vitro/device.h": "#include <vitro/socket.h>\n"},
     "base does not stand on session"),
    ("an example includes a private header", "includes", {"examples/bad.c": '#include "base/core.h"\n'},
     "an example includes public headers"),
    ("an unknown folder", "includes", {"src/attic/bad.c": ""}, "does not know the folder attic"),
    ("an include exception that nothing needs", "includes",
     {"tools/include-exceptions": "include src/link/link.c <errno.h> because\n"}, "nothing needs this exception"),
    ("an exception without a reason", "includes", {"tools/include-exceptions": "os src/link/link.c -\n"},
     "an exception is"),
    ("an exception for no file", "includes", {"tools/include-exceptions": "os src/link/gone.c - because\n"},
     "there is no file"),
    ("a function of libc", "nm", {"src/link/bad.c": "int puts(const char *s);\nint vt_bad(void);\n"
                                  'int vt_bad(void)\n{\n    return puts("x");\n}\n'}, "src/link/bad.c: needs puts"),
    ("a call upwards", "nm", {"src/link/bad.c": "int vt_network(int x);\nint vt_bad(void);\n"
                              "int vt_bad(void)\n{\n    return vt_network(1);\n}\n"},
     "needs vt_network, defined in network"),
    ("a call that skips a floor", "nm", {"src/network/bad.c": "int vt_wire(int x);\nint vt_bad(void);\n"
                                         "int vt_bad(void)\n{\n    return vt_wire(1);\n}\n"},
     "needs vt_wire, defined in physical"),
    ("a mutable static", "nm", {"src/link/bad.c": "int vt_bad(void);\n"
                                "int vt_bad(void)\n{\n    static int count;\n    return count++;\n}\n"}, "mutable data"),
    ("a global", "nm", {"src/link/bad.c": "extern int vt_global;\nint vt_global = 1;\n"}, "vt_global is mutable data"),
    ("an nm exception that nothing needs", "nm", {"tools/include-exceptions": "nm src/link/link.c puts because\n"},
     "nothing needs this exception"),
    ("a function of libc, for wasm32", "wasm", {"src/link/bad.c": "int puts(const char *s);\nint vt_bad(void);\n"
                                                'int vt_bad(void)\n{\n    return puts("x");\n}\n'},
     "undefined symbol: puts"),
    ("a header that wasm32 does not have", "wasm", {"src/link/bad.c": "#include <stdlib.h>\n"}, "'stdlib.h' file not found"),
    ("a pointer taken for 64 bits", "wasm", {"src/link/bad.c": '_Static_assert(sizeof(void *) == 8, "");\n'},
     "static_assert failed"),
    ("a function far too long", "sizes", {"src/link/bad.c": long_function(120)}, "vt_long has 123 lines, more than 100"),
    ("a file far too long", "sizes", {"src/link/bad.c": "\n" * 1100}, "the file has 1100 lines, more than 1000"),
    ("a size exception that nothing needs", "sizes", {"tools/size-exceptions": "size src/link/link.c vt_link because\n"},
     "nothing needs this exception"),
    ("a file out of format", "format", {"src/link/bad.c": "int  vt_x( void ) ;\n"}, "src/link/bad.c: "),
    ("a link to no file", "docs", {"docs/A.md": "# A\n[x](gone.md)\n"}, "docs/A.md:2: there is no gone.md"),
    ("a link to no heading", "docs", {"docs/A.md": "[x](B.md#gone)\n"}, "docs/B.md has no heading for #gone"),
    ("a forbidden word", "docs", {"src/link/bad.c": "/* FIX" "ME */\n"}, "an unfinished thing"),
    ("a requirement without a row", "requirements", {MAP: requirements(must=68)}, "no row for MUST-69"),
    ("a count that does not fit", "requirements", {MAP: requirements(count=120)}, "the rows are `# count 119"),
    ("a script that is not there", "requirements", {MAP: requirements("a/gone.pkt")}, "there is no script a/gone.pkt"),
    ("a case that is not there", "requirements", {MAP: requirements("link/arp test_gone")}, "has no case test_gone"),
    ("a program that is not built", "requirements",
     {MAP: requirements("link/vlan test_a"), "tests/link/test_vlan.c": ""}, "does not build vlan"),
    ("a deviation without a reason", "requirements", {MAP: requirements("not met: ")}, "nor a reason"),
    ("a script that is not run", "requirements", {"tests/drill/a.pkt": "// RFC 9293: what must hold.\n"}, "it is not run"),
    ("a script that says nothing", "requirements", {"tests/drill/a/b.pkt": "0 < S 0:0(0) win 1000\n"}, "the first line says"),
    ("a path of a machine", "docs", {"docs/A.md": "look into /ho" "me/x\n"}, "somebody's machine"),
]
# Faults that an exception covers: (name, check, files).
EXCUSED = [
    ("an include exception", "includes", {
        "src/link/bad.c": "#include <sys/socket.h>\n",
        "tools/include-exceptions": "include src/link/bad.c <sys/socket.h> because\n"}),
    ("an os exception, for includes", "includes", {
        "src/link/bad.c": "#include <stdlib.h>\n", "tools/include-exceptions": "os src/link/bad.c - because\n"}),
    ("an os exception, for nm", "nm", {
        "src/link/bad.c": "#include <stdlib.h>\nvoid vt_bad(void);\nvoid vt_bad(void)\n{\n    abort();\n}\n",
        "tools/include-exceptions": "os src/link/bad.c - because\n"}),
    ("an os exception, for wasm", "wasm", {
        "src/link/bad.c": "#include <stdlib.h>\n", "tools/include-exceptions": "os src/link/bad.c - because\n"}),
    ("an nm exception", "nm", {
        "src/link/bad.c": "int puts(const char *s);\nint vt_bad(void);\n"
                          'int vt_bad(void)\n{\n    return puts("x");\n}\n',
        "tools/include-exceptions": "nm src/link/bad.c puts because\n"}),
    ("a size exception", "sizes", {
        "src/link/bad.c": long_function(120), "tools/size-exceptions": "size src/link/bad.c vt_long because\n"}),
    ("a case of cmocka's", "requirements", {MAP: requirements("link/arp test_a; a/a.pkt")}),
    ("a deviation", "requirements", {MAP: requirements("not met: it would do harm")}),
    ("a constant table of pointers", "nm", {
        "src/link/ok.c": "struct vt_ops {\n    int (*f)(int);\n};\nint vt_link(int x);\n"
                         "extern const struct vt_ops vt_ops;\nconst struct vt_ops vt_ops = {vt_link};\n"}),
]


def make_tree(root, more):
    shutil.copy(os.path.join(TOOLS, "..", ".clang-format"), root)
    for path, text in {**GOOD, **more}.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def make_archives(root):
    """One archive a folder below root/out, as the build makes them."""
    for folder in sorted(os.listdir(os.path.join(root, "src"))):
        out = os.path.join(root, "out", "src", folder)
        os.makedirs(out)
        objects = []
        for name in sorted(os.listdir(os.path.join(root, "src", folder))):
            if name.endswith(".c"):
                objects.append(os.path.join(out, name + ".o"))
                subprocess.run(["cc", "-O1", "-fPIC", "-I", f"{root}/include", "-I", f"{root}/src", "-c",
                                f"{root}/src/{folder}/{name}", "-o", objects[-1]], check=True)
        subprocess.run(["ar", "rcs", os.path.join(out, f"libvt_{folder}.a"), *objects], check=True)


def run_check(check, more):
    """(exit code, output) of a check on GOOD with `more` put over it."""
    with tempfile.TemporaryDirectory() as root:
        make_tree(root, more)
        command = [sys.executable, os.path.join(TOOLS, "check-" + check), "--root", root]
        if check == "nm":
            make_archives(root)
            command += ["--build", os.path.join(root, "out")]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout


def main():
    cases = [(f"{check}: a good tree", check, {}, None) for check in ("includes", "nm", "wasm", "sizes", "format", "docs",
                                                                      "requirements")]
    cases += [(f"{check}: {name}", check, more, None) for name, check, more in EXCUSED]
    cases += [(f"{check}: {name}", check, more, says) for name, check, more, says in BAD]
    print(f"1..{len(cases)}")
    failed = 0
    for number, (name, check, more, says) in enumerate(cases, 1):
        code, output = run_check(check, more)
        ok = code == 0 if says is None else code == 1 and says in output
        if code == 77:
            print(f"ok {number} - {name} # SKIP {output.strip()}")
            continue
        print(f"{'ok' if ok else 'not ok'} {number} - {name}")
        if not ok:
            failed += 1
            print(f"# wanted {says!r}, exit code {code}")
            print("".join(f"# {line}\n" for line in output.splitlines()), end="")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
