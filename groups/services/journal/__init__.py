"""Read the journal: the history, the changes that a user has missed, the audit."""
