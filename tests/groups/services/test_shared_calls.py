"""Test whom one read of Poster is shared with."""

from groups.services.shared_calls import alone


def nothing():
    return None


def test_installations_of_another_poster_do_not_wait_for_each_other(settings):
    def ask_another():
        settings.POSTER_API_URL = "http://127.0.0.1:9/another/{account}/api/"
        return alone("demo one", nothing, lambda: "there")

    settings.POSTER_READ_DEADLINE = 0.5
    assert alone("demo one", nothing, ask_another) == "there"
