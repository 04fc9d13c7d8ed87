"""Test the bytes of the first load, as production sends them to a browser with an empty cache."""

import contextlib

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard
from tests.tools.lighthouse import GROUPS, LARGEST_LOAD, LARGEST_WITHOUT_TYPEFACE

pytestmark = pytest.mark.slow


def test_the_first_load_of_the_list_is_small(tmp_path, window_at):
    finished = []

    def keep(request):
        finished.append(request)

    with Sandbox(groups=GROUPS) as sandbox, contextlib.closing(Dashboard(tmp_path, sandbox)) as dashboard:
        dashboard.start()
        page = window_at(dashboard.urls[0], dashboard.cookie)
        page.on("requestfinished", keep)
        page.goto("/groups/")
        page.wait_for_load_state("networkidle")
        page.wait_for_function("document.fonts.status === 'loaded'")
        sizes = {request.url: request.sizes() for request in finished}
    sizes = {url: size["responseHeadersSize"] + size["responseBodySize"] for url, size in sizes.items()}
    everything, typeface = sum(sizes.values()), sum(sizes[url] for url in sizes if url.endswith(".woff2"))
    assert typeface > 0
    assert everything - typeface < LARGEST_WITHOUT_TYPEFACE, sizes
    assert everything < LARGEST_LOAD
