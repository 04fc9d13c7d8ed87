"""Put errors and locks into words for users: no codes, always with a next step."""

from dataclasses import dataclass, replace
from functools import singledispatch

from django.utils.translation import gettext as _

from groups.models import Change, Holder, Job
from groups.poster import (
    ErrorReason,
    InvalidResponse,
    InvalidValue,
    NameTaken,
    NotAllowed,
    NotFound,
    PosterError,
    PosterRefused,
    TokenRejected,
    Unreachable,
)
from groups.services.values import moment_words


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    text: str
    next_step: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class HolderNotice(Message):
    """The notice about the holder of a lock, for `components/holder.html`.

    `url` leads to the holder, with the words `label`. `kind` is its `data-notice` where nothing was requested
    yet. `is_short` is True if the holder will be gone soon, so that the same form can be sent again.
    """

    url: str = ""
    label: str = ""
    kind: str = "conflict"
    mark: str = "lock"
    is_short: bool = False


def error_words(error: PosterError) -> Message:  # noqa: C901, PLR0912 - one arm a meaning is the clearest form
    match error:
        case TokenRejected(reason=ErrorReason.UNREADABLE):
            words = Message(
                _("The stored token cannot be read"),
                _("The key that opens it is no longer there, so Poster was not called."),
                _("Enter the token again on the account page."),
            )
        case TokenRejected(reason=ErrorReason.OTHER_ACCOUNT):
            words = Message(
                _("This token is not known to be of this account"),
                _("Poster names another company for it, or none."),
                _("Enter the account that the token was made in."),
            )
        case TokenRejected():
            words = Message(
                _("Poster no longer accepts your token"),
                _("It was withdrawn, has expired, or belongs to another account."),
                _("Connect the account again with a new token."),
            )
        case NotAllowed(code=700):
            words = Message(
                _("Your Poster plan does not allow this"),
                _("Poster says that the tariff plan of the account does not include it."),
                _("Ask the owner of the Poster account about the plan."),
            )
        case NotAllowed(code=503):
            words = Message(
                _("The Poster account is archived"),
                _("Poster does not answer for archived accounts."),
                _("Ask Poster to open the account again."),
            )
        case NotAllowed():
            words = Message(
                _("Your token may not do this"),
                _("Poster knows the token, but its rights do not cover what was requested."),
                _("Ask the owner of the Poster account for a token with the right to the clients section."),
            )
        case NotFound():
            words = Message(
                _("The group is no longer there"),
                _("Poster has no such group in this account."),
                _("Go back to the list of groups."),
            )
        case NameTaken():
            words = Message(_("A group with this name exists"), _("Choose another name."))
        case InvalidValue():
            words = Message(
                _("Poster does not take these values"),
                _("Nothing was changed."),
                _("Compare the values with what Poster says below, and change them."),
            )
        case Unreachable(reason=ErrorReason.CERTIFICATE):
            words = Message(
                _("The connection to Poster is not secure"),
                _("The certificate that answered is not Poster's, so nothing was sent."),
                _("Tell your network administrator."),
            )
        case Unreachable(reason=ErrorReason.PROXY):
            words = Message(
                _("The proxy does not lead to Poster"),
                _("Your company's proxy opened no connection to Poster, so nothing was sent."),
                _("Tell your network administrator."),
            )
        case Unreachable(reason=ErrorReason.NAME_NOT_FOUND):
            words = Message(
                _("Poster was not found"),
                _("There is no server of this name, so nothing was sent."),
                _("Check the name of the account, and the network."),
            )
        case Unreachable(reason=ErrorReason.BUSY):
            words = Message(
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
            words = Message(
                _("Poster does not answer"),
                _("This may last a moment. Nothing is lost; the clients could not be loaded.")
                if is_of_clients
                else _("This may last a moment. Nothing is lost; what you requested could not be loaded."),
                _("Try again in a minute."),
            )
        case InvalidResponse(reason=ErrorReason.BUSY):
            words = Message(
                _("Poster asks us to wait"),
                _("It has too many requests at the moment."),
                _("Try again in a few minutes."),
            )
        case InvalidResponse(reason=ErrorReason.MOVING):
            words = Message(
                _("The list changed while it was being read"),
                _("Somebody came into the group or left it, so clients could be missing or doubled."),
                _("Try again in a minute."),
            )
        case InvalidResponse(reason=ErrorReason.CUT):
            words = Message(
                _("Poster's list of clients ends too soon"),
                _("Clients would be missing, so nothing that needs all of them is done or shown."),
                _("The connection check in the settings says what was seen."),
            )
        case PosterRefused():
            words = Message(
                _("Poster refused"),
                _("It gave a reason that this program does not know: code %(code)s.") % {"code": error.code},
                _("If it happens again, tell Poster's support the code."),
            )
        case _:
            words = Message(
                _("Poster's answer makes no sense"),
                _("Something came back that is not an answer of Poster's, so nothing is shown."),
                _("Try again in a minute. If it stays like this, tell your network administrator."),
            )
    return replace(words, details=error.message if isinstance(error, PosterRefused) else "")


def because_of(error: PosterError, title: str, text: str) -> Message:
    words = error_words(error)
    return Message(title, f"{text} {words.title}.", words.next_step, words.details)


def failure_of(error: PosterError) -> Change.Failure:
    match error:
        case Unreachable(reason=ErrorReason.BUSY):
            return Change.Failure.BUSY
        case Unreachable():
            return Change.Failure.UNREACHABLE
        case TokenRejected() | NotAllowed():
            return Change.Failure.NO_ACCESS
        case NotFound():
            return Change.Failure.NOT_FOUND
        case InvalidValue():
            return Change.Failure.REJECTED
        case _:
            return Change.Failure.UNCLEAR


def status_of(error: PosterError) -> int:
    return failure_of(error).status


@singledispatch
def holder_notice(holder: Holder) -> HolderNotice:
    """Each kind of holder registers its own words here."""
    raise TypeError(f"No notice is registered for {type(holder).__name__}.")


@holder_notice.register
def _change_notice(change: Change) -> HolderNotice:
    words = {"who": change.user_name, "time": moment_words(change.created_at), "name": change.group_name}
    if change.action == Change.Action.REMOVE:
        title = _("A removal has no outcome yet")
        text = _(
            "Poster may still carry out the removal of “%(name)s” by %(who)s of %(time)s, with everybody who "
            "is in the group then. Until its outcome is known, nobody is moved into this group or out of it."
        )
    else:
        title = _("Another change is under way")
        text = _(
            "A change by %(who)s of %(time)s has no outcome yet; until then nobody can change the group here."
        )
    url, label = change.get_absolute_url(), _("Look at the change")
    return HolderNotice(title, text % words, url=url, label=label, is_short=True)


@holder_notice.register
def _job_notice(job: Job) -> HolderNotice:
    words = {
        "who": job.user_name,
        "time": moment_words(job.created_at),
        "from": job.group_name,
        "to": job.target_name or "–",
    }
    advice = ""
    if job.is_unfinished:
        text = _("A bulk change by %(who)s of %(time)s is at this group: “%(from)s” → “%(to)s”.")
        advice = _("Until the bulk change has ended or is cancelled, the group cannot be removed.")
    else:
        text = _(
            "A bulk change by %(who)s of %(time)s has ended, "
            "but the outcome of its last writes is not known yet: “%(from)s” → “%(to)s”."
        )
    title, url, label = _("Clients are being moved"), job.get_absolute_url(), _("Look at the bulk change")
    return HolderNotice(title, text % words, advice, url=url, label=label, kind="unknown", mark="clock")
