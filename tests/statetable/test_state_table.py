#!/usr/bin/env python3
"""Plays every case of the state table, and compares what came of it with what the rules tell.

usage: test_state_table.py PLAY [SETTING...]      PLAY is the built play.c; all settings when none is named

TAP: a case for each setting, 9,600 segments; with all settings two more: every rule is used, and every departure from
the standards is told in docs/CONFORMANCE.md.
"""
import os
import subprocess
import sys

import oracle

SHOWN = 2  # differences, of each rule
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "CONFORMANCE.md")
CASES = 64 * 5 * 5 * 2 * 3


def given(play, setting):
    out = subprocess.run([play, "given", setting], check=True, stdout=subprocess.PIPE, text=True).stdout
    pairs = dict(word.split("=") for word in out.split())
    return pairs.pop("state"), {k: int(v) for k, v in pairs.items()}


def fits(expected, actual):
    """Equal, but that a reply marked `?` may come late (`~`)."""
    if "?" in expected:
        return actual in (expected.replace("?", "", 1), expected.replace("?", "~", 1))
    return expected == actual


def variables_of(play, rules, setting):
    """The state that a setting ends in, and the variables that are its own."""
    reached, variables = given(play, setting)
    if setting in ("CLOSED", "LISTEN"):
        variables = {}  # it has none
    return reached, variables


def judge(play, rules, setting, used):
    """Plays one setting; returns what is wrong, a line each."""
    reached, variables = variables_of(play, rules, setting)
    wrong = [] if reached == setting.partition('/')[0] else [f"the setting ends in {reached}"]
    for key, value in variables.items():
        if rules.given[setting].get(key, value) != value:
            wrong.append(f"{key} is {value} in the setting, {rules.given[setting][key]} in the rules")
    cases = list(rules.cases(setting, variables))
    if len({line for line, *_ in cases}) != CASES:
        wrong.append(f"the classes make {len(set(line for line, *_ in cases))} different cases")
    done = subprocess.run([play, "cases", setting], input="".join(line + "\n" for line, *_ in cases), text=True,
                          stdout=subprocess.PIPE)
    actual, differ = done.stdout.splitlines(), {}
    if done.returncode != 0 or len(actual) != len(cases):
        wrong.append(f"{len(actual)} of {len(cases)} cases played, exit code {done.returncode}")
    for (line, expected, which, admit), got in zip(cases, actual):
        used.add(rules.rules[which].title)
        if admit >= 0:
            used.add(rules.admits[admit].title)
        if not fits(expected, got):
            differ.setdefault(which, []).append(f"{line}\n#      expected  {expected}\n#      actual    {got}")
    for which, texts in differ.items():
        rule = rules.rules[which]
        wrong.append(f"rule {rule.title} ({rule.doc}): {len(texts)} cases\n#    " + "\n#    ".join(texts[:SHOWN]))
    return len(cases), wrong


def main():
    rules, used, failed = oracle.Rules(), set(), 0
    play, settings = sys.argv[1], sys.argv[2:] or list(rules.given)
    whole = len(settings) == len(rules.given)
    print(f"1..{len(settings) + 2 * whole}")
    for number, setting in enumerate(settings, 1):
        cases, wrong = judge(play, rules, setting, used)
        failed += report(number, setting, [f"{cases} cases", *wrong], bool(wrong))
    if whole:
        items = rules.rules + rules.admits
        idle = [item.title for item in items if item.title not in used]
        with open(PAGE, encoding="utf-8") as f:
            page = f.read()
        untold = [item.title for item in items if item.departs and f"`{item.title}`" not in page]
        failed += report(len(settings) + 1, "every rule is used", idle, bool(idle))
        failed += report(len(settings) + 2, "every departure is told", untold, bool(untold))
    return 1 if failed else 0


def report(number, title, lines, bad):
    print(f"{'not ' if bad else ''}ok {number} - {title}")
    for line in lines:
        print(f"#  {line}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
