"""The settings of the site, with constants that the environment of a test may change."""

import os

from poster_admin import settings as site
from poster_admin.settings import *  # noqa: F403

for _name in (
    "POSTER_GRACE_SECONDS",
    "POSTER_SETTLE_SECONDS",
    "POSTER_CONFIRM_SECONDS",
    "POSTER_LAG_SECONDS",
    "POSTER_MAX_CONCURRENCY",
    "JOB_LEASE_SECONDS",
    "TELEGRAM_URL",
):
    if _name in os.environ:
        globals()[_name] = type(getattr(site, _name))(os.environ[_name])
