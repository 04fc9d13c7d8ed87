"""Faults between Poster and its client, by name.

`FAULTS` spoil a call or its answer; `LAGS` are well-formed answers with rows that are out of date.
"""

from collections.abc import Mapping
from types import MappingProxyType

from poster_admin.devtools.sandbox.faults import (
    bodies,
    concurrent_changes,
    connections,
    envelopes,
    rows,
    statuses,
)
from poster_admin.devtools.sandbox.faults.fault import Fault
from poster_admin.devtools.sandbox.faults.lags import LAGS

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for module in (connections, statuses, bodies, envelopes, rows, concurrent_changes)
        for fault in sorted(module.FAULTS.values(), key=lambda fault: fault.row)
    }
)

__all__ = ["FAULTS", "LAGS", "Fault"]
