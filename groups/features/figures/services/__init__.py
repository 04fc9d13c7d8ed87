"""Read the sums of groups each night, and tell what they show."""

from groups.features.figures.services import looking, telling

__all__ = ["looking", "telling"]
