"""Count the clicks and the keys with which a user gets something done."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Hands:
    """The mouse and the keyboard of a user: `clicks` and `keys` were needed so far."""

    page: Any
    clicks: int = 0
    keys: int = 0

    def click(self, target):
        target.click()
        self.clicks += 1

    def choose(self, target, label):
        """Choose an option: a click opens the list, another one takes the option."""
        target.select_option(label=label)
        self.clicks += 2

    def press(self, key):
        self.page.keyboard.press(key)
        self.keys += 1

    def type(self, text):
        """Type a text; each letter is a key."""
        self.page.keyboard.type(text)
        self.keys += len(text)

    @property
    def effort(self):
        return self.clicks, self.keys
