"""Tests of the core that use a feature as an example, and tests of two features at once."""

import pytest
from django.conf import settings


def with_feature(*labels):
    """Leave a test out of a run in which one of these features is off."""
    off = [label for label in labels if label in settings.FEATURES_OFF]
    return pytest.mark.skipif(bool(off), reason=f"{', '.join(off)} switched off in this run")
