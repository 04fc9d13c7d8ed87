"""Set the webhook of an account, and send notices to it: one signed POST with JSON.

The signature is that of https://www.standardwebhooks.com, for which there are libraries. One time limit
bounds the whole exchange, whatever the receiver does, and the body of the answer is not read. The name is
looked up before that, for as long as the system's resolver takes; a page that saves or tries the webhook
waits for both.
"""

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import time
from contextlib import suppress
from datetime import UTC
from functools import cache
from typing import Any

import certifi
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.text import Truncator

from groups.features.notices.models import Delivery, Notice, SendFailed, Webhook
from groups.features.notices.services import addresses
from groups.features.notices.services.addresses import AddressRefused, Refusal, Target
from groups.features.notices.services.outbox import SET_WEBHOOK
from groups.models import PosterAccount, PosterCredentials
from groups.poster.bounded import BoundedSession, NotConnected, end_at
from groups.poster.errors import ErrorReason
from groups.poster.transport import ERRORS, classify
from groups.services.events import event_sources
from poster_admin.common.encryption import Secret, SecretUnreadable
from poster_admin.common.pages import link
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

# Seconds for the whole exchange, from the connection to the status.
DEADLINE = 10.0
# Chat services take no longer text: Telegram 4,096 signs.
LONGEST_TEXT = 3500
PREFIX = "whsec_"
Failure = Delivery.Failure
# Any other error is of a receiver that does not speak HTTP.
FAILURES: dict[str, Delivery.Failure] = {
    ErrorReason.REFUSED: Failure.UNREACHABLE,
    ErrorReason.CONNECT_TIMEOUT: Failure.TIMEOUT,
    ErrorReason.TIMEOUT: Failure.TIMEOUT,
    ErrorReason.CERTIFICATE: Failure.CERTIFICATE,
    ErrorReason.TLS: Failure.TLS,
}
# Signs that turn the direction of the text around them, and could show a name that is not there.
_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)
_SIGNS = str.maketrans({"<": "‹", ">": "›", "@": "＠"} | dict.fromkeys(map(chr, _TURNING)))


# --- Set it ------------------------------------------------------------------------------------------------


def webhook_of(credentials: PosterCredentials) -> Webhook | None:
    """Return the webhook of an account, also one that nothing is sent to."""
    return Webhook.objects.select_related("credentials__user").filter(account=credentials.account_id).first()


def last_try(webhook: Webhook) -> Delivery | None:
    """Return the message that was tried last, or None."""
    return webhook.deliveries.filter(tried_at__isnull=False).order_by("-tried_at").first()


def save_webhook(credentials: PosterCredentials, *, address: str, kinds: list[str]) -> str:
    """Set the address and the kinds, and return the new secret; without an address keep the present one.

    A new address has a new key and a new secret. Notices that wait for the old one are deleted, and the
    new one is notified of nothing older than itself. The secret is empty if the address is kept; then a
    new kind is told from now on, one that was chosen goes on, and of another one nothing more is sent.
    Raises `PermissionDenied` and `AddressRefused`.
    """
    _check_right(credentials)
    values: dict[str, Any] = {}
    if address:
        target = addresses.parse_address(address)
        addresses.resolve_target(target)
        values = {"address": Secret(address), "shown": target.shown[:255]}
    now, secret = timezone.now().isoformat(), ""
    with transaction.atomic():
        present = _locked(credentials)
        if not values and present is None:
            raise AddressRefused(Refusal.FORM)  # it was removed while the form was open
        # The form does not show the kinds of a feature that is switched off: they stay as they were chosen.
        offered = {source.kind for source in event_sources}
        told = [*kinds, *(kind for kind in (present.kinds if present else ()) if kind not in offered)]
        if present and not values:
            present.credentials = credentials
            present.kinds = {kind: present.kinds.get(kind, now) for kind in told}
            present.save(update_fields=["credentials", "kinds"])
            present.notices.waiting().exclude(kind__in=told).delete()
        else:
            if present:
                present.delete()
            secret = _new_secret()
            Webhook.objects.create(
                account_id=credentials.account_id,
                credentials=credentials,
                kinds=dict.fromkeys(told, now),
                secret=Secret(secret),
                **values,
            )
    shown = [values["shown"]] if values else []
    record(
        Event.WEBHOOK_SET, user=credentials.user, detail=", ".join([credentials.account_id, *kinds, *shown])
    )
    return secret


def _locked(credentials: PosterCredentials) -> Webhook | None:
    """Return the webhook of an account; until the transaction ends nobody sets it or writes notices for it.

    The account is locked too, since there may be no webhook yet.
    """
    PosterAccount.objects.select_for_update(no_key=True).get(pk=credentials.account_id)
    return Webhook.objects.select_for_update().filter(account=credentials.account_id).first()


