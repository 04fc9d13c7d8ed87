"""Count how many lines each wrong value makes, and how many of three servers die that start at once.

    python -m tests.tools.starts [CHECKOUT]

prints it of this or another checkout.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.support import environment
from tests.support.databases import empty_database
from tests.support.installation import COMMANDS, WRONG, Installation, at_once
from tests.support.ports import free_port


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, nargs="?", default=environment.ROOT)
    parser.add_argument("--commands", nargs="*", default=COMMANDS)
    parser.add_argument("--tries", type=int, default=4)
    options = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (scratch / "code").mkdir()
        installation = Installation(scratch / "code", options.checkout)
        print(f"{'Lines of output':48}" + "".join(f"{command:>9}" for command in options.commands))
        for what, name, value in WRONG:
            installation.wrong(name, value)
            lines = []
            for command in options.commands:
                variables = {} if name == "PORT" else {"PORT": str(free_port())}
                code, said = installation.output(command, seconds=12, **variables)
                lines.append("runs" if not code else str(len(said.splitlines())))
            print(f"{f'{name}: {what}':48}" + "".join(f"{each:>9}" for each in lines), flush=True)
        installation.write(installation.values)
        for number in range(options.tries):
            (scratch / str(number)).mkdir()
            on_sqlite = at_once(installation, f"sqlite:///{scratch}/{number}/db.sqlite3")
            with empty_database(environment.POSTGRES_URL) as url:
                on_postgresql = at_once(installation, url)
            print(
                f"Dead of three servers: {len(on_sqlite)} on SQLite, {len(on_postgresql)} on PostgreSQL",
                flush=True,
            )


if __name__ == "__main__":
    main()
