"""Serve static files in production, compressed and under hashed names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the library is untyped
    """Rewrite the imports between the modules of `static/js` to hashed names too."""

    support_js_module_import_aggregation = True
