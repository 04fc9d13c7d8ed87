"""Turn errors and counts into words for users: no codes, always with a next step.

The words for the state of a change are in `groups.presenters.changes`, those of a job in
`groups.presenters.jobs`, those for a value in `groups.services.values`.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from groups.poster import (
    ErrorReason,
    InvalidResponse,
    InvalidValue,
    NameTaken,
    NotAllowed,
    NotFound,
    PosterError,
    Refused,
    TokenRejected,
    Unreachable,
)


@dataclass(frozen=True, slots=True)
class Message:
    """A title, the event, the next step, and Poster's own message if there is one."""

    title: str
    text: str
    next_step: str = ""
    details: str = ""


type Toast = dict[str, Any]
"""One line for the user's next page, for `components/messages.html`."""
NOTICES = {"differs": "differs", "unknown": "unknown", "error": "error", "warning": "error"}


def toast(text: str, level: str, *, state: str = "", **more: str) -> Toast:
    """Return a message about the last action, ready to print.

    `state` and `change_id` are those of the change that it tells of. `undo_url` takes a change or a job back
    by one click, by the button `undo_label`; `way_url` leads to a page, by the button `way_label`.
    """
    notice = NOTICES.get(state) or NOTICES.get(level, "success")
    icon = {"success": "check", "info": "info"}.get(level, "alert")
    return {"text": text, "notice": notice, "icon": icon, "state": state, "group_id": "", **more}


def names_words(name: str, asked_by: str) -> str:
    return _("%(name)s, for %(asker)s") % {"name": name, "asker": asked_by} if asked_by else name


def error_words(error: PosterError) -> Message:  # noqa: C901, PLR0912 - one arm a meaning is the clearest form
    details = error.message if isinstance(error, Refused) else ""
    match error:
        case TokenRejected(reason=ErrorReason.UNREADABLE):
            return Message(
                _("The stored token cannot be read"),
                _("The key that opens it is no longer there, so Poster was not asked."),
                _("Enter the token again on the account page."),
            )
        case TokenRejected(reason=ErrorReason.OTHER_ACCOUNT):
            return Message(
                _("This token is not known to be of this account"),
                _("Poster names another company for it, or none."),
                _("Enter the account that the token was made in."),
            )
        case TokenRejected():
            return Message(
                _("Poster no longer accepts your token"),
                _("It was withdrawn, has expired, or belongs to another account."),
                _("Connect the account again with a new token."),
                details,
            )
        case NotAllowed(code=700):
            return Message(
                _("Your Poster plan does not allow this"),
                _("Poster says that the tariff plan of the account does not include it."),
                _("Ask the owner of the Poster account about the plan."),
                details,
            )
        case NotAllowed(code=503):
            return Message(
                _("The Poster account is archived"),
                _("Poster does not answer for archived accounts."),
                _("Ask Poster to open the account again."),
                details,
            )
        case NotAllowed():
            return Message(
                _("Your token may not do this"),
                _("Poster knows the token, but its rights do not cover what was asked for."),
                _("Ask the owner of the Poster account for a token with the right to the clients section."),
                details,
            )
        case NotFound():
            return Message(
                _("The group is no longer there"),
                _("Poster has no such group in this account."),
                _("Go back to the list of groups."),
                details,
            )
        case NameTaken():
            return Message(_("A group with this name exists"), _("Choose another name."), "", details)
        case InvalidValue():
            return Message(
                _("Poster does not take these values"),
                _("Nothing was changed."),
                _("Compare the values with what Poster says below, and change them."),
                details,
            )
        case Unreachable(reason=ErrorReason.CERTIFICATE):
            return Message(
                _("The connection to Poster is not secure"),
                _("The certificate that answered is not Poster's, so nothing was sent."),
                _("Tell your network administrator."),
            )
        case Unreachable(reason=ErrorReason.PROXY):
            return Message(
                _("The proxy does not lead to Poster"),
                _("Your company's proxy opened no connection to Poster, so nothing was sent."),
                _("Tell your network administrator."),
            )
        case Unreachable(reason=ErrorReason.NAME_NOT_FOUND):
            return Message(
                _("Poster was not found"),
                _("There is no server of this name, so nothing was sent."),
                _("Check the name of the account, and the network."),
            )
        case Unreachable(reason=ErrorReason.BUSY):
            return Message(
                _("Too many are asking at once"),
                _("Enough pages are waiting already, for Poster or for a file. Nothing was sent."),
                _("Try again in a minute."),
            )
        case (
            Unreachable()
            | InvalidResponse(
                reason=ErrorReason.HTTP_500
                | ErrorReason.HTTP_502
                | ErrorReason.HTTP_503
                | ErrorReason.HTTP_504
            )
        ):
            is_of_clients = error.method.startswith("clients.getClient")
            return Message(
                _("Poster does not answer"),
                _("This may last a moment. Nothing is lost; the clients could not be loaded.")
                if is_of_clients
                else _("This may last a moment. Nothing is lost; what you asked for could not be loaded."),
                _("Try again in a minute."),
            )
        case InvalidResponse(reason=ErrorReason.BUSY):
            return Message(
                _("Poster asks us to wait"),
                _("It has too many requests at the moment."),
                _("Try again in a few minutes."),
            )
        case InvalidResponse(reason=ErrorReason.MOVING):
            return Message(
                _("The list changed while it was being read"),
                _("Somebody came into the group or left it, so clients could be missing or doubled."),
                _("Try again in a minute."),
            )
        case Refused():
            return Message(
                _("Poster refused"),
                _("It gave a reason that this program does not know: code %(code)s.") % {"code": error.code},
                _("If it happens again, tell Poster's support the code."),
                details,
            )
        case _:
            return Message(
                _("Poster's answer makes no sense"),
                _("Something came back that is not an answer of Poster's, so nothing is shown."),
                _("Try again in a minute. If it stays like this, tell your network administrator."),
            )


def connect_error_words(error: PosterError) -> Message:
    """Return the message for an error of Poster while a token is tried, which may be a new one."""
    if isinstance(error, TokenRejected) and error.reason != ErrorReason.OTHER_ACCOUNT:
        return Message(
            _("Poster does not accept this token"),
            _("It may be incomplete, of another account, withdrawn or expired."),
        )
    return error_words(error)


def not_recorded_words() -> Message:
    return Message(
        _("The change was not made"),
        _("It could not be written into the history, so nothing was sent to Poster."),
        _("Tell the administrator of this server, and try again later."),
    )


def reused_words() -> Message:
    return Message(
        _("This form was sent before"),
        _("Nothing was sent."),
        _(
            "The same form was sent once already, with other values. "
            "Open the group and look at what it has now."
        ),
    )


def bonus_blocked_words() -> str:
    return _(
        "Birthday bonuses of this account came back multiplied or divided by 100. "
        "An owner has to set their unit on the account page first."
    )


def not_counted_words(error: PosterError) -> Message:
    text = _("The clients that it would reach could not be counted.")
    return because_of(error, _("Nothing was changed"), text)


def not_proven_words(error: PosterError) -> Message:
    text = _("Poster counts nobody in it, but that may be late, and it did not tell who is in the group.")
    return because_of(error, _("It is not proven that the group is empty"), text)


def because_of(error: PosterError, title: str, text: str) -> Message:
    words = error_words(error)
    return Message(title, f"{text} {words.title}.", words.next_step, words.details)
