"""Run a mail server with TLS that asks for a name and a password, and let EMAIL_URL lead to it."""

import email
import email.policy
import threading
from contextlib import contextmanager

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult

from poster_admin.env import mailer
from tests.support.company import Authority
from tests.support.ports import free_port


class Inbox(Message):
    """Keep the mail that a server takes, parsed. `refuses` makes it refuse each mail, or its address."""

    def __init__(self):
        super().__init__()
        self.mail = []
        self.refuses = ""
        self.goes_on = threading.Event()
        self.goes_on.set()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd names it so
        if self.refuses == "the address":
            return f"550 {address} is nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as above
        if self.refuses == "the mail":
            return "451 try again later"
        return await super().handle_DATA(server, session, envelope)

    def handle_message(self, message):
        self.goes_on.wait(5)
        self.mail.append(email.message_from_bytes(message.as_bytes(), policy=email.policy.default))


@contextmanager
def mail_server(settings, folder, monkeypatch):
    """Yield the inbox of a server to which the settings lead."""
    inbox, authority = Inbox(), Authority(folder)

    def authenticate(_server, _session, _envelope, _mechanism, data):
        is_right = (data.login, data.password) == (b"loyalty", b"p@ss/w#rd")
        return AuthResult(success=is_right, handled=False)  # the server itself answers a wrong password

    server = Controller(
        inbox,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=authenticate,
        auth_required=True,
        tls_context=authority.server("127.0.0.1"),
        require_starttls=True,
    )
    server.start()
    # Django trusts the authorities of the machine.
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    address = f"smtp+tls://loyalty:p%40ss%2Fw%23rd@127.0.0.1:{server.port}"
    settings.MAILERS = {"default": mailer(address, plain=False)}
    settings.EMAIL_ENABLED = True
    settings.DEFAULT_FROM_EMAIL = "loyalty@example.com"
    yield inbox
    server.stop()
