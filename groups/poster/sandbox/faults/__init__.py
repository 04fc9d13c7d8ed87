"""Everything that can go wrong on the way between Poster and its client, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from groups.poster.sandbox.faults import wire
from groups.poster.sandbox.faults.fault import Fault

FAULTS: Mapping[str, Fault] = MappingProxyType({**wire.FAULTS})

__all__ = ["FAULTS", "Fault"]
