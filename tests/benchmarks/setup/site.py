"""Set the dashboard up in this process, for `counted`."""

import django

django.setup()
