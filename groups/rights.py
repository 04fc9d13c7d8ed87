"""Who is asking, and what they may do: two queries for a page, whatever it looks at."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import connection

from groups.prepared import Prepared

# The rights of a user and of their groups at once; written out, since building it costs more than running it.
RIGHTS = """
SELECT type.app_label, permission.codename
FROM auth_permission permission
JOIN django_content_type type ON type.id = permission.content_type_id
WHERE permission.id IN (
    SELECT permission_id FROM auth_user_user_permissions WHERE user_id = %s
    UNION
    SELECT permission_id FROM auth_group_permissions
    JOIN auth_user_groups ON auth_user_groups.group_id = auth_group_permissions.group_id
    WHERE auth_user_groups.user_id = %s
)
"""


_users = Prepared(lambda pk: User.objects.select_related("connection__account").filter(pk=pk), -1)


class RightsBackend(ModelBackend):
    """Django's own backend, with the user's connection to Poster read along with the user."""

    def get_user(self, user_id: Any) -> User | None:
        found = _users.first(user_id)
        return found if found is not None and self.user_can_authenticate(found) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if user_obj.is_anonymous or not user_obj.is_active or obj is not None:
            return set()
        if user_obj.is_superuser:
            return super().get_all_permissions(user_obj)
        known: set[str] | None = getattr(user_obj, "_perm_cache", None)
        if known is None:
            with connection.cursor() as cursor:
                cursor.execute(RIGHTS, [user_obj.pk, user_obj.pk])
                known = {f"{app}.{codename}" for app, codename in cursor.fetchall()}
            user_obj._perm_cache = known  # noqa: SLF001 - Django's own name for it
        return known
