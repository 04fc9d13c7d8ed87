#!/usr/bin/env python3
"""Run Django's and the dashboard's own commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

# These two keep no secret of a real installation, so they start on a machine that has none.
WITHOUT_SECRETS = {"demo", "sandbox"}

if __name__ == "__main__":
    if WITHOUT_SECRETS & set(sys.argv[1:2]):
        os.environ.setdefault("DEBUG", "True")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poster_admin.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit("\n".join(f"Configuration: {line}" for line in str(error).splitlines()))
    except OperationalError as error:
        sys.exit(f"The database at DATABASE_URL: {str(error).strip().partition('\n')[0]}")
