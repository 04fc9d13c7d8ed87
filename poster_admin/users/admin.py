"""Register the security log, second factors, passkeys and links to the company in Django's admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from poster_admin.users.models import CompanyLink, Passkey, SecurityEvent, TOTPDevice


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own class takes no type arguments
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SecurityEventAdmin(ReadOnlyAdmin):
    """The log is read-only here too."""

    list_display = ("at", "kind", "user_name", "about", "detail", "address")
    list_filter = ("kind",)
    search_fields = ("user_name", "about")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FactorAdmin(ReadOnlyAdmin):
    """Let owners see and remove the second factors of users, but not those of superusers."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        factors = super().get_queryset(request)
        return factors if request.user.is_superuser else factors.filter(user__is_superuser=False)


class AuthenticatorAdmin(FactorAdmin):
    """List the users with a second factor, and remove it for a user who lost the phone and the codes."""

    list_display = ("user", "confirmed", "created_at", "last_used_at")
    fields = list_display


class PasskeyAdmin(FactorAdmin):
    """List the passkeys of all users, and remove one whose device is lost."""

    list_display = ("user", "name", "created_at", "last_used_at")
    fields = list_display


class CompanyLinkAdmin(ReadOnlyAdmin):
    """Let owners allow or revoke a link, but not for superusers, whose password they may not set either."""

    list_display = ("user", "allowed_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("users.add_companylink"))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        users = User.objects.order_by("username")
        kwargs["queryset"] = users if request.user.is_superuser else users.filter(is_superuser=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


admin.site.register(CompanyLink, CompanyLinkAdmin)
admin.site.register(Passkey, PasskeyAdmin)
admin.site.register(SecurityEvent, SecurityEventAdmin)
admin.site.register(TOTPDevice, AuthenticatorAdmin)
