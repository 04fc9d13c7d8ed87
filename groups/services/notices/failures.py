"""Say why a message could not be sent."""

from groups.models import Delivery


class SendFailed(Exception):
    """A try has failed. It holds a reason and a status, never an address, a secret or an answer."""

    def __init__(self, failure: Delivery.Failure, status: int | None = None) -> None:
        super().__init__(failure)
        self.failure = failure
        self.status = status
