"""Read and save the table of criteria of an account, and pin clients."""

import uuid
from datetime import date

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.features.criteria.models import (
    CHANGE_CRITERIA,
    NIGHTS,
    Criteria,
    CriteriaPin,
    CriteriaPinQuerySet,
    CriteriaSave,
)
from groups.features.criteria.services.judging import Table
from groups.models import PosterCredentials
from groups.models.leases import RELEASED
from groups.services.clients import find_client
from groups.services.gateway import check_token
from groups.services.installation.maintenance import prune
from groups.services.writes import submissions
from groups.services.writes.commands import MoveClient
from groups.services.writes.submissions import find_known


class SavedSince(Exception):
    """Somebody has saved another table since the form was opened; `now` is that one. Nothing was saved."""

    def __init__(self, now: Criteria | None) -> None:
        super().__init__()
        self.now = now


def saved_criteria(credentials: PosterCredentials) -> Criteria | None:
    """Return the criteria of an account, or None. Raises `TokenRejected` if Poster refused the token."""
    check_token(credentials)
    return Criteria.objects.filter(account=credentials.account_id).first()


def version_of(saved: Criteria | None) -> str:
    """Return what a form carries to say on which table it was opened; "none" where there was none yet."""
    return f"{saved.fingerprint}{'+' if saved.nightly else ''}" if saved else "none"


def save_table(
    table: Table,
    *,
    nightly: bool,
    credentials: PosterCredentials,
    operation: uuid.UUID,
    version: str,
) -> bool:
    """Save the table, if it is still the one of this `version`; return False if it is the same already.

    The same form sent twice is one save. It lets a held night go on, with the rights and the token of this
    user. Raises `SavedSince`, and as `find_known`.
    """
    user, content = credentials.user, table.to_json()
    if not user.has_perm(CHANGE_CRITERIA):
        raise PermissionDenied
    by = {"user": user, "user_name": user.get_username(), "saved_at": timezone.now()}
    save = CriteriaSave(id=operation, account=credentials.account, table=content | {"nightly": nightly}, **by)
    values = {"table": content, "fingerprint": table.fingerprint, "nightly": nightly, **by}
    values |= {"held": "", "held_at": None, "left_out_at": None, "tries": 0, "refused_at": None}
    # A night that is under way with the table of before loses its lease, and starts nothing.
    values |= RELEASED
    try:
        with transaction.atomic():
            rows = Criteria.objects.select_for_update().filter(account=credentials.account_id)
            row = rows.first()
            # The same form may have been saved while this one waited for the row.
            if find_known(save.submission, CriteriaSave) is not None:
                return True
            if version != version_of(row):
                raise SavedSince(row)
            save.save(force_insert=True)
            night = (row and row.night_at) or NIGHTS.next(timezone.now())
            values["night_at"] = values["next_at"] = night if nightly else None
            if row is None:
                Criteria.objects.create(account=credentials.account, **values)
                return True
            rows.update(**values)
            return (row.fingerprint, row.nightly) != (table.fingerprint, nightly)
    except IntegrityError:
        # The same form, or the first table of somebody else, was saved at the same moment.
        if find_known(save.submission, CriteriaSave) is not None:
            return True
        raise SavedSince(saved_criteria(credentials)) from None


# --- Pins --------------------------------------------------------------------------------------------------


def pins_of(credentials: PosterCredentials) -> CriteriaPinQuerySet:
    """Return the pins of an account that are in force. Raises `TokenRejected` if Poster refused the token."""
    check_token(credentials)
    return CriteriaPin.objects.in_force(credentials.account_id)


def pin_client(credentials: PosterCredentials, *, client: int, reason: str, until: date | None) -> bool:
    """Pin a client, or change their pin; return False if Poster has no such client. Raises `PosterError`."""
    user = credentials.user
    if not user.has_perm(MoveClient.permission):
        raise PermissionDenied
    if find_client(credentials, client, within=None) is None:
        return False
    values = {"reason": reason, "until": until, "user": user, "user_name": user.get_username()}
    values["made_at"] = timezone.now()
    CriteriaPin.objects.update_or_create(values, account=credentials.account, client_id=client)
    return True


def remove_pin(credentials: PosterCredentials, pin: CriteriaPin) -> None:
    """Remove a pin, but not another one that somebody has put in its place meanwhile."""
    if not credentials.user.has_perm(MoveClient.permission):
        raise PermissionDenied
    CriteriaPin.objects.filter(pk=pin.pk, made_at=pin.made_at).delete()


@prune("pins of criteria")
def forget_ended_pins() -> int:
    """Delete the pins whose last day is past; return how many."""
    return CriteriaPin.objects.filter(until__lt=timezone.localdate()).delete()[0]


submissions.register(CriteriaSave.objects.all())
