"""Django's admin: the security log to look at, and second factors to take away from who lost the phone."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from poster_admin.people.models import Authenticator, SecurityEvent


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own class takes no type arguments
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SecurityEventAdmin(ReadOnlyAdmin):
    """Append-only here as everywhere."""

    list_display = ("at", "kind", "user_name", "about", "detail", "address")
    list_filter = ("kind",)
    search_fields = ("user_name", "about")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AuthenticatorAdmin(ReadOnlyAdmin):
    """Who has a second factor. It can be taken away, for somebody who lost the phone and the codes."""

    list_display = ("user", "confirmed", "created_at", "last_used_at")
    fields = list_display


admin.site.register(SecurityEvent, SecurityEventAdmin)
admin.site.register(Authenticator, AuthenticatorAdmin)
