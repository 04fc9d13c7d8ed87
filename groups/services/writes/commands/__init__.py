"""The commands: one file for each kind of write. A new kind has a member in `Change.Action` too."""

from groups.services.writes.commands.base import Command, GroupCommand
from groups.services.writes.commands.create_client import CreateClient
from groups.services.writes.commands.create_group import CreateGroup
from groups.services.writes.commands.move_client import MoveClient
from groups.services.writes.commands.remove_group import RemoveGroup
from groups.services.writes.commands.update_group import UpdateGroup
