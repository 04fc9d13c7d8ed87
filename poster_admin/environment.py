"""The environment, strictly: a value that is malformed names itself, and is not taken for its opposite."""

import math

import environ
from django.core.exceptions import ImproperlyConfigured

FALSE = ("false", "off", "no", "n", "0")


class Environment(environ.FileAwareEnv):  # type: ignore[misc]  # it has no types
    """django-environ's, which takes every word that it does not know for False."""

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a switch; an empty one is as if it was not there."""
        word = self.str(name, default="").strip().lower() or str(default).lower()
        if word in self.BOOLEAN_TRUE_STRINGS:
            return True
        if word in FALSE:
            return False
        raise ImproperlyConfigured(f"{name} is neither true nor false.")

    def number[T: (int, float)](self, name: str, *, default: T, least: int = 0) -> T:
        """Return a number of the default's type that is not below `least`."""
        try:
            number = type(default)(self.str(name, default="").strip() or default)
        except ValueError:
            number = type(default)(-1)
        if not math.isfinite(number) or number < least:
            raise ImproperlyConfigured(f"{name} is not a number from {least} on.")
        return number
