"""Time-outs of a Poster client in tests."""

from groups.poster import Timeouts

AT_ONCE = (0.0, 0.0)
"""No pause before a second attempt: one test covers the pause."""
TIMEOUTS = Timeouts(connect=2, read=4, read_deadline=8, write_deadline=8, pause=AT_ONCE)
