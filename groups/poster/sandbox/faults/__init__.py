"""Everything that can go wrong on the way between Poster and its client, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from groups.poster.sandbox.faults import bodies, envelopes, meanwhile, rows, statuses, wire
from groups.poster.sandbox.faults.fault import Fault

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for module in (wire, statuses, bodies, envelopes, rows, meanwhile)
        for fault in sorted(module.FAULTS.values(), key=lambda fault: fault.row)
    }
)

__all__ = ["FAULTS", "Fault"]
