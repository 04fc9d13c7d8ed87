"""Load the user of a request and the user's rights with one query each."""

from typing import Any

from django.contrib.auth.models import Permission, User
from django.db.models import Q

from poster_admin.users.sign_in.throttle import PasswordBackend

# Each page asks, so the question is put together once.
NAMES = Permission.objects.values_list("content_type__app_label", "codename").order_by()


class CredentialsBackend(PasswordBackend):
    """Sign in by password; load the user together with the credentials, and all rights together."""

    def get_user(self, user_id: Any) -> User | None:
        try:
            user = User.objects.select_related("credentials__account").get(pk=user_id)
        except User.DoesNotExist:
            return None
        return user if self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the rights of an active user; they are kept on the user object."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        known: set[str] | None = getattr(user_obj, "all_rights", None)
        if known is None:
            names = NAMES.all()
            if not user_obj.is_superuser:
                names = NAMES.filter(Q(user=user_obj) | Q(group__user=user_obj))
            known = user_obj.all_rights = {f"{app}.{name}" for app, name in names}
        return known
