#!/usr/bin/env python3
"""The rules of the house that no other tool checks. Prints one line per breach; exit code 1 if there is any."""
import pathlib
import re
import subprocess
import sys

MOST_LINES = 800
SOURCE = {".cpp", ".h", ".c", ".td", ".py", ".cmake"}
# Folder → folders that it may not include from: the arrows of docs/architecture.md, read upwards.
ABOVE = {
    "dialects": ("frontends", "passes", "codegen", "tools"),
    "frontends": ("passes", "codegen", "tools"),
    "passes": ("frontends", "codegen", "tools"),
    "codegen": ("frontends", "passes", "tools"),
    "runtime": ("frontends", "dialects", "passes", "codegen", "tools", "mlir", "llvm"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<](?:smelt/)?(\w+)/')
# Paths that exist on one machine only. Written in pieces, so that this file does not break its own rule.
MACHINE_PATH = re.compile(r"(?<![\w.$})-])/(?:" + "|".join(("home", "root", "work", "Users")) + r")/\w")
MARK = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
FOLDERS = ("frontends", "dialects", "passes", "codegen", "runtime", "tools", "test")


def breaches(path):
    try:
        lines = path.read_text().splitlines()
    except (UnicodeDecodeError, FileNotFoundError):  # data, or removed and not yet committed
        return
    source = path.suffix in SOURCE or path.name == "CMakeLists.txt"
    if source and len(lines) > MOST_LINES:
        yield f"{path}: {len(lines)} lines, more than {MOST_LINES}; along which idea does it split?"
    above = ABOVE.get(path.parts[0], ())
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if include and include[1] in above:
            yield f"{path}:{number}: includes from {include[1]}/, which lies above {path.parts[0]}/"
        if MACHINE_PATH.search(line):
            yield f"{path}:{number}: a path of one machine"
        if source and MARK.search(line):
            yield f"{path}:{number}: a mark of unfinished work; finish it, or open an issue"


def main():
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [line for name in sorted(filter(None, listed.split("\0"))) for line in breaches(pathlib.Path(name))]
    found += [f"{folder}/: no README.md that says what the folder is for" for folder in FOLDERS if not pathlib.Path(folder, "README.md").exists()]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
