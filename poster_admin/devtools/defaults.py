"""What `.env.example` says of each variable: for the demo and the tests, which no `.env` shall reach."""

import re
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
# These tell where to serve, and not what.
SERVER = ("HOST", "PORT", "WORKERS", "JOB_WORKERS")


def documented_defaults() -> dict[str, str]:
    """Return every variable with its default as text; it is empty for those that have none."""
    return dict(
        re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
