"""Use the Poster client alone: list an account's groups and, with `--write`, make, change and remove one.

The token comes from the environment, because other users of a machine can read the arguments of a program:

    POSTER_TOKEN=… PYTHONPATH=. python docs/examples/client.py demo 'http://127.0.0.1:8001/{account}/api/'
"""

import argparse
import os
import sys
from decimal import Decimal

from groups.poster import (
    DEFAULT_URL,
    CallReport,
    GroupValues,
    LoyaltyType,
    NameTaken,
    NotFound,
    OutcomeUnknown,
    PosterClient,
    PosterError,
)


def main() -> int:
    """Read the arguments, call Poster, and return 1 where that failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("account", help="the account's login: demo of demo.joinposter.com")
    parser.add_argument("url", nargs="?", default=DEFAULT_URL, help="address of the API (%(default)s)")
    parser.add_argument("--write", action="store_true", help="make a group, change it, and remove it again")
    options = parser.parse_args()
    token = os.environ.get("POSTER_TOKEN", "")
    try:
        with PosterClient(options.account, token, url=options.url, on_call=report) as poster:
            show_groups(poster)
            if options.write:
                write(poster)
    except (PosterError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def report(call: CallReport) -> None:
    """Print one exchange with Poster: nothing in a report is secret."""
    print(f"  {call.method} {call.outcome} {call.size} bytes", file=sys.stderr)


def show_groups(poster: PosterClient) -> None:
    """Print the groups; rows that could not be read are named, never dropped."""
    found = poster.get_groups()
    for group in found.present:
        print(f"{group.id:>4} {group.name}: {group.percent} %, {group.clients} clients")
    for row in found.unreadable:
        print(f"     unreadable: {row.problem}")


def write(poster: PosterClient) -> None:
    """Make a group, change its percent, and remove it; believe in each step only after a read."""
    values = GroupValues(
        name="Example", loyalty_type=LoyaltyType.BONUS, percent=Decimal(5), birthday_bonus=Decimal("50.00")
    )
    try:
        group_id = poster.create_group(values)
    except NameTaken:
        print("A group of this name exists.")
        return
    except OutcomeUnknown:
        # It must not be sent again: the group may be there. Only a later read can tell.
        print("The answer was lost. Look at the list before anything else.")
        raise
    print(f"Created {group_id}: {poster.get_group(group_id).percent} %")
    poster.update_group(group_id, values.replace(percent=Decimal("7.5")))
    print(f"Changed {group_id}: {poster.get_group(group_id).percent} %")
    poster.remove_group(group_id)
    try:
        poster.get_group(group_id)
    except NotFound:
        print(f"Removed {group_id}")


if __name__ == "__main__":
    sys.exit(main())
