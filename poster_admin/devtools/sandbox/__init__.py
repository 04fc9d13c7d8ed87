"""A local Poster Web API over real HTTP, for the demo, the tests and the benchmarks.

It follows the API documentation to the byte, keeps its state, refuses with Poster's codes, and fails on
demand in every way that a server can fail its client. It listens where it is told to and needs nothing but
the standard library.

It takes what Poster's own clients send: the parameters of a POST as a form, as a multipart form, as JSON or
in the query, and for `demo` the token of the documentation too.

Where the documentation is silent, this is what the sandbox does: an account that does not exist is
answered with code 11; a method in the wrong case or by the wrong verb with 30 in an HTTP 405; the four
values of a group are all required on a write (34 names the missing one); a `use_ewallet` left out is off
afterwards; a second group of the same name is taken, or with `unique_names` refused with 38, where names are
compared without regard to case and outer spaces, and removed groups do not count; ids are never used twice;
answers are UTF-8 with nothing escaped.

Of clients: an update changes what was sent and nothing else; on a write `bonus` is in hryvnia and
`total_payed_sum` in kopecks; a client that is not there is an empty list to
`getClient`; `phone` finds the digits of a whole number, a `+` before them is no matter; a phone number that
another client has is refused with 34, a group that is not there with 32, an unknown `order_by` with 42;
`count_groups_clients` counts without deleted clients, who are listed with `delete` "1" in every account; the
clients of a removed group are listed so where removed groups are, and are gone where those are.

Reads can lag behind the writes, which always meet the true state: with one of `LAGS`, by `Sandbox.lag` for as
long as is wished, or by `Sandbox.script` for single calls.
"""

from poster_admin.devtools.sandbox.control import Console
from poster_admin.devtools.sandbox.faults import FAULTS, LAGS, Fault
from poster_admin.devtools.sandbox.log import Call, Log
from poster_admin.devtools.sandbox.sandbox import Sandbox
from poster_admin.devtools.sandbox.state import Account

__all__ = ["FAULTS", "LAGS", "Account", "Call", "Console", "Fault", "Log", "Sandbox"]
