"""Show Poster's client groups to people, and carry their writes to Poster.

The dashboard is a proxy that keeps no groups of its own, but a copy for the time when Poster fails. A read
passes `views`, `services` and `poster`, which asks Poster's Web API with the token of the user. A write takes
the same way, by `services/writes/execute.py`, and stands in the journal before it is sent.
docs/architecture.md draws it.
"""
