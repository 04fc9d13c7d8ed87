"""Keep what was in a group before it is moved or removed (`snapshots`), and bring its clients back.

A page says beforehand what a restore would do (`restore_preview`), a job does it (`restores`).
"""

from groups.features.snapshots.services import restores, snapshots

__all__ = ["restores", "snapshots"]
