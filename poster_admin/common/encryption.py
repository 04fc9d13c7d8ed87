"""Encrypt secrets in the database, and keep them from being printed by accident."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, models
from django.utils.translation import gettext_noop

_PREFIX = "f1:"
AT_ONCE = 20


class SecretUnreadable(Exception):
    """None of POSTER_TOKEN_KEYS can decrypt a stored secret."""


class Secret:
    """A text that only `reveal()` shows: `str`, `repr`, formats, templates, pickle and JSON do not.

    It stays encrypted until then, so a lost key breaks no page that lists its owner.
    """

    __slots__ = ("_sealed", "_text")

    def __init__(self, text: str | None = None, *, sealed: str = "") -> None:
        self._text = text
        self._sealed = sealed

    def reveal(self) -> str:
        """Return the text. Raises `SecretUnreadable`."""
        if self._text is None and self._sealed.startswith(_PREFIX):
            sealed = self._sealed.removeprefix(_PREFIX)
            with suppress(InvalidToken):
                self._text = _cipher(tuple(settings.POSTER_TOKEN_KEYS)).decrypt(sealed).decode()
        if self._text is None:
            raise SecretUnreadable("None of POSTER_TOKEN_KEYS opens this secret.")
        return self._text

    reveal.alters_data = True  # type: ignore[attr-defined]  # no template may call it

    def seal(self) -> str:
        """Return the ciphertext: the one that was read, else a new one made with the newest key."""
        if not self._sealed:
            self._sealed = (
                _PREFIX + _cipher(tuple(settings.POSTER_TOKEN_KEYS)).encrypt(self.reveal().encode()).decode()
            )
        return self._sealed

    def __str__(self) -> str:
        return "[secret]"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return "[secret]"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled.")


if TYPE_CHECKING:
    _TextField = models.TextField[Secret, Secret]
else:
    _TextField = models.TextField  # Django's own class takes no type arguments at run time.


class EncryptedField(_TextField):
    """A column of `Secret`s, stored as Fernet ciphertext: docs/adr/0021-kept-beside-the-libraries.md."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "editable": False})

    def from_db_value(self, value: str | None, *_: object) -> Secret | None:
        return None if value is None else Secret(sealed=value)

    def get_prep_value(self, value: Any) -> str | None:
        # Encrypt here and not in pre_save, which may run more than once per save.
        if value is None:
            return None
        if not isinstance(value, Secret):
            raise TypeError("Only a Secret goes into an EncryptedField.")
        return value.seal()


@lru_cache(maxsize=16)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypted_columns() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            if isinstance(column, EncryptedField):
                yield model, column.name


@dataclass(slots=True)
class KeyReport:
    """Stored secrets; `opened` counts those of a key by its place, the newest first."""

    total: int = 0
    lost: list[str] = field(default_factory=list)
    opened: Counter[int] = field(default_factory=Counter)

    def words(self, translate: Callable[[str], str] = str) -> str:
        opened = gettext_noop("Stored secrets that POSTER_TOKEN_KEYS open: %(opened)s of %(total)s.")
        if self.lost:
            opened = gettext_noop(
                "Stored secrets that POSTER_TOKEN_KEYS open: %(opened)s of %(total)s; not: %(lost)s."
            )
        values = {"opened": self.total - len(self.lost), "total": self.total, "lost": ", ".join(self.lost)}
        words, count = translate(opened) % values, len(settings.POSTER_TOKEN_KEYS)
        if useless := [str(place + 1) for place in range(count) if self.total and not self.opened[place]]:
            sentence = translate(
                gettext_noop("Keys that open none, by their place: %(places)s of %(count)s.")
            )
            words += " " + sentence % {"places": ", ".join(useless), "count": count}
        return words

    __str__ = words


def report_keys(sealed: Iterable[tuple[str, str]]) -> KeyReport:
    report = KeyReport()
    for name, text in sealed:
        report.total += 1
        for place, key in enumerate(settings.POSTER_TOKEN_KEYS):
            try:
                _cipher((key,)).decrypt(text.removeprefix(_PREFIX))
            except InvalidToken:
                continue
            report.opened[place] += 1
            break
        else:
            report.lost.append(name)
    return report


def examine_keys() -> KeyReport | None:
    """Try the keys on all stored secrets, or on those that a model names in LOOKED_AT.

    Return None before the first migration.
    """
    try:
        return report_keys(
            (f"{model._meta.label_lower} {pk}", secret.seal())
            for model, column in encrypted_columns()
            for pk, secret in model._default_manager.filter(**getattr(model, "LOOKED_AT", {}))
            .values_list("pk", column)
            .iterator(AT_ONCE)
        )
    except DatabaseError:
        return None
