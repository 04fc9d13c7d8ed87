"""Jobs: many writes that one form asks for, sent by a worker.

A kind of job of the core has a class in a module here, and a place in the line below; features add theirs.
"""

from groups.services.jobs import undo  # noqa: F401 - registers its kind
