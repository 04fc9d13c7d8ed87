"""WSGI application that `asgi.py` serves; any WSGI server behind a buffering proxy can serve it too."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poster_admin.settings")
application = get_wsgi_application()

from groups.services.installation import maintenance  # noqa: E402 - needs the applications above
from groups.services.writes.execute import catch_up  # noqa: E402 - as above

# Store what could not be stored when a change was sent.
maintenance.start("catch up", catch_up, maintenance.LOOK_AFTER_EVERY)
