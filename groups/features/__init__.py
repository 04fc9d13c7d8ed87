"""Features of the dashboard on top of its core: each folder is an app of its own."""
