"""Prepare Django for the tests. Pytest loads this module first."""

import gc
import os
from collections.abc import Generator

import pytest

from tests.support import environment, pairwise
from tests.support.undefined import Undefined


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Change the few settings that make tests slow, or require a build first, before Django takes them."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.settings"
    from django.conf import settings

    settings.INSTALLED_APPS = ["tests.support.database", *settings.INSTALLED_APPS]
    # Pytest shows the log of a test that fails; each line would be formatted a second time.
    settings.LOGGING["root"]["handlers"] = []
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = Undefined()
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    # The tests of the client cover its pauses. There are as many looks as in production.
    settings.POSTER_RETRY_PAUSE, settings.POSTER_READ_PAUSES = (0.0, 0.0), (0.0, 0.05, 0.05)
    # A job asks again at once; it ends as in production, when Poster answers or JOB_MAX_WAIT is over.
    settings.JOB_RETRY_PAUSES, settings.JOB_READ_PAUSE = (0.01,), 0.0
    if not environment.ON_SERVICES:
        settings.DATABASES["default"]["OPTIONS"]["init_command"] += environment.UNSYNCED
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Let few cases of a full product be collected where the run leaves the others out."""
    pairwise.takes_all = "not thorough" not in config.getoption("markexpr")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Leave the thousands of tests out of the search for garbage: they are there until the end."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
