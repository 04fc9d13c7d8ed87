"""Views of the journal: the history, its news, and the snapshots."""
