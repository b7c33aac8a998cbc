#!/usr/bin/env python3
"""Tells what should become of every case of the state table, by rules.txt and nothing else.

usage: oracle.py SETTING [NAME=VALUE...]

Prints "CASE | OUTCOME | RULE" for each of the setting's 9,600 cases. A setting is a state, or STATE/WHAT-IS-SPECIAL. A CASE is "FLAGS SEQ ACK WND TEXT". NAME=VALUE are
variables that the rules leave to the setting (RCV.WND: the window that was told last).
"""
import itertools
import os
import re
import sys

RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules.txt")
STATES = ["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
          "CLOSING", "LAST-ACK", "TIME-WAIT"]
GROUPS = {
    "receiving": ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"],
    "synchronized": ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK"],
}
FLAGS = [("U", "URG"), ("A", "ACK"), ("P", "PSH"), ("R", "RST"), ("S", "SYN"), ("F", "FIN")]
HAVE_READ_THE_END = ["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"]


class Mistake(Exception):
    """The rules are wrong, not a TCP."""


def name(text):
    """A name of the rules as one of Python's."""
    return text.replace(".", "_").replace("'", "_after").replace("-", "_")


def expression(text):
    """An expression of the rules as one of Python's."""
    text = re.sub(r"(?<![\w-])(" + "|".join(sorted(STATES, key=len, reverse=True)) + r")(?![\w-])", r'"\1"', text)
    text = re.sub(r"\btcp-[a-z-]+", lambda m: f'"{m[0]}"', text)
    text = re.sub(r"=<", "<=", text)
    text = re.sub(r"(?<![<>=!])=(?!=)", "==", text)
    return re.sub(r"\b([A-Z]+)\.([A-Z]\w*)(?:\.(\w+))?('?)", lambda m: name(m[0]), text)


class Rule:
    """What a rule says: where it holds, and its outcome, an expression for each name."""

    def __init__(self, title):
        self.title, self.doc, self.departs, self.states, self.when = title, "", "", [], "True"
        self.outcome, self.hears, self.used = {}, False, 0

    def take(self, key, rest):
        if key == "doc":
            self.doc = rest
        elif key == "departs":
            self.departs = rest
        elif key == "in":
            self.states = [state for word in rest.split() for state in GROUPS.get(word, [word])]
        elif key == "when":
            self.when = expression(rest)
        elif key == "hear":
            self.hears = True
        elif key in ("RCV.NXT", "SND.UNA", "SND.WND"):
            self.outcome[key] = expression(rest.removeprefix("=").strip())
        elif key == "reads":
            self.outcome[key] = expression(rest)
        elif key == "drop":
            self.outcome[key] = expression(re.sub(r"\belse -$", 'else "-"', rest))
        elif key == "reply":
            self.outcome[key] = reply(rest)
        elif key == "moves":
            self.outcome[key] = repr([state.strip() for state in rest.split(">")])
        elif key == "told":
            self.outcome[key] = repr(rest)
        elif key == "2msl":
            self.outcome[key] = "1"
        else:
            raise Mistake(f"{self.title}: what is '{key}'?")


def reply(text):
    """'ack <SEQ=SND.NXT><CTL=ACK>' as an expression that gives the line with its numbers."""
    *words_before, text = text.split(" ", text.split("<")[0].count(" "))
    soon = words_before[1:] == ["soon"]
    parts = [words_before[0] + ":"]
    for field, value in re.findall(r"<(\w+)=([^>]*)>", text):
        if field != "CTL" and value != "NEW":
            value = "{" + expression(value) + "}"
        parts.append(f"<{field}={value}>")
    return "f" + repr("".join(parts) + ("?" if soon else ""))


