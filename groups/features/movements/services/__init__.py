"""Read who is in which group once a night, and tell who came and who left."""

from groups.features.movements.services import looking, movements

__all__ = ["looking", "movements"]
