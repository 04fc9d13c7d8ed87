"""ASGI application that granian serves: receive requests in an event loop, answer them in threads."""

from poster_admin.common.serving.threaded import ThreadedApplication
from poster_admin.wsgi import application as wsgi_application

application = ThreadedApplication(wsgi_application)
