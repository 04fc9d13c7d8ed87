"""Errors of the sign-in: those that ask a user to try again later, and that of a service of the company."""


class TryLater(Exception):
    """The request cannot be answered now; the user may repeat it after some seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Try again in {seconds} s.")
        self.seconds = seconds


class HashingBusy(TryLater):
    """Too many passwords are being hashed: this one was neither checked nor set."""


class SlowedDown(TryLater):
    """There were too many of these within the hour: nothing was done."""


class CompanyServiceUnusable(Exception):
    """The company's provider cannot be used. The text says why."""
