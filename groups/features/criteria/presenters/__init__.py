"""Show the criteria, what they would move, and why."""

from groups.features.criteria.presenters import page, preview_page

__all__ = ["page", "preview_page"]
