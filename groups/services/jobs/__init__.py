"""Jobs: many writes that one form asks for, sent by a worker. Kinds of the core are imported below."""

from groups.services.jobs import undo  # noqa: F401 - registers its kind
