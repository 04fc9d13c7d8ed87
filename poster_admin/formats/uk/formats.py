"""Format dates in Ukrainian as Django does, but with the day as it is said: 6, not 06."""

DATE_FORMAT = "j E Y р."
