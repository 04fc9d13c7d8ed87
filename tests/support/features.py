"""Tests of two features at once."""

import pytest
from django.conf import settings


def with_feature(label):
    """Leave tests of one feature that need another one too out of a run in which that one is off."""
    return pytest.mark.skipif(label in settings.FEATURES_OFF, reason=f"{label} is switched off in this run")
