"""What happens here that others may want to know. Whoever listens knows us; we know nobody."""

from django.dispatch import Signal

token_set = Signal()
"""A user's token was accepted and kept: `user`, and the name of the `account`."""

snapshot_read = Signal()
"""A snapshot was downloaded: by which `user`, and which `snapshot`."""
