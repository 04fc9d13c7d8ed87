"""Client library for the Poster Web API (joinposter.com): client groups and the clients in them.

    >>> from groups.poster import PosterClient
    >>> with PosterClient("demo", token) as poster:  # doctest: +SKIP
    ...     for group in poster.get_groups().present:
    ...         print(group.name, group.percent, group.clients)

The package does not use Django and could be published as it is. `errors` lists everything it raises.
"""

from groups.poster.client import DEFAULT_URL, CallReport, PosterClient, api_url
from groups.poster.clients import Client, ClientList, ClientValues, is_removed
from groups.poster.errors import (
    ErrorReason,
    InvalidResponse,
    InvalidValue,
    NameTaken,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    PosterError,
    PosterRefused,
    TokenRejected,
    Unreachable,
)
from groups.poster.fields import UnreadableRow
from groups.poster.group_lists import GroupList, GroupTotals
from groups.poster.parsing import read_groups
from groups.poster.receipts import Receipt, ReceiptPage, ReceiptsOf
from groups.poster.records import (
    ClientSales,
    Group,
    GroupValues,
    LoyaltyRule,
    LoyaltyRuleList,
    LoyaltyType,
    Promotion,
    PromotionList,
    SalesList,
    Settings,
)
from groups.poster.transport import Probe, Timeouts, Transport, TransportFailure
