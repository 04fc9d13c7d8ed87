"""Django's admin, for this site."""

from django.contrib import admin
from django.http import HttpRequest


class AdminSite(admin.AdminSite):
    """The admin, open also to owners: they manage users without being marked as staff."""

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) or (user.is_active and user.has_perm("auth.change_user"))
