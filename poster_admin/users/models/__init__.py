"""Define the tables beside Django's own user."""

from poster_admin.users.models.factors import (
    CompanyIdentity,
    CompanyLink,
    Passkey,
    RecoveryCode,
    TOTPDevice,
    new_key,
    passkeys_of,
)
from poster_admin.users.models.security_events import Event, SecurityEvent
from poster_admin.users.models.user_sessions import IDLE, LONGEST, UserSession
from poster_admin.users.models.users import ChosenLanguage, Guardian, Guide, Invitation, SetupLink

__all__ = [
    "IDLE",
    "LONGEST",
    "ChosenLanguage",
    "CompanyIdentity",
    "CompanyLink",
    "Event",
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
