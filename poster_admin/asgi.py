"""ASGI application that granian serves: receive requests in an event loop, answer them in threads."""

from poster_admin.common.serving.child import end_with_server
from poster_admin.common.serving.threaded import ThreadedApplication
from poster_admin.wsgi import application as wsgi_application

end_with_server()
application = ThreadedApplication(wsgi_application)
