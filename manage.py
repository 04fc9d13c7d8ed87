#!/usr/bin/env python3
"""Run Django's and the dashboard's own commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError

# Commands of the app poster_admin.devtools, which nothing else installs.
DEVTOOLS = {"demo", "makemessages", "sandbox"}

if __name__ == "__main__":
    command = sys.argv[2:3] if sys.argv[1:2] == ["help"] else sys.argv[1:2]
    if DEVTOOLS & set(command):
        os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.devtools.settings"
        # They keep no secret of a real installation, so they start on a machine that has none.
        os.environ.setdefault("DEBUG", "True")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poster_admin.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit("\n".join(f"Configuration: {line}" for line in str(error).splitlines()))
    except DatabaseError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"The database at DATABASE_URL: {str(error).strip().partition('\n')[0]}")
