"""Set the webhook of an account, and send notices to it: one signed POST with JSON.

The signature is that of https://www.standardwebhooks.com, for which there are libraries. asyncio bounds the
whole exchange by one time limit, whatever the receiver does, and of the answer only the status is read. The
name is looked up before that, for as long as the system's resolver takes; a page that saves or tries the
webhook waits for both.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import ssl
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any

import certifi
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.text import Truncator

from groups.models import Delivery, Notice, PosterAccount, PosterCredentials, Webhook
from groups.services.notices import addresses
from groups.services.notices.addresses import AddressRefused, Refusal, Target
from groups.services.notices.failures import SendFailed
from groups.services.notices.markup import without_markup
from groups.services.notices.outbox import WEBHOOK_RIGHT
from poster_admin.common.encryption import Secret, SecretUnreadable
from poster_admin.common.pages import link
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Seconds for the whole exchange, from the connection to the status.
DEADLINE = 10.0
# Bytes of one line of the answer, and lines before its status.
LONGEST_LINE = 4096
MOST_LINES = 100
# Chat services take no longer text: Telegram 4,096 signs.
LONGEST_TEXT = 3500
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})\b")
PREFIX = "whsec_"
Failure = Delivery.Failure


# --- Set it ------------------------------------------------------------------------------------------------


def webhook_of(credentials: PosterCredentials) -> Webhook | None:
    """Return the webhook of an account, also one that nothing is sent to."""
    return Webhook.objects.select_related("credentials__user").filter(account=credentials.account_id).first()


def last_try(webhook: Webhook) -> Delivery | None:
    """Return the message that was tried last, or None."""
    return webhook.deliveries.filter(tried_at__isnull=False).order_by("-tried_at").first()


def save(*, user: "User", credentials: PosterCredentials, address: str, kinds: list[str]) -> str:
    """Set the address and the kinds, and return the new secret; without an address keep the present one.

    A new address has a new key and a new secret. What waits for the old one is deleted, and the new one is
    told of nothing older than itself. The secret is empty if the address is kept; then a new kind is told
    from now on, one that was chosen goes on.
    Raises `PermissionDenied` and `AddressRefused`.
    """
    _check_right(user)
    values: dict[str, Any] = {}
    if address:
        target = addresses.parse(address)
        addresses.resolve(target)
        values = {"address": Secret(address), "shown": target.shown[:255]}
    with transaction.atomic():
        secret = _store(credentials, values, kinds)
    shown = [values["shown"]] if values else []
    record(Event.WEBHOOK_SET, user=user, detail=", ".join([credentials.account_id, *kinds, *shown]))
    return secret


def _store(credentials: PosterCredentials, values: dict[str, Any], kinds: list[str]) -> str:
    """Store a new address, or other kinds for the present one; return the secret of a new one."""
    now = timezone.now().isoformat()
    present = _locked(credentials)
    if not values and present is None:
        raise AddressRefused(Refusal.FORM)  # it was removed while the form was open
    if present and not values:
        present.credentials = credentials
        present.kinds = {kind: present.kinds.get(kind, now) for kind in kinds}
        present.save(update_fields=["credentials", "kinds"])
        return ""
    if present:
        present.delete()
    secret = _new_secret()
    times = dict.fromkeys(kinds, now)
    Webhook.objects.create(
        account_id=credentials.account_id,
        credentials=credentials,
        kinds=times,
        secret=Secret(secret),
        **values,
    )
    return secret


def _locked(credentials: PosterCredentials) -> Webhook | None:
    """Return the webhook of an account; until the transaction ends nobody sets it or writes notices for it.

    The account is locked too, since there may be no webhook yet.
    """
    PosterAccount.objects.select_for_update(no_key=True).get(pk=credentials.account_id)
    return Webhook.objects.select_for_update().filter(account=credentials.account_id).first()


def renew_secret(*, user: "User", credentials: PosterCredentials) -> str:
    """Give the webhook another secret, and return it; empty if there is no webhook."""
    _check_right(user)
    secret = _new_secret()
    if not Webhook.objects.filter(account=credentials.account_id).update(secret=Secret(secret)):
        return ""
    record(Event.WEBHOOK_SET, user=user, detail=f"{credentials.account_id}, secret")
    return secret


def remove(*, user: "User", credentials: PosterCredentials) -> None:
    """Forget the webhook, with the notices that wait for it."""
    _check_right(user)
    with transaction.atomic():
        if webhook := _locked(credentials):
            webhook.delete()
    record(Event.WEBHOOK_REMOVED, user=user, detail=credentials.account_id)


def _check_right(user: "User") -> None:
    if not user.has_perm(WEBHOOK_RIGHT):
        raise PermissionDenied


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


# --- Send --------------------------------------------------------------------------------------------------


def send(delivery: Delivery, notices: list[Notice]) -> None:
    """Send one request with all notices. Raises `SendFailed` unless the receiver answers with 2xx."""
    webhook = delivery.webhook
    if webhook is None:
        raise SendFailed(Failure.ADDRESS)
    try:
        address, secret = webhook.address.reveal(), webhook.secret.reveal()
    except SecretUnreadable:
        raise SendFailed(Failure.SECRET) from None
    try:
        target = addresses.parse(address)
        places = addresses.resolve(target)
    except AddressRefused as refused:
        is_unknown = refused.reason == Refusal.NO_NAME
        raise SendFailed(Failure.NO_NAME if is_unknown else Failure.ADDRESS) from None
    status = _exchange(target, places, _request(target, str(delivery.pk), payload(delivery, notices), secret))
    if 300 <= status < 400:
        raise SendFailed(Failure.REDIRECT, status)
    if not 200 <= status < 300:
        raise SendFailed(Failure.STATUS, status)


def payload(delivery: Delivery, notices: list[Notice]) -> bytes:
    """Return the body; `text` has all notices in words, as chat services want it."""
    told = [
        {
            "id": str(notice.pk),
            "kind": notice.kind,
            "at": notice.at.astimezone(UTC).isoformat(),
            "text": without_markup(notice.text),
            "url": link(notice.path),
        }
        for notice in notices
    ]
    words = ["\n".join(filter(None, (each["text"], each["url"]))) for each in told]
    data = {
        "id": str(delivery.pk),
        "account": notices[0].account_id,
        "text": Truncator("\n\n".join(words)).chars(LONGEST_TEXT),
        "notices": told,
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature: HMAC-SHA256 over id, time and body, in base64 behind its version."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _request(target: Target, message_id: str, body: bytes, secret: str) -> bytes:
    timestamp = str(int(timezone.now().timestamp()))
    head = (
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: Poster-Admin",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"webhook-id: {message_id}",
        f"webhook-timestamp: {timestamp}",
        f"webhook-signature: {sign(secret, message_id, timestamp, body)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def _exchange(target: Target, places: list[str], request: bytes) -> int:
    """Send the request, and return the status of the answer. Raises `SendFailed`."""
    try:
        return asyncio.run(_send_within(target, places, request))
    except TimeoutError:
        failure = Failure.TIMEOUT
    except ssl.SSLCertVerificationError:
        failure = Failure.CERTIFICATE
    except ssl.SSLError:
        failure = Failure.TLS
    except ConnectionRefusedError:
        failure = Failure.UNREACHABLE
    except (ValueError, ConnectionError, EOFError):
        failure = Failure.NO_HTTP
    except OSError:
        failure = Failure.UNREACHABLE
    raise SendFailed(failure)


async def _send_within(target: Target, places: list[str], request: bytes) -> int:
    async with asyncio.timeout(DEADLINE):
        reader, writer = await _connect(target, places)
        try:
            writer.write(request)
            await writer.drain()
            return await _status(reader)
        finally:
            # Close at once: the rest of the answer is not wanted, however long it is.
            writer.transport.abort()


async def _connect(target: Target, places: list[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first of the checked addresses that takes it; TLS asks for the name of the target.

    Each of them has its part of the time. Nothing is sent before, so the next one is tried after any failure;
    the failure of the last one is told.
    """
    tls: dict[str, Any] = {"ssl": _tls(), "server_hostname": target.host} if target.has_tls else {}
    *others, last = places
    for place in others:
        try:
            async with asyncio.timeout(DEADLINE / len(places)):
                return await asyncio.open_connection(place, target.port, limit=LONGEST_LINE, **tls)
        except OSError:  # a time-out and a certificate that is not accepted too
            continue
    return await asyncio.open_connection(last, target.port, limit=LONGEST_LINE, **tls)


async def _status(reader: asyncio.StreamReader) -> int:
    """Return the status of the answer, after those that only say that the request goes on (1xx)."""
    is_head = False
    for _line in range(MOST_LINES):
        line = await reader.readline()
        if not line:
            raise EOFError
        if is_head:
            is_head = bool(line.strip())
            continue
        if not (found := STATUS_LINE.match(line)):
            raise ValueError("not the status of a web server")
        if (status := int(found[1])) >= 200:
            return status
        is_head = True
    raise ValueError("no status")


@cache
def _tls() -> ssl.SSLContext:
    """Trust the authorities of this machine, for a receiver of the company, and those of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
