"""Move clients from group to group by jobs (`moves`); count whom that changes (`move_effect`)."""