def count_waiting(webhook: Webhook) -> int:
    """Count the notices that the webhook has not got yet, and still gets."""
    return webhook.notices.waiting().count()


def renew_secret(credentials: PosterCredentials, *, key: str = "") -> str:
    """Give the webhook another secret, and return it; empty if there is none, or none with this key."""
    _check_right(credentials)
    secret = _new_secret()
    meant = {"account": credentials.account_id} | ({"key": key} if key else {})
    if not Webhook.objects.filter(**meant).update(secret=Secret(secret)):
        return ""
    record(Event.WEBHOOK_SET, user=credentials.user, detail=f"{credentials.account_id}, secret")
    return secret


def remove_webhook(credentials: PosterCredentials, *, key: str = "") -> bool:
    """Forget the webhook, with the notices that wait for it.

    Return False, and keep it, if it has another key than this one.
    """
    _check_right(credentials)
    with transaction.atomic():
        if webhook := _locked(credentials):
            if key not in ("", webhook.key):
                return False
            webhook.delete()
    record(Event.WEBHOOK_REMOVED, user=credentials.user, detail=credentials.account_id)
    return True


def _check_right(credentials: PosterCredentials) -> None:
    if not credentials.user.has_perm(SET_WEBHOOK):
        raise PermissionDenied


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


# --- Send --------------------------------------------------------------------------------------------------


def send_request(delivery: Delivery, notices: list[Notice]) -> None:
    """Send one request with all notices. Raises `SendFailed` unless the receiver answers with 2xx."""
    webhook = delivery.webhook
    if webhook is None:
        raise SendFailed(Failure.ADDRESS)
    try:
        address, secret = webhook.address.reveal(), webhook.secret.reveal()
    except SecretUnreadable:
        raise SendFailed(Failure.SECRET) from None
    try:
        target = addresses.parse_address(address)
        network_addresses = addresses.resolve_target(target)
    except AddressRefused as refused:
        is_unknown = refused.reason == Refusal.NO_NAME
        raise SendFailed(Failure.NO_NAME if is_unknown else Failure.ADDRESS) from None
    body = payload(delivery, notices)
    message_id, timestamp = str(delivery.pk), str(int(timezone.now().timestamp()))
    headers = {
        "Host": target.authority,
        "User-Agent": "Poster-Admin",
        "Content-Type": "application/json; charset=utf-8",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(secret, message_id, timestamp, body),
        "Connection": "close",
    }
    status = _exchange(target, network_addresses, headers, body)
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


def without_markup(text: str) -> str:
    """Return a text that mentions nobody, and in which no words hide a link.

    Anybody who edits a group chooses its name. Slack reads `<!channel>` and `<https://…|words>`, Mattermost,
    Discord and Teams `[words](https://…)`, most of them `@name`, and a relay may pass a text on to any of
    them. So the signs are replaced by others that look alike and that none of them reads.
    """
    return text.translate(_SIGNS).replace("](", "] (").replace("://", ": //")


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature: HMAC-SHA256 over id, time and body, in base64 behind its version."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _exchange(target: Target, network_addresses: list[str], headers: dict[str, str], body: bytes) -> int:
    """Send the request to the first of the checked addresses that takes it, and return the status.

    Nothing is sent before a connection is made, so the next one is tried after any failure to make one; the
    failure of the last one is told. Raises `SendFailed`.
    """
    end_at(time.monotonic() + DEADLINE)
    *others, last = network_addresses
    try:
        for address in others:
            with suppress(NotConnected):
                connect = DEADLINE / len(network_addresses) / 2
                return _post(target, address, headers, body, connect=connect)
        return _post(target, last, headers, body, connect=DEADLINE)
    except ERRORS as error:
        failure = FAILURES.get(classify(error).reason, Failure.NO_HTTP)
    raise SendFailed(failure)


def _post(target: Target, address: str, headers: dict[str, str], body: bytes, *, connect: float) -> int:
    """Send the request to one network address, as to the name of the target, and return the status.

    `connect` is the time for the connection, and the same again for TLS.
    """
    host = f"[{address}]" if ":" in address else address
    with (
        BoundedSession(_tls(), server_name=target.host) as session,
        session.post(
            f"{target.scheme}://{host}:{target.port}{target.path}",
            data=body,
            headers=headers,
            timeout=(connect, DEADLINE),
            allow_redirects=False,
            stream=True,
        ) as answer,
    ):
        return answer.status_code


@cache
def _tls() -> ssl.SSLContext:
    """Trust the authorities of this machine, for a receiver of the company, and those of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
