"""The settings of the site, with the page that the others are measured against."""

from poster_admin.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.floor"
