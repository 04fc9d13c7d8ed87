"""Defaults of all variables, read from `.env.example`, for the demo and the tests, which ignore `.env`."""

import re
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
# Variables of the server's address and processes: the demo takes them from its own environment.
SERVER = ("HOST", "PORT", "WORKERS", "JOB_WORKERS")


def documented_defaults() -> dict[str, str]:
    """Return the default of each variable as text, empty where there is none."""
    return dict(
        re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
