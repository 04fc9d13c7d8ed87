"""A local Poster Web API over real HTTP, for the demo, the tests and the benchmarks.

The sandbox follows the API documentation to the byte, keeps its state, refuses with Poster's codes, and fails
on demand in every way that a server can fail its client. It needs nothing beyond `groups.poster`; only the
TLS addresses of `network` need `trustme`.

The parameters of a POST may come as a form, as a multipart form, as JSON or in the query, as Poster's own
clients send them. The account `demo` also accepts the token of the documentation.

Where the documentation is silent, the sandbox decides:

- An account that does not exist is answered with code 11, a method in the wrong case or by the wrong verb
  with 30 in an HTTP 405.
- A write of a group needs all four values; 34 names the missing one. A `use_ewallet` left out is off
  afterwards.
- A second group of the same name is accepted, or with `unique_names` refused with 38. Names are compared
  without case and outer spaces, and removed groups do not count. Ids are never used twice.
- Answers are UTF-8 with nothing escaped.
- An update of a client changes the fields that were sent and no others. On a write `bonus` is in hryvnia and
  `total_payed_sum` in kopecks.
- A loyalty rule outlives the group that it leads to. Without `loyalty_type` the rules of both types come.
- `getClient` answers an empty list for an unknown client. `phone` finds the digits of a whole number, with
  or without a `+` before them.
- A phone number that another client has is refused with 34, an unknown group with 32, an unknown `order_by`
  with 42.
- `count_groups_clients` leaves out deleted clients, which every account lists with `delete` "1". An account
  that lists removed groups lists their clients so too; in the others both are gone.
- `dash.getClientsSales` lists everybody who bought, in the order of their ids, also clients that were removed
  since. A receipt of the past keeps its discount when a group changes. The default period is 30 days.
- `dash.getTransactions` numbers receipts in the order of their closing.

What is disputed is as `OWN` says, and any other value of it can be played: see `accounts/disputes.py`.

Reads can lag behind the writes, in the ways of `LAGS`: `Sandbox.lag` starts a lag that lasts,
`Sandbox.script` puts one on single calls. A write always meets the true state.
"""

from poster_admin.devtools.sandbox.accounts.state import Account
from poster_admin.devtools.sandbox.control import Console
from poster_admin.devtools.sandbox.faults import FAULTS, LAGS, Fault
from poster_admin.devtools.sandbox.log import Call, Log
from poster_admin.devtools.sandbox.sandbox import Sandbox

__all__ = ["FAULTS", "LAGS", "Account", "Call", "Console", "Fault", "Log", "Sandbox"]
