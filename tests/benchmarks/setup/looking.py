"""Look at the clients of an account as a worker does at night, and print what that took; `plain` reads only.

Called by `tests.benchmarks.movements` in a process of its own, with the settings of an installation.
"""

import json
import resource
import sys
import time

import django


def main(mode):
    django.setup()
    from django.utils import timezone

    from groups.features.elsewhere.models import Watch
    from groups.features.insights.services.sweep import PAGE_SIZE
    from groups.features.movements.models import Movement, Roll
    from groups.features.movements.services import looking
    from groups.models import PosterCredentials
    from groups.services.clients import pages_of

    credentials = PosterCredentials.objects.select_related("account", "user").get()
    Watch.objects.get_or_create(account=credentials.account, defaults={"credentials": credentials})
    began, roll = time.process_time(), b""
    if mode == "plain":
        for _page in pages_of(credentials, None, size=PAGE_SIZE):
            pass
    else:
        Roll.objects.update(next_look_at=timezone.now())
        for account in looking.accounts_due():
            looking.look_at(account)
        roll = Roll.objects.get().packed
    took = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = Movement.objects.count()
    print(json.dumps({"cpu": took, "memory": memory, "movements": found, "roll": len(roll)}))


if __name__ == "__main__":
    main(sys.argv[1])
