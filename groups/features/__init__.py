"""Features of the dashboard beside its core: each folder is an app of its own."""
