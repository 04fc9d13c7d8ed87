"""Open databases of SQLite that are there. The name of this module is Django's: ENGINE names the package."""

from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base, features


class DatabaseFeatures(features.DatabaseFeatures):
    """Let `check` open no database: one that is locked, or not there yet, is no SQLite without JSON."""

    supports_json_field = True  # as in every SQLite of a supported Python


class DatabaseWrapper(base.DatabaseWrapper):
    """Fail where there is no file: a command at a mistyped DATABASE_URL would make an empty database."""

    features_class = DatabaseFeatures

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if not self.is_in_memory_db():
            params["database"] = f"{Path(params['database']).absolute().as_uri()}?mode=rw"
        return params
