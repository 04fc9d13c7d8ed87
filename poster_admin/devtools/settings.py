"""The settings of the site with this app installed, for `manage.py sandbox` and `manage.py demo`."""

from poster_admin.settings import *  # noqa: F403
from poster_admin.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "poster_admin.devtools"]
