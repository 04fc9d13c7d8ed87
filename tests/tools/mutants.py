"""Break the lines on which clients and money depend, one at a time, and see that a test fails of each.

    .venv/bin/python -m tests.tools.mutants [WORD…]

`mutants.txt` beside this file lists them, four lines each and an empty one: the file, the text as it is, once
in that file, the text that breaks it, and the test that has to fail. Words choose the entries that have one.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.environment import ROOT

LIST = Path(__file__).with_suffix(".txt")


def mutants():
    """Return the entries: path, text, its replacement, test."""
    blocks = LIST.read_text(encoding="utf-8").strip("\n").split("\n\n")
    return [block.split("\n") for block in blocks]


def survives(tree, path, text, replacement, test):
    """Return why a mutant is alive; an empty text if its test fails as it has to."""
    file = tree / path
    source = file.read_text(encoding="utf-8")
    if source.count(text) != 1:
        return f"stands {source.count(text)} times there"
    file.write_text(source.replace(text, replacement), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        *test.split(),
    ]
    try:
        ended = subprocess.run(command, cwd=tree, env=os.environ, capture_output=True, text=True, check=False)
    finally:
        file.write_text(source, encoding="utf-8")
    # 1 says that tests have failed; 2 to 5 that none could be run.
    return "" if ended.returncode == 1 else f"pytest ends with {ended.returncode}"


def main(words):
    """Print each mutant that lives, and end with their number."""
    chosen = [each for each in mutants() if not words or any(word in " ".join(each) for word in words)]
    alive = 0
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        subprocess.run(["git", "checkout-index", "-a", f"--prefix={tree}/"], cwd=ROOT, check=True)
        for path, text, replacement, test in chosen:
            why = survives(tree, path, text, replacement, test)
            alive += bool(why)
            print(f"{f'ALIVE ({why})' if why else 'killed'}: {path}: {text.strip()}", flush=True)
    print(f"{len(chosen)} mutants, {alive} alive")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
