"""Errors of the sign-in: those that ask a user to try again later, and that of a service of the company."""


class TryLater(Exception):
    """The request cannot be answered now; the user may repeat it after some seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Try again in {seconds} s.")
        self.seconds = seconds


class HashingBusy(TryLater):
    """Too many passwords are being hashed: this one was neither checked nor set."""


class SlowedDown(TryLater):
    """There were too many failures: this sign-in was not checked."""


class DirectoryAway(TryLater):
    """The company's directory did not answer: the password was not checked there."""


class CompanyServiceUnusable(Exception):
    """The company's provider or directory cannot be used. The text says why."""
