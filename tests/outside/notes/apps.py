from groups import feature


class Notes(feature.Feature):
    """A note on a group's page, for everybody of the account."""

    name = "tests.outside.notes"

    def plug_in(self) -> None:
        from groups import hooks
        from groups.presenters.group_actions import GroupAction
        from groups.presenters.history_tabs import Tab
        from groups.presenters.settings_pages import USER, SettingsPage
        from tests.outside.notes.views import note_of

        hooks.part("group.cards", "notes/card.html", note_of)
        hooks.history_tab(lambda _request: [Tab("Notes", "/groups/#notes")])
        hooks.settings_pages(
            lambda _user: [SettingsPage(USER, "Notes", "/groups/#mine", "Paper and ink.", "file")]
        )
        hooks.group_action(GroupAction("Note something", "groups:detail", "groups.change_group"))
