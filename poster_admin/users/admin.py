"""Register the security log, second factors, passkeys and links to the company in Django's admin."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from poster_admin.users.accounts import lock_managed, managed_and_self
from poster_admin.users.models import CompanyLink, Passkey, SecurityEvent, TOTPDevice
from poster_admin.users.security_log import lines_for


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own class takes no type arguments
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SecurityEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "user_name", "about", "detail", "address")
    list_filter = ("kind",)
    search_fields = ("user_name", "about")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SecurityEvent]:
        return lines_for(user_of(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def user_of(request: HttpRequest) -> User:
    return cast("User", request.user)


class ManagedAdmin(ReadOnlyAdmin):
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(user__in=managed_and_self(user_of(request)))


class AuthenticatorAdmin(ManagedAdmin):
    list_display = ("user", "confirmed", "created_at", "last_used_at")
    fields = list_display


class PasskeyAdmin(ManagedAdmin):
    list_display = ("user", "name", "created_at", "last_used_at")
    fields = list_display


class CompanyLinkAdmin(ManagedAdmin):
    """Let owners allow or revoke a link for the users that they manage."""

    list_display = ("user", "allowed_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("users.add_companylink"))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = managed_and_self(user_of(request)).order_by("username")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: CompanyLink, form: Any, change: bool) -> None:
        # The form was checked without a lock.
        if obj.user != request.user and lock_managed(user_of(request), obj.user_id) is None:
            raise PermissionDenied
        super().save_model(request, obj, form, change)


admin.site.register(CompanyLink, CompanyLinkAdmin)
admin.site.register(Passkey, PasskeyAdmin)
admin.site.register(SecurityEvent, SecurityEventAdmin)
admin.site.register(TOTPDevice, AuthenticatorAdmin)
