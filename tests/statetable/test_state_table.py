#!/usr/bin/env python3
"""Plays every case of the state table, and compares what came of it with what the rules tell.

usage: test_state_table.py PLAY [STATE...]        PLAY is the built play.c; all states when none is named

TAP: a case for each state, 9,600 segments; with all states, one more: that every rule was used.
"""
import subprocess
import sys

import oracle

SHOWN = 2  # differences, of each rule
CASES = 64 * 5 * 5 * 2 * 3


def given(play, state):
    out = subprocess.run([play, "given", state], check=True, stdout=subprocess.PIPE, text=True).stdout
    pairs = dict(word.split("=") for word in out.split())
    return pairs.pop("state"), {k: int(v) for k, v in pairs.items()}


def fits(expected, actual):
    """Equal, but that a reply marked `?` may come late (`~`)."""
    if "?" in expected:
        return actual in (expected.replace("?", "", 1), expected.replace("?", "~", 1))
    return expected == actual


def judge(play, rules, state, used):
    """Plays one state; returns what is wrong, a line each."""
    reached, variables = given(play, state)
    wrong = [] if reached == state else [f"the setting ends in {reached}"]
    if state in ("CLOSED", "LISTEN"):
        variables = {} # it has none
    for key, value in variables.items():
        if rules.given[state].get(key, value) != value:
            wrong.append(f"{key} is {value} in the setting, {rules.given[state][key]} in the rules")
    cases = list(rules.cases(state, variables))
    if len({line for line, *_ in cases}) != CASES:
        wrong.append(f"the classes make {len(set(line for line, *_ in cases))} different cases")
    done = subprocess.run([play, "cases", state], input="".join(line + "\n" for line, *_ in cases), text=True,
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
    play, states = sys.argv[1], sys.argv[2:] or oracle.STATES
    rules, used, failed = oracle.Rules(), set(), 0
    whole = len(states) == len(oracle.STATES)
    print(f"1..{len(states) + whole}")
    for number, state in enumerate(states, 1):
        cases, wrong = judge(play, rules, state, used)
        print(f"{'not ' if wrong else ''}ok {number} - {state}")
        print(f"# {cases} cases")
        for text in wrong:
            print(f"#  {text}")
        failed += bool(wrong)
    if whole:
        idle = [rule.title for rule in rules.rules + rules.admits if rule.title not in used]
        print(f"{'not ' if idle else ''}ok {len(states) + 1} - every rule is used")
        for title in idle:
            print(f"#  {title}")
        failed += bool(idle)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
