"""Views of the journal: the history, and its news."""
