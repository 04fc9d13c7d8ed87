"""Jobs: many writes that one form asks for, sent by a worker.

A new kind of job has a class in a module here, and a place in the line below.
"""

from groups.services.jobs import moves, restores, undo  # noqa: F401 - each registers its kinds
