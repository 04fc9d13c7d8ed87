"""Lists of groups that a user has saved under a name, and the one that is the start page."""
