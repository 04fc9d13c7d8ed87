"""Read the promotions, rules, sales and clients of an account, and keep their sums."""

from groups.features.insights.models import ClientCount
from groups.features.insights.services import sales, scheme, sweep
from groups.services.groups import list_listeners
from groups.services.installation.maintenance import prune, routine

__all__ = ["sales", "scheme", "sweep"]

list_listeners.append(ClientCount.objects.keep)
routine("count clients", pause=60.0)(ClientCount.objects.keep_of_copies)
prune("numbers of clients")(ClientCount.objects.forget_old)
