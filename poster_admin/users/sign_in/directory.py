"""Check names and passwords with the company's directory, over LDAP. Off without LDAP_URL.

django-auth-ldap searches the person, binds with the password, and reads the groups. Nothing of the password
is kept, and of the person only the name and the id of the entry. Throttling and the second factor are the
same as for passwords that are kept here.

This module is imported where LDAP_URL is set: its packages are an extra.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import BoundedSemaphore
from typing import Any

import ldap
from cryptography.x509 import load_der_x509_certificate
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db import IntegrityError, connection
from django.dispatch import receiver
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from django_auth_ldap.backend import LDAPBackend, ldap_error
from django_auth_ldap.config import (
    GroupOfNamesType,
    GroupOfUniqueNamesType,
    LDAPSearch,
    NestedActiveDirectoryGroupType,
    PosixGroupType,
)

from poster_admin.users import security_log
from poster_admin.users.identities import DIRECTORY, NameTaken, user_behind
from poster_admin.users.models import Event
from poster_admin.users.sign_in.errors import CompanyServiceUnusable, DirectoryAway

log = logging.getLogger("poster_admin.users")
# Seconds for the connection, and for each answer.
PATIENCE = 5
RETRY_AFTER = 10
# A quarter of the threads of a process: pages go on while a directory lets its callers wait.
AT_ONCE = 16
# The id of an entry, which outlives its name: of OpenLDAP, Active Directory, 389 Directory Server.
IDS = ("entryUUID", "objectGUID", "nsUniqueId")
# Answers to the password of one person, such as one whose account is locked there: no fault of the directory.
ABOUT_THE_PERSON = (ldap.INAPPROPRIATE_AUTH, ldap.UNWILLING_TO_PERFORM, ldap.CONSTRAINT_VIOLATION)
# As RFC 4511 names it.
NO_ATTRIBUTES = "1.1"
GROUP_TYPES: dict[str, Callable[[], Any]] = {
    "groupOfNames": GroupOfNamesType,
    "groupOfUniqueNames": GroupOfUniqueNamesType,
    "posixGroup": PosixGroupType,
    "group": NestedActiveDirectoryGroupType,
}

_turns = BoundedSemaphore(AT_ONCE)


@sensitive_variables("password")
def authenticate(request: HttpRequest, name: str, password: str) -> User | None:
    """Return the user whom the directory knows by name and password, or None. Raises `DirectoryAway`."""
    if "\0" in name:
        return None
    about = ""
    try:
        with _turn():
            user: User | None = Directory(request, name).authenticate(request, name, password)
    except NameTaken as error:
        about = error.name
    except (SuspiciousOperation, ValidationError, IntegrityError) as error:
        log.warning(
            "The directory's answer signs nobody in: %s", error if error.args else type(error).__name__
        )
    else:
        return user
    security_log.record(Event.REFUSED, request=request, name="?", about=about, detail="ldap")
    return None


class Directory(LDAPBackend):  # type: ignore[misc]  # it has no types
    """Ask the directory for the person of a name, as it was typed."""

    def __init__(self, request: HttpRequest, typed: str) -> None:
        self.request, self.typed = request, typed
        self.default_settings = _options()

    @sensitive_variables("password")
    def authenticate_ldap_user(self, ldap_user: Any, password: str) -> User | None:
        """Check the password, if the entry has the name that was typed.

        A directory finds an entry also under other forms of its letters. Failures are counted for a name
        without regard to case alone, so guesses under another form would count for nobody.
        """
        if ldap_user.dn is None or _name(ldap_user).casefold() != self.typed.casefold():
            return None
        user: User | None = super().authenticate_ldap_user(ldap_user, password)
        return user

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[User, bool]:
        """Return the user of the entry, who has no password here, with the roles of the groups."""
        user = user_behind(
            self.request,
            issuer=DIRECTORY,
            subject=_subject(ldap_user),
            name=_name(ldap_user),
            groups=ldap_user.group_names if settings.COMPANY_ROLES else (),
        )
        return user, False


@receiver(ldap_error)
def report(exception: ldap.LDAPError, context: str, **_: Any) -> None:
    """Raise `DirectoryAway` for an error, which django-auth-ldap would take for a wrong password."""
    if context == "authenticate" and isinstance(exception, ABOUT_THE_PERSON):
        return
    log.error("The company's directory does not help: %s", _words(exception))
    raise DirectoryAway(RETRY_AFTER)


def examine() -> datetime | None:
    """Sign in as the account that searches, and find the branches, as each sign-in does.

    Return the end of the directory's certificate, None without TLS. Raises `CompanyServiceUnusable`, which
    names no entry.
    """
    options = _options()
    server = ldap.initialize(options["SERVER_URI"])
    try:
        for name, value in options["CONNECTION_OPTIONS"].items():
            server.set_option(name, value)
        if options["START_TLS"]:
            server.start_tls_s()
        server.simple_bind_s(options["BIND_DN"], options["BIND_PASSWORD"])
        for name in ("LDAP_USER_SEARCH", "LDAP_GROUP_SEARCH"):
            if branch := getattr(settings, name):
                try:
                    server.search_ext_s(branch, ldap.SCOPE_BASE, attrlist=[NO_ATTRIBUTES])
                except ldap.NO_SUCH_OBJECT:
                    words = f"the branch of {name} is not there, or may not be read"
                    raise CompanyServiceUnusable(words) from None
        certificate = server.get_option(ldap.OPT_X_TLS_PEERCERT)
    except ldap.LDAPError as error:
        raise CompanyServiceUnusable(_words(error)) from None
    finally:
        server.unbind_s()
    return load_der_x509_certificate(certificate).not_valid_after_utc if certificate else None


def _words(error: ldap.LDAPError) -> str:
    """Return the error in words, without the parts of an answer that name entries."""
    answer = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    said = ", ".join(str(answer[part]) for part in ("desc", "info") if part in answer)
    return said or type(error).__name__


def _options() -> dict[str, Any]:
    """Return the settings of django-auth-ldap."""
    people = f"({settings.LDAP_NAME_ATTRIBUTE}=%(user)s)"
    groups = f"(objectClass={settings.LDAP_GROUP_CLASS})"
    # Groups of the class posixGroup name their members by the last two.
    attributes = [settings.LDAP_NAME_ATTRIBUTE, *IDS, "uid", "gidNumber"]
    options = {
        ldap.OPT_NETWORK_TIMEOUT: PATIENCE,
        ldap.OPT_TIMEOUT: PATIENCE,
        # Active Directory refers to servers that are asked without a name, which it refuses then.
        ldap.OPT_REFERRALS: 0,
        # Certificates are checked even where ldap.conf on this machine says otherwise.
        ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND,
    }
    if settings.LDAP_CA_FILE:
        options[ldap.OPT_X_TLS_CACERTFILE] = settings.LDAP_CA_FILE
    # This option makes those of TLS count, and so has to be the last one.
    options[ldap.OPT_X_TLS_NEWCTX] = 0
    return {
        "SERVER_URI": settings.LDAP_URL.replace("ldap+tls:", "ldap:"),
        "START_TLS": settings.LDAP_URL.startswith("ldap+tls:"),
        "CONNECTION_OPTIONS": options,
        "BIND_DN": settings.LDAP_BIND_DN,
        "BIND_PASSWORD": settings.LDAP_BIND_PASSWORD,
        "USER_SEARCH": LDAPSearch(settings.LDAP_USER_SEARCH, ldap.SCOPE_SUBTREE, people, attributes),
        "USER_ATTRLIST": attributes,
        "GROUP_SEARCH": LDAPSearch(settings.LDAP_GROUP_SEARCH, ldap.SCOPE_SUBTREE, groups, ["cn"]),
        "GROUP_TYPE": GROUP_TYPES[settings.LDAP_GROUP_CLASS](),
        "ALWAYS_UPDATE_USER": False,
    }


def _name(ldap_user: Any) -> str:
    """Return the name as the directory spells it."""
    values = ldap_user.attrs.get(settings.LDAP_NAME_ATTRIBUTE) or [""]
    return str(values[0])


def _subject(ldap_user: Any) -> str:
    """Return the id of the entry. Active Directory's is binary."""
    for attribute in IDS:
        values = ldap_user.attrs.get(attribute)
        if values:
            raw = values[0] if isinstance(values[0], bytes) else values[0].encode()
            return raw.hex() if attribute == "objectGUID" else raw.decode()
    raise SuspiciousOperation(f"The entry has none of {', '.join(IDS)}.")


@contextmanager
def _turn() -> Iterator[None]:
    """Hold one of the AT_ONCE turns to ask the directory, and no connection to the database."""
    if not _turns.acquire(blocking=False):
        raise DirectoryAway(RETRY_AFTER)
    try:
        if not connection.in_atomic_block:
            connection.close()
        yield
    finally:
        _turns.release()
