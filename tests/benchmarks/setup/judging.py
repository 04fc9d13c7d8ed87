"""Read an account as a run of criteria does, and print what that took; `plain` judges nobody.

Called by `tests.benchmarks.criteria` in a process of its own, with the settings of an installation.
"""

import json
import resource
import sys
import time
from datetime import timedelta

import django


def main(mode):
    django.setup()
    from django.utils import timezone

    from groups.features.criteria.services.judging import Criterion, Table, spans_of
    from groups.features.criteria.services.reading import MONTH, new_reading, read_now
    from groups.features.insights.services.sweep import PAGE_SIZE
    from groups.models import PosterCredentials
    from groups.services.clients import pages_of
    from groups.services.gateway import call_poster
    from groups.services.groups import list_groups_now

    credentials = PosterCredentials.objects.select_related("account", "user").get()
    ids = [group.id for group in list_groups_now(credentials).groups]
    table = Table(
        rows=(
            Criterion(group_id=ids[0], days=365, bought_min=60_000_00),
            Criterion(group_id=ids[1], days=90, receipts_min=30, registered_min=90),
            Criterion(group_id=ids[2], birthday_in=7),
            Criterion(group_id=ids[3], days=30, bought_min=1_000_00, receipts_min=5),
            *(Criterion(group_id=group_id, days=365, bought_max=0) for group_id in ids[4:-1]),
        ),
        otherwise=ids[-1],
        max_moves=0,
    )
    moves = 0
    began = time.process_time()
    if mode == "plain":
        today = timezone.localdate()
        for first, end in spans_of((MONTH, *table.periods)):
            days = today - timedelta(days=end - 1), today - timedelta(days=first)
            call_poster(credentials, lambda poster, days=days: poster.get_clients_sales(*days, within=120))
        for _page in pages_of(credentials, None, size=PAGE_SIZE):
            pass
    else:
        reading = new_reading(credentials, table)
        read_now(reading, seconds=600)
        moves = len(reading.moves)
    took = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": took, "memory": memory, "moves": moves}))


if __name__ == "__main__":
    main(sys.argv[1])
