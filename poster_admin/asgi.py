"""The ASGI application that granian serves: the WSGI application, behind a loop that receives requests."""

from poster_admin.common.threaded import ThreadedApplication
from poster_admin.wsgi import application as wsgi_application

application = ThreadedApplication(wsgi_application)
