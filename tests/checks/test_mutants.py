#!/usr/bin/env python3
"""tools/mutants on a small project: a mutant that is caught, and each way in which one is not. Prints TAP."""
import os
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "mutants")
FILES = {
    "meson.build": "project('small', 'c')\noption = get_option('tests')\n"
                   "test('thing', executable('thing', 'thing.c'), suite: 'small')\n",
    "meson_options.txt": "option('tests', type: 'boolean', value: true)\n",
    "thing.c": "#include <stdio.h>\n\nstatic int half(int x)\n{\n    if (x < 0)\n        return -1;\n    return x / 2;\n}\n\n"
               "int main(void)\n{\n    int bad = half(-8) != -1;\n\n"
               '    printf("1..2\\nok 1 - test_even\\n%sok 2 - test_negative\\n", bad ? "not " : "");\n'
               "    return bad;\n}\n",
}
GUARD = """--- a/thing.c
+++ b/thing.c
@@ -2,8 +2,6 @@

 static int half(int x)
 {
-    if (x < 0)
-        return -1;
     return x / 2;
 }

"""
HARMLESS = """--- a/thing.c
+++ b/thing.c
@@ -4,5 +4,5 @@
 {
-    if (x < 0)
+    if (0 > x)
         return -1;
     return x / 2;
 }
"""
STALE = HARMLESS.replace("x < 0", "x < 7")
BROKEN = HARMLESS.replace("0 > x", "0 > y")
WHY = "Why: without it a negative number is halved\n"
# name: (patch, verdict, what is said)
MUTANTS = {
    "A1": (WHY + "Test: small/thing test_negative\n\n" + GUARD, "passed", "test_negative caught it"),
    "A2": (WHY + "Test: small/thing\n\n" + GUARD, "passed", "small/thing caught it"),
    "B1": (WHY + "Test: small/thing\n\n" + HARMLESS, "failed", "did not notice"),
    "B2": (WHY + "Test: small/thing test_even\n\n" + GUARD, "failed", "failed, but not in test_even"),
    "B3": (WHY + "Test: small/thing test_gone\n\n" + GUARD, "failed", "has no case test_gone"),
    "B4": (WHY + "Test: small/gone\n\n" + GUARD, "failed", "there is no test small/gone"),
    "B5": (WHY + "Test: small/thing\n\n" + STALE, "failed", "does not apply"),
    "B6": (WHY + "Test: small/thing\n\n" + BROKEN, "failed", "does not compile"),
    "B7": ("Test: small/thing\n\n" + GUARD, "failed", "needs `Why:`"),
}


def main():
    with tempfile.TemporaryDirectory() as root:
        for name, (patch, _, _) in MUTANTS.items():
            FILES[f"tests/mutants/{name}.patch"] = patch
        for path, text in FILES.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        done = subprocess.run([sys.executable, TOOL, "--root", root], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    lines = done.stdout.splitlines()
    print(f"1..{len(MUTANTS) + 1}")
    failed = 0
    for number, (name, (_, verdict, says)) in enumerate(MUTANTS.items(), 1):
        ok = any(f" {verdict} " in line and f" {name} " in line and says in line for line in lines)
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {number} - {name}: {says}")
    ok = done.returncode == 1 and lines[-1:] == ["2 passed, 7 failed, 0 skipped"]
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {len(MUTANTS) + 1} - the count")
    if failed:
        print("".join(f"# {line}\n" for line in lines), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
