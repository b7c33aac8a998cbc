#!/usr/bin/env python3
"""Plays short sequences of random segments on one connection, and judges each by the rules: what a segment leaves
behind is what the next one meets.

usage: test_sequences.py PLAY [COUNT]        VT_TEST_SEED chooses others
"""
import os
import random
import subprocess
import sys

import oracle
import test_state_table

COUNT = 6000
MOST = 3  # segments of a sequence
SHOWN = 5
# Sequences that say something are made of segments that are taken; others come too.
LIKELY = {"U": 0.1, "A": 0.9, "P": 0.2, "R": 0.05, "S": 0.1, "F": 0.3}


class Player:
    def __init__(self, play):
        self.process = subprocess.Popen([play, "sequence"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")

    def ask(self, line):
        self.tell(line)
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")


def segment(rng, rules, state, given, once):
    """A random segment, as the arguments of a judge. `once`: letters that may not come again."""
    flags = [int(letter not in once and rng.random() < LIKELY[letter]) for letter, _ in oracle.FLAGS]
    text = rng.choice(rules.values_of("TEXT", state, given))
    seq = rng.choice(rules.values_of("SEG.SEQ", state, given, text, flags[4]) + [given["RCV.NXT"]] * 3)
    ack = rng.choice(rules.values_of("SEG.ACK", state, given) + [given["SND.NXT"]] * 2)
    return *flags, text, seq, ack, rng.choice(rules.values_of("SEG.WND", state, given))


def sequence(rng, rules, player, setting, given):
    """Plays one. What is wrong with it, or "" and the rules that were used."""
    state, once, told, program = setting.partition("/")[0], set(), [], ""
    player.tell(f"begin {setting}")
    used = []
    for _ in range(rng.randint(2, MOST)):
        seg = segment(rng, rules, state, given, once)
        which, _, o = rules.judge(state)(given, *seg)
        line = f"{oracle.flag_letters(seg[:6])} {seg[7]} {seg[8]} {seg[9]} {seg[6]}"
        outcome, _, program = oracle.words(state, given, o).partition(" reads=")
        actual, _, right = player.ask(line).partition(" right=")
        told.append(f"{line}   ({state}, rule {rules.rules[which].title})")
        if not test_state_table.fits(outcome, actual):
            player.ask("end")
            return "\n#    ".join([setting, *told, f"  expected  {outcome}", f"  actual    {actual}"]), used
        used.append(rules.rules[which].title)
        next_one = oracle.follow(state, given, o, rules.rules[which].title, seg, int(right))
        if next_one is None:
            break
        state, given = next_one
        once |= {"F"} if given["FIN.AT"] else set()
    actual = player.ask("end")
    if actual != f" reads={program}":
        return "\n#    ".join([setting, *told, f"  expected  reads={program}", f"  actual   {actual}"]), used
    return "", used


def main():
    play, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else COUNT
    seed = int(os.environ.get("VT_TEST_SEED", "1"), 0)
    rng, rules, player = random.Random(seed), oracle.Rules(), Player(play)
    known = {setting: {**rules.otherwise, **rules.given[setting], **test_state_table.variables_of(play, rules, setting)[1]}
             for setting in rules.given}
    pairs, wrong = set(), []
    for _ in range(count):
        setting = rng.choice(list(rules.given))
        text, used = sequence(rng, rules, player, setting, known[setting])
        pairs.update(zip(used, used[1:]))
        if text:
            wrong.append(text)
    print("1..1")
    print(f"{'not ' if wrong else ''}ok 1 - {count} sequences")
    print(f"# VT_TEST_SEED={seed}, {len(pairs)} pairs of rules, {len(wrong)} wrong")
    for text in wrong[:SHOWN]:
        print(f"#  {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
