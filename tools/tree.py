"""What the checks share: the files of the tree, the folders and who stands on whom, the exceptions.

Each check takes `--root DIR` (default: the tree that the script stands in), so that it can be tested on a bad tree.
"""
import argparse
import fnmatch
import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# DESIGN.md, "Who may include whom". For each folder: the folders whose public header (<folder>/<folder>.h and the
# headers of include/vitro/ that it owns) it may include and whose functions it may call. `base` is every folder's.
BELOW = {
    "base": [],
    "physical": [],
    "link": ["physical"],
    "network": ["link"],
    "transport": ["network"],
    "session": ["transport"],
    "presentation": ["session"],
    "application": ["presentation", "session"],
    "lens": [],
}
FLOORS = ["physical", "link", "network", "transport", "session", "presentation", "application"]
# Those that put things together see every header of what lies below them.
COMPOSERS = {
    "host": FLOORS,
    "lab": [*FLOORS, "host"],
    "plug": [*FLOORS, "host", "lab"],
    "drill": [*FLOORS, "host", "lab", "lens"],
    "cli": [*FLOORS, "host", "lab", "plug", "drill", "lens"],
}
# Folders that ask the operating system for nothing (law 1), apart from the files that the exceptions call `os`.
PURE = ["base", *FLOORS, "host"]


def folders_below(folder):
    """The folders whose functions this one may call, itself and base included."""
    return [folder, "base", *BELOW.get(folder, []), *COMPOSERS.get(folder, [])]


def arguments(doc, more=None):
    """Parses --root and what `more` adds to the parser."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=HOME)
    if more:
        more(parser)
    return parser.parse_args()


def files(root, folders, endings):
    """Paths relative to root, sorted, of the files below the folders with one of the endings."""
    found = []
    for folder in folders:
        for base, subfolders, names in os.walk(os.path.join(root, folder)):
            subfolders[:] = [s for s in subfolders if s not in ("node_modules", "__pycache__") and s[0] != "."]
            found += [os.path.relpath(os.path.join(base, name), root) for name in names if name.endswith(endings)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


class Exceptions:
    """Lines `kind file what reason...` of an exceptions file; one that nothing needs is an error."""

    def __init__(self, root, path, kinds):
        self.path, self.entries, self.errors = path, [], []
        if not os.path.exists(os.path.join(root, path)):
            return
        for number, line in enumerate(read(root, path).splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.split(None, 3)
            if len(fields) < 4:
                self.errors.append(f"{path}:{number}: an exception is `kind file what reason`")
            elif fields[0] in kinds:
                if not os.path.exists(os.path.join(root, fields[1])):
                    self.errors.append(f"{path}:{number}: there is no file {fields[1]}")
                self.entries.append({"kind": fields[0], "file": fields[1], "what": fields[2], "line": number,
                                     "used": False})

    def allow(self, kind, file, what):
        """True when an exception covers this; `what` in the file may be a pattern."""
        for entry in self.entries:
            if entry["kind"] == kind and entry["file"] == file and fnmatch.fnmatchcase(what, entry["what"]):
                entry["used"] = True
                return True
        return False

    def unused(self):
        return self.errors + [f"{self.path}:{entry['line']}: nothing needs this exception any more"
                              for entry in self.entries if not entry["used"]]


def finish(name, errors, summary):
    """Prints the errors or the summary; the exit code."""
    for error in errors:
        print(error)
    print(f"{name}: {len(errors)} to mend" if errors else f"{name}: {summary}")
    sys.exit(1 if errors else 0)
