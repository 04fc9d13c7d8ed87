from groups.features.elsewhere.services import watch

__all__ = ["watch"]
