"""Form that starts a restore."""

from typing import Any, Self

from groups.forms.groups import WriteForm


class RestoreForm(WriteForm):
    """Start a restore; its version is the fingerprint of everything that the page announced."""

    def __init__(self, *args: Any, mark: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["version"] = mark
        self.mark = mark

    def clean_version(self) -> Any:
        return self.cleaned_data["version"]

    def _with(self, data: dict[str, str]) -> Self:
        return type(self)(data, mark=self.mark)
