"""Serve static files in production, compressed and under hashed names."""

from functools import cache

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the library is untyped
    """Rewrite the imports between the modules of `static/js` to hashed names too."""

    support_js_module_import_aggregation = True

    @cache  # noqa: B019 - a process has one storage, and that has few files
    def url(self, name: str, force: bool = False) -> str:
        """Return the address of a file. It is made once: each page has the same ten."""
        address: str = super().url(name, force)
        return address
