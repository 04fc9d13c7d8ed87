"""Define the tables beside Django's own user."""

from poster_admin.users.models.people import ChosenLanguage, Guardian, Guide, Invitation, SetupLink
from poster_admin.users.models.security_log import Event, SecurityEvent
from poster_admin.users.models.sessions import IDLE, LONGEST, UserSession
from poster_admin.users.models.sign_in import (
    CompanyIdentity,
    CompanyLink,
    FailureCount,
    Passkey,
    RecoveryCode,
    TOTPDevice,
    new_key,
    passkeys_of,
)

__all__ = [
    "IDLE",
    "LONGEST",
    "ChosenLanguage",
    "CompanyIdentity",
    "CompanyLink",
    "Event",
    "FailureCount",
    "Guardian",
    "Guide",
    "Invitation",
    "Passkey",
    "RecoveryCode",
    "SecurityEvent",
    "SetupLink",
    "TOTPDevice",
    "UserSession",
    "new_key",
    "passkeys_of",
]
