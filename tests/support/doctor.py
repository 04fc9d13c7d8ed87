"""Ask `manage.py doctor`."""

import io
import re

from django.core.management import call_command


def doctor_says():
    """Run the command; return its code, and the lines of each part as pairs of state and words."""
    said, code = io.StringIO(), 0
    try:
        call_command("doctor", stdout=said, no_color=True)
    except SystemExit as end:
        code = end.code
    parts = {}
    for line in said.getvalue().splitlines():
        state, part, words = re.fullmatch(r"(\S+) +(\S+) +(.*)", line).groups()
        parts.setdefault(part, []).append((state, words))
    return code, parts
