"""Take out of a notice what a chat would read as markup, a mention or a link.

Anybody who edits a group chooses its name. Slack reads `<!channel>` and `<https://…|words>`, Mattermost,
Discord and Teams `[words](https://…)`, most of them `@name`, and a relay may pass a text on to any of them.
So the signs are replaced by others that look alike and that none of them reads.
"""

# Signs that turn the direction of the text around them, and could show a name that is not there.
_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)
_SIGNS = str.maketrans({"<": "‹", ">": "›", "@": "＠"} | dict.fromkeys(map(chr, _TURNING)))


def without_markup(text: str) -> str:
    """Return a text that mentions nobody, and in which no words hide a link."""
    return text.translate(_SIGNS).replace("](", "] (").replace("://", ": //")
