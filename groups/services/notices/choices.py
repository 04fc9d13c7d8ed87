"""Read and store how a user wants to be told of each kind of event."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from groups.models import NoticeChoice, NoticeKind

if TYPE_CHECKING:
    from django.contrib.auth.models import User

How = NoticeChoice.How


def choices_of(user: "User") -> dict[str, str]:
    """Return for each kind how the user wants to be told."""
    stored = dict(NoticeChoice.objects.filter(user=user).values_list("kind", "how"))
    return {kind.value: stored.get(kind.value, How.OFF.value) for kind in NoticeKind}


def choose(user: "User", chosen: Mapping[str, str]) -> None:
    """Store the choices. A kind that is switched on is told from now on, one that was on goes on."""
    before = choices_of(user)
    with transaction.atomic():
        for kind, how in chosen.items():
            if how != before[kind]:
                values: dict[str, object] = {"how": how}
                if before[kind] == How.OFF:
                    values["chosen_at"] = timezone.now()
                NoticeChoice.objects.update_or_create(user=user, kind=kind, defaults=values)
