"""Check passwords; load the user of a request and the user's rights with one query each."""

from typing import Any

from axes.backends import AxesStandaloneBackend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User
from django.db.models import F, Q
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from poster_admin.users.limits import turn

# Every page runs these queries, so they are built once, with their joins.
USERS = User.objects.select_related("credentials__account")
RIGHTS = Permission.objects.values_list("content_type__app_label", "codename").order_by()
RIGHTS_OF_USERS = RIGHTS.alias(own=F("user"), of_role=F("group__user"))


class CredentialsBackend(ModelBackend):
    """Sign in by password; load the user together with the credentials, and all rights together."""

    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        """Check a password, a few at a time: of many guesses at once no more are answered than one by one.

        Raises `TryLater`, and axes' error where the name is locked by now.
        """
        if request is None or username is None or password is None:
            return None
        with turn():
            # Others may have failed while this one waited.
            AxesStandaloneBackend().authenticate(request, username=username, password=password)
            return super().authenticate(request, username, password)

    def get_user(self, user_id: Any) -> User | None:
        try:
            user = USERS.get(pk=user_id)
        except User.DoesNotExist:
            return None
        return user if self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the rights of an active user; they are kept on the user object."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        known: set[str] | None = getattr(user_obj, "all_rights", None)
        if known is None:
            of_user = Q(own=user_obj.pk) | Q(of_role=user_obj.pk)
            names = RIGHTS.all() if user_obj.is_superuser else RIGHTS_OF_USERS.filter(of_user)
            known = user_obj.all_rights = {f"{app}.{name}" for app, name in names}
        return known
