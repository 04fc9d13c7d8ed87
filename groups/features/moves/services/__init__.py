"""Move clients from group to group by jobs (`moves`, `move_run`); count whom that changes (`move_effect`)."""

from groups.features.moves.services import moves

__all__ = ["moves"]
