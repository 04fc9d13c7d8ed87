"""Find tokens in exceptions and log records."""

import logging
import re
import traceback

from tests.support.environment import ROOT

_DIGITS = re.compile("[0-9a-fA-F]{32}")
_OURS = str(ROOT / "groups" / "poster")


class Ear(logging.Handler):
    """Keep log records as they would be printed, with their arguments."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self._formatter = logging.Formatter("%(name)s %(message)s")

    def emit(self, record):
        self.lines.append(f"{self._formatter.format(record)} {record.args!r}")


def assert_masked(text):
    assert not _DIGITS.search(text), "a token is in the text"


def assert_silent(error):
    """Assert that an error does not reveal the token: in its message, its frames, or its cause."""
    assert error.__cause__ is None
    assert error.__context__ is None
    assert_masked(f"{error} {error!r} {error.args!r} {vars(error)!r}")
    assert_masked("".join(traceback.format_exception(error)))
    for frame, _ in traceback.walk_tb(error.__traceback__):
        # The frames of the test itself hold the token legitimately.
        if frame.f_code.co_filename.startswith(_OURS):
            assert_masked(repr(frame.f_locals))
