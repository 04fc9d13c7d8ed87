"""`manage.py sandbox`: serve a local Poster API to point the dashboard at."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from poster_admin.devtools.sandbox import Call, Sandbox
from poster_admin.devtools.sandbox.accounts.disputes import points_of

ENDS = {signal.SIGINT, signal.SIGTERM}


def add_disputes(parser: CommandParser) -> None:
    parser.add_argument(
        "--dispute",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="let this fact of the account demo be so, as receipts.order=descending; several are possible",
    )


class Command(BaseCommand):
    """Serve the sandbox API until SIGINT or SIGTERM."""

    help = "Serve a local Poster API over HTTP, with invented accounts, groups and tokens."
    # The sandbox needs no site, so it also starts where the site is not configured yet.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of a `Sandbox`."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
        parser.add_argument("--port", type=int, default=8001, help="port, 0 for any free one (%(default)s)")
        parser.add_argument(
            "--groups", type=int, default=0, metavar="N", help="groups of the account demo, in all"
        )
        parser.add_argument("--clients", type=int, default=0, metavar="N", help="clients in them, in all")
        parser.add_argument("--latency", type=float, default=0, metavar="MS", help="wait before each answer")
        parser.add_argument(
            "--seed", type=int, default=1, help="all names, numbers and tokens follow from it"
        )
        parser.add_argument("--state", metavar="PATH", help="file in which the groups outlive a restart")
        parser.add_argument(
            "--unique-names", action="store_true", help="refuse a second group of the same name with code 38"
        )
        add_disputes(parser)
        parser.add_argument("--quiet", action="store_true", help="do not print a line for each call")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the address and the accounts, and serve."""
        try:
            sandbox = Sandbox(
                groups=options["groups"],
                clients=options["clients"],
                latency=options["latency"] / 1000,
                seed=options["seed"],
                host=options["host"],
                port=options["port"],
                state_path=options["state"],
                unique_names=options["unique_names"],
                disputes=points_of(options["dispute"]),
                on_call=None if options["quiet"] else self._print_call,
            )
            # Block the signals before any thread starts, and wait for them: a signal handler could run
            # while a lock is held.
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
            sandbox.start()
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self._print_accounts(sandbox)
        signal.sigwait(ENDS)
        sandbox.stop()

    def _print_accounts(self, sandbox: Sandbox) -> None:
        if sandbox.notice:
            self.stderr.write(sandbox.notice)
        self.stdout.write(sandbox.url)
        for account in sandbox.accounts.values():
            self.stdout.write(f"{account.name} {account.token}")
        self.stdout.flush()

    def _print_call(self, call: Call) -> None:
        code = "-" if call.code is None else call.code
        took = (call.seconds or 0) * 1000
        fault = f" {call.fault}" if call.fault else ""
        self.stdout.write(f"{call.verb} {call.method} {call.status} {code} {took:.1f} ms{fault}")
        self.stdout.flush()
