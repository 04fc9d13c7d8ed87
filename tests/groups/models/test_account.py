"""Test the counter of writes of an account."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from groups.models import PosterAccount

THREADS, WRITES = 4, 10


@pytest.mark.django_db(transaction=True)
def test_threads_that_share_an_account_count_each_write():
    account = PosterAccount.objects.create(name="shared")

    def count(_thread):
        for _ in range(WRITES):
            account.count_write()
            assert isinstance(account.writes, int)
        connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(count, range(THREADS)))
    assert PosterAccount.objects.get(pk=account.pk).writes == THREADS * WRITES