class Rules:
    """The file, read."""

    def __init__(self, path=RULES):
        self.given, self.classes, self.values, self.admits, self.rules, self.hear = {}, {}, [], [], [], []
        self.otherwise, self.judges = {}, {}
        with open(path, encoding="utf-8") as f:
            current = None
            for number, line in enumerate(self.logical(f), 1):
                if line and line[0].isspace():
                    key, _, rest = line.strip().partition(" ")
                    current.take(key, rest.strip())
                elif line:
                    current = self.begin(line, number)
        for item in self.rules + self.admits:
            if not item.doc or set(item.states) - set(STATES) or not item.states:
                raise Mistake(f"{item.title}: no document, or no known states")
        titles = [item.title for item in self.rules + self.admits]
        if len(set(titles)) != len(titles):
            raise Mistake("two rules of one name")

    @staticmethod
    def logical(lines):
        """Without comments; what stands in parentheses may go on in the next line."""
        whole = ""
        for line in lines:
            whole = (whole + " " + line.strip() if whole else line.rstrip()).split("#")[0].rstrip()
            if whole.startswith("value ") and whole.count("(") > whole.count(")"):
                continue
            yield whole
            whole = ""

    def begin(self, line, number):
        key, _, rest = line.partition(" ")
        rest = rest.strip()
        if key == "given":
            state, *pairs = rest.split()
            self.given[state] = {k: int(v) for k, v in (pair.split("=") for pair in pairs)}
        elif key == "else":
            self.otherwise = {k: int(v) for k, v in (pair.split("=") for pair in rest.split())}
        elif key == "class":
            what, _, value = rest.partition("=")
            variable, title = what.split()
            self.classes.setdefault(variable, []).append((title, expression(value.strip())))
        elif key == "value":
            left, _, right = rest.partition("=")
            self.values.append((left.strip(), expression(right.strip())))
        elif key == "hear":
            what, _, value = rest.partition(" ")
            self.hear.append((what, expression(value.strip().removeprefix("=").strip())))
        elif key in ("rule", "admit"):
            rule = Rule(rest)
            (self.rules if key == "rule" else self.admits).append(rule)
            return rule
        else:
            raise Mistake(f"line {number}: what is '{key}'?")
        return None

    def program(self, state):
        """The rules for one state as the source of a function of a case, which gives (rule, admit, outcome)."""
        lines = []
        variables = ["SND.UNA", "SND.NXT", "SND.WND", "MAX.SND.WND", "RCV.NXT", "RCV.WND"]
        lines.append("def outcome(given, URG, ACK, PSH, RST, SYN, FIN, TEXT, SEG_SEQ, SEG_ACK, SEG_WND):")
        lines.append(f"    state = {state!r}")
        lines += [f"    {name(v)} = given.get({v!r}, 0)" for v in [*variables, *self.otherwise]]
        lines.append("    SEG_LEN = TEXT + SYN + FIN")
        for left, right in self.values:
            head, arguments = (left[:-1].split("(") + [None])[:2]
            if arguments:
                lines.append(f"    {name(head)} = lambda {arguments}: {right}")
            elif left != "SEG.LEN":
                lines.append(f"    {name(left)} = {right}")
        lines.append("    ADMITTED = -1")
        for i, admit in enumerate(self.admits):
            if state in admit.states:
                lines.append(f"    if ADMITTED < 0 and not ACCEPTABLE and ({admit.when}): ADMITTED = {i}")
        lines += ["    admit, ADMITTED = ADMITTED, ADMITTED >= 0"]
        for i, rule in enumerate(self.rules):
            if state in rule.states:
                lines.append(f"    if {rule.when}:")
                lines += ["        " + line for line in self.consequence(rule)]
                lines.append(f"        return {i}, admit, o")
        lines.append("    return -1, admit, {}")
        return "\n".join(lines)

    def consequence(self, rule):
        out = ['o = {"moves": [], "RCV.NXT": RCV_NXT, "SND.UNA": SND_UNA, "SND.WND": SND_WND, "urgent": 0}']
        if rule.hears:
            for what, value in self.hear:
                if what == "moves":
                    to, _, condition = value.partition(" if ")
                    out.append(f"if {condition}: o['moves'] += [{to}]")
                else:
                    out.append(f"o[{what!r}] = {value}")
        order = sorted(rule.outcome, key=lambda key: key == "reply")
        for key in order:
            out.append(f"o[{key!r}] {'+=' if key == 'moves' else '='} {rule.outcome[key]}")
            if key == "RCV.NXT":
                out.append("RCV_NXT_after = o['RCV.NXT']")
        return out

    def judge(self, state):
        """A function of a setting's variables and a segment, (rule, admit, outcome)."""
        if state not in self.judges:
            scope = {"max": max, "min": min}
            exec(compile(self.program(state), f"rules.txt for {state}", "exec"), scope)
            self.judges[state] = scope["outcome"]
        return self.judges[state]

    def values_of(self, variable, state, given, text=0, syn=0):
        """The values of a class; of SEG.SEQ, for a segment with this text, or SYN."""
        scope = {name(k): v for k, v in given.items()}
        scope.update(max=max, min=min, state=state, RIGHT=given["RCV.NXT"] + given["RCV.WND"], TEXT=text, SYN=syn)
        return [eval(e, scope) for _, e in self.classes[variable]]

    def cases(self, setting, extra=None):
        """Each case of a setting: (line, outcome, rule, admit)."""
        state = setting.partition("/")[0]
        given = {**self.otherwise, **self.given[setting], **(extra or {})}
        acks = self.values_of("SEG.ACK", state, given)
        wnds = self.values_of("SEG.WND", state, given)
        texts = self.values_of("TEXT", state, given)
        judge = self.judge(state)
        for flags in itertools.product((0, 1), repeat=len(FLAGS)):
            letters = flag_letters(flags)
            for text in texts:
                seqs = self.values_of("SEG.SEQ", state, given, text, flags[4])
                for seq, ack, wnd in itertools.product(seqs, acks, wnds):
                    which, admit, o = judge(given, *flags, text, seq, ack, wnd)
                    line = f"{letters} {seq} {ack} {wnd} {text}"
                    if which < 0:
                        raise Mistake(f"{setting}: no rule for {line}")
                    yield line, words(state, given, o), which, admit


