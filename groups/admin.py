"""Register users, credentials and the journal in Django's admin; no token is ever shown."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from groups.models import Change, PosterCredentials
from poster_admin.users.accounts import lock_managed, managed_and_self
from poster_admin.users.admin import ReadOnlyAdmin, user_of


class OwnersUserAdmin(UserAdmin):  # type: ignore[type-arg]  # Django's takes no type arguments
    """Let owners manage the users and roles of their account; Administrators manage everybody.

    Users are deleted one by one, each under the lock of `get_object`: Django's action for many takes none, so
    two Administrators could delete each other at one moment.
    """

    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request)
        return users.filter(pk__in=managed_and_self(user_of(request)))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> User | None:
        """Return a user; one that a form changes is locked first, and then looked for again."""
        user = super().get_object(request, object_id, from_field)
        if user is None or user == request.user or request.method != "POST":
            return user
        return lock_managed(user_of(request), user.pk)

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's name
        """Hold the lock of `get_object` until the password is stored."""
        return super().user_change_password(request, id, form_url)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer owners the roles alone: another group of an installation may have more rights than they."""
        if db_field.name == "groups" and not request.user.is_superuser:
            kwargs["queryset"] = Group.objects.filter(name__in=settings.ROLES)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Leave a user in the groups that were not offered to an owner."""
        not_offered = form.instance.groups.exclude(name__in=settings.ROLES)
        kept = [] if user_of(request).is_superuser else list(not_offered)
        super().save_related(request, form, formsets, change)
        form.instance.groups.add(*kept)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets: Any = super().get_fieldsets(request, obj)
        if obj is None or request.user.is_superuser:
            return fieldsets
        roles = {"fields": ("is_active", "groups")}
        return [
            (title, roles if "is_superuser" in options["fields"] else options) for title, options in fieldsets
        ]


class CredentialsAdmin(ReadOnlyAdmin):
    """Show each user's credentials without the token; they can be deleted here."""

    list_display = ("user", "account", "token_hint", "connected_at", "refused_at")
    list_select_related = ("user", "account")
    fields = list_display


class ChangeAdmin(ReadOnlyAdmin):
    """Show the journal; it is append-only, here as everywhere. Owners see that of their own account."""

    list_display = ("created_at", "user_name", "account", "action", "group_name", "state", "reason")
    list_filter = ("state", "action")
    list_select_related = ("account",)
    search_fields = ("user_name", "group_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        changes = super().get_queryset(request)
        if request.user.is_superuser:
            return changes
        connected = PosterCredentials.objects.filter(user=request.user.pk, refused_at=None)
        return changes.filter(account__in=connected.values("account"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister(User)
admin.site.register(User, OwnersUserAdmin)
admin.site.register(PosterCredentials, CredentialsAdmin)
admin.site.register(Change, ChangeAdmin)
