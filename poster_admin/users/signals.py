"""Write events of Django, axes and the models of this app into the security log."""

from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver
from django.utils import translation

from poster_admin.users import guardians, sessions, two_factor
from poster_admin.users.models import (
    ChosenLanguage,
    CompanyLink,
    EventKind,
    Invitation,
    Passkey,
    TOTPDevice,
)
from poster_admin.users.security_log import acting_user, record

WATCHED = ("is_active", "is_staff", "is_superuser", "username")
WAYS_IN = ("password", "email")


@receiver(user_logged_in)
def signed_in(sender: Any, request: Any, user: User, **_: Any) -> None:
    """Begin the session. The middleware sets the cookie of the language that the user has chosen."""
    sessions.begin(request, user)
    sessions.note_confirmation(request)
    request.session[two_factor.DUE] = two_factor.factor_of(user) is not None
    chosen = ChosenLanguage.objects.filter(user=user).first()
    if chosen is not None and chosen.language in dict(settings.LANGUAGES):
        request.chosen_language = request.LANGUAGE_CODE = chosen.language
        translation.activate(chosen.language)
    record(EventKind.SIGNED_IN, request=request, user=user)


@receiver(user_logged_out)
def signed_out(sender: Any, request: Any, user: User | None, **_: Any) -> None:
    if user is not None:
        record(EventKind.SIGNED_OUT, request=request, user=user)


@receiver(user_login_failed)
def failed(sender: Any, credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
    """Record a failure. Leave out an unknown name: it may be a password typed into the wrong field."""
    name = str(credentials.get("username") or "")
    user = User.objects.filter(username=name).first() if name and "\0" not in name else None
    record(EventKind.FAILED, request=request, user=user, name="?")


@receiver(user_locked_out)
def locked(sender: Any, request: Any, username: str | None, **_: Any) -> None:
    known = User.objects.filter(username=username or "").first()
    record(EventKind.LOCKED, request=request, user=known, name="?")


@receiver(post_delete, sender=TOTPDevice)
@receiver(post_delete, sender=Passkey)
def factor_was_removed(sender: Any, instance: TOTPDevice | Passkey, **_: Any) -> None:
    if instance.confirmed:
        detail = two_factor.PASSKEY if sender is Passkey else ""
        record(EventKind.FACTOR_REMOVED, about=instance.user.get_username(), detail=detail)


@receiver(post_save, sender=CompanyLink)
def company_link_was_allowed(sender: Any, instance: CompanyLink, created: bool, **_: Any) -> None:
    if created:
        record(EventKind.LINK_ALLOWED, about=instance.user.get_username())
        guardians.note(instance.user, acting_user())


@receiver(pre_save, sender=User)
def remember_user(sender: Any, instance: User, **_: Any) -> None:
    before = User.objects.filter(pk=instance.pk).first() if instance.pk else None
    instance.before_save = before  # type: ignore[attr-defined]  # no field: only the next function reads it


@receiver(post_save, sender=User)
def user_was_saved(sender: Any, instance: User, created: bool, update_fields: Any = None, **_: Any) -> None:
    """Record what changes the sign-in; with the mark of a superuser all ways in end that owners may know."""
    before = getattr(instance, "before_save", None)
    name = instance.get_username()
    if created or before is None:
        record(EventKind.USER_ADDED, about=name)
        guardians.note(instance, acting_user(), invited=True)
        return
    # Others may have changed the columns that were not saved, since the instance was read.
    saved = {*WAYS_IN, *WATCHED} if update_fields is None else set(update_fields)
    new = {each for each in saved if getattr(before, each) != getattr(instance, each)}
    # Django renews an older hash of the same password at a sign-in, in this column alone.
    if "password" in new and saved != {"password"}:
        record(EventKind.PASSWORD, about=name)
        Invitation.objects.filter(user=instance).delete()  # the person can sign in
    details = [f"{each}={getattr(instance, each)}" for each in WATCHED if each in new]
    if "email" in new:
        details.append("email")  # the address itself is in no log
    if details:
        record(EventKind.USER_CHANGED, about=name, detail=", ".join(details))
    if new & {*WAYS_IN}:
        guardians.note(instance, acting_user())
    if "is_superuser" in new and instance.is_superuser and guardians.below_administrators(instance):
        guardians.end_ways_in(instance)
    if not instance.is_active:
        sessions.end(instance)


@receiver(post_delete, sender=User)
def user_was_removed(sender: Any, instance: User, **_: Any) -> None:
    record(EventKind.USER_REMOVED, about=instance.get_username())


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def rights_changed(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: Any, model: Any, **_: Any
) -> None:
    sign = {"post_add": "+", "post_remove": "-", "post_clear": "-"}.get(action)
    if sign is None or (action != "post_clear" and not pk_set):
        return
    if isinstance(instance, User):
        guardians.note(instance, acting_user())
    names = sorted(str(each) for each in model.objects.filter(pk__in=pk_set or ()))
    record(EventKind.RIGHTS, about=str(instance), detail=sign + (", ".join(names) or "*"))