def flag_letters(flags):
    return "".join(letter for (letter, _), bit in zip(FLAGS, flags) if bit) or "-"


def follow(state, given, o, rule, segment, right):
    """What the connection is and knows after a segment, as the rules have it: (state, variables); None where a next
    segment would be about another connection, or about more than one hole. `right`: the right edge of the window that
    was told last."""
    _, _, _, _, _, fin, text, seq, ack, wnd = segment
    last = o["moves"][-1] if o["moves"] else state
    after = {**given, **{k: v for k, v in o.items() if k in given}}
    if last in ("CLOSED", "LISTEN") or (state, last) == ("TIME-WAIT", "SYN-RECEIVED"):
        return None
    if state == "SYN-SENT" and last != state:
        after.update({"MAX.SND.WND": wnd, "SND.WL1": seq, "SND.WL2": ack, "ACTIVE": int(last == "SYN-RECEIVED")})
    edge = given["RCV.NXT"] + given["RCV.WND"]
    if rule.startswith("hole"):
        if given["HELD.TO"] or given["FIN.AT"]:
            return None
        if text:
            after.update({"HELD.FROM": seq, "HELD.TO": min(seq + text, edge)})
        if fin and seq + text < edge:
            after["FIN.AT"] = seq + text
    if after["HELD.TO"] and after["HELD.FROM"] <= after["RCV.NXT"]:
        after.update({"HELD.FROM": 0, "HELD.TO": 0})
    if after["FIN.AT"] < after["RCV.NXT"] or last not in GROUPS["receiving"]:
        after["FIN.AT"] = 0
    after["UNREAD"] += o.get("reads", 0)
    if last != "SYN-SENT":
        after["RCV.WND"] = max(right - after["RCV.NXT"], 0) if right else given["RCV.WND"]
    return last, after


def words(state, given, o):
    """An outcome as a line, in the words of the program that plays."""
    last = o["moves"][-1] if o["moves"] else state
    # What stands for a connection that is closed, waits, or is half open at a listener does not keep them all.
    small = last == "SYN-RECEIVED" and state in ("LISTEN", "SYN-RECEIVED", "TIME-WAIT") and not given["ACTIVE"]
    gone = last in ("CLOSED", "LISTEN")
    none = gone or small or last == "TIME-WAIT"
    told = o.get("told", "end" if state in HAVE_READ_THE_END else "wait")
    error = told if told.startswith("E") else "-"
    if not given["READER"]:
        told = "gone"
    return (f"reply={o.get('reply', '-')} moves={'>'.join(o['moves']) or '-'}"
            f" rcv.nxt={'-' if gone or last == 'SYN-SENT' else o['RCV.NXT']}"
            f" snd.una={'-' if none else o['SND.UNA']} snd.wnd={'-' if none else o['SND.WND']}"
            f" error={error} urgent={int(o['urgent']) if given['READER'] else 0}"
            f" 2msl={o.get('2msl', 0)} drop={o.get('drop', '-')}"
            f" reads={0 if not given['READER'] else given['UNREAD'] + o.get('reads', 0)} told={told}")


def main():
    rules = Rules()
    if len(sys.argv) < 2 or sys.argv[1] not in rules.given:
        raise SystemExit(__doc__)
    extra = {k: int(v) for k, v in (pair.split("=") for pair in sys.argv[2:])}
    for line, outcome, which, admit in rules.cases(sys.argv[1], extra):
        admitted = f", admitted by {rules.admits[admit].title}" if admit >= 0 else ""
        print(f"{line} | {outcome} | {rules.rules[which].title}{admitted}")


if __name__ == "__main__":
    main()
