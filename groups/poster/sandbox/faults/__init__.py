"""Everything that can go wrong on the way between Poster and its client, by name.

`FAULTS` spoil a call or an answer; `LAGS` answer well, and what is no more or not yet so.
"""

from collections.abc import Mapping
from types import MappingProxyType

from groups.poster.sandbox.faults import bodies, envelopes, meanwhile, rows, statuses, wire
from groups.poster.sandbox.faults.fault import Fault
from groups.poster.sandbox.faults.lags import LAGS

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for module in (wire, statuses, bodies, envelopes, rows, meanwhile)
        for fault in sorted(module.FAULTS.values(), key=lambda fault: fault.row)
    }
)

__all__ = ["FAULTS", "LAGS", "Fault"]
