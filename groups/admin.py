"""Register users, credentials and the journal in Django's admin; no token is ever shown."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from groups.models import Change, PosterCredentials
from poster_admin.users.admin import ReadOnlyAdmin


class OwnersUserAdmin(UserAdmin):  # type: ignore[type-arg]  # Django's own class takes no type arguments
    """Let owners manage users and roles, but neither create nor edit superusers."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request)
        return users if request.user.is_superuser else users.filter(is_superuser=False)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
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
