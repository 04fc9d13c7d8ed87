"""The user of a request, read with the connection to Poster."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class RightsBackend(ModelBackend):
    """Django's own backend, with the user's connection to Poster read along with the user."""

    def get_user(self, user_id: Any) -> User | None:
        found = User.objects.select_related("connection__account").filter(pk=user_id).first()
        return found if found is not None and self.user_can_authenticate(found) else None
