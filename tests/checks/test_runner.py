#!/usr/bin/env python3
"""How tools/run-tests counts what a program reported: nothing that went wrong may count as passed. Prints TAP."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "run-tests")
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("run_tests", PATH)
RUNNER = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", LOADER))
LOADER.exec_module(RUNNER)

# (name, stdout, exit code, Meson's result, passed, failed, skip reasons)
CASES = [
    ("all cases pass", "1..2\nok 1 - a\nok 2 - b\n# ok - group\n", 0, "OK", 2, 0, []),
    ("one case fails", "1..2\nok 1 - a\nnot ok 2 - b\n", 1, "FAIL", 1, 1, []),
    ("77 cases fail, which is not a skip", "1..77\n" + "".join(f"not ok {i} - c\n" for i in range(77)), 77, "SKIP", 0, 77, []),
    ("a case skipped by cmocka", "1..2\nok 1 - a\nno root here\nnot ok 2 # SKIP b\n", 0, "OK", 1, 0, ["no root here"]),
    ("a case skipped as TAP has it", "1..2\nok 1 - a\nok 2 - b # SKIP no root\n", 0, "OK", 1, 0, ["no root"]),
    ("a crash before the last case", "1..3\nok 1 - a\n", -11, "FAIL", 1, 1, []),
    ("an exit before the last case", "1..3\nok 1 - a\n", 0, "OK", 1, 1, []),
    ("a leak after the last case", "1..1\nok 1 - a\n", 1, "ERROR", 1, 1, []),
    ("a group without cases", "1..0\n# ok - group\n", 0, "SKIP", 0, 1, []),
    ("cases without a plan", "ok 1 - a\n", 0, "OK", 1, 1, []),
    ("two groups in one program", "1..1\nok 1 - a\n1..1\nok 1 - b\n", 0, "OK", 2, 0, []),
    ("words between the cases", "1..1\nhello\nok 1 - a\nok then\n", 0, "OK", 2, 1, []),
    ("a case that does not end", "1..2\nok 1 - a\n", -9, "TIMEOUT", 1, 1, []),
    ("a program without TAP", "fine\n", 0, "OK", 1, 0, []),
    ("a failed program without TAP", "oh\n", 3, "FAIL", 0, 1, []),
    ("a skipped program", "look:\nneeds root\n", 77, "SKIP", 0, 0, ["needs root"]),
    ("a program that does not end", "", -9, "TIMEOUT", 0, 1, []),
]


def main():
    print(f"1..{len(CASES)}")
    bad = 0
    for number, (name, stdout, code, result, passed, failed, reasons) in enumerate(CASES, 1):
        results = RUNNER.Results()
        with contextlib.redirect_stdout(io.StringIO()):
            RUNNER.count_test(results, "", {"name": "vitro:suite / name", "stdout": stdout, "returncode": code,
                                            "result": result})
        got = (results.passed, len(results.failed), [reason for _, reason in results.skipped])
        ok = got == (passed, failed, reasons)
        bad += not ok
        print(f"{'ok' if ok else 'not ok'} {number} - {name}" + ("" if ok else f"\n# got {got}"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
