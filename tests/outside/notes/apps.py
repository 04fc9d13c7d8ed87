from groups import feature


class Notes(feature.Feature):
    """A note on a group's page, for everybody of the account."""

    name = "tests.outside.notes"

    def plug_in(self) -> None:
        from groups import hooks
        from tests.outside.notes.views import note_of

        hooks.part("group.cards", "notes/card.html", note_of)
