"""`make bench`: the benchmark that is named first, or else how fast the dashboard is."""

import importlib
import sys
from pathlib import Path

NAMES = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if "def main(" in path.read_text(encoding="utf-8") and not path.stem.startswith("_")
)

if __name__ == "__main__":
    name, *rest = sys.argv[1:] or ["table"]
    if name not in NAMES:
        name, rest = "table", sys.argv[1:]
    sys.exit(importlib.import_module(f"tests.benchmarks.{name}").main(rest))
