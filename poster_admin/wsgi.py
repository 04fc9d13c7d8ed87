"""WSGI application that `asgi.py` serves; any WSGI server behind a buffering proxy can serve it too."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poster_admin.settings")
application = get_wsgi_application()

from groups.services.installation import maintenance  # noqa: E402 - needs the applications above

maintenance.start_in_server()
