"""Let several do something at the same moment."""

import threading

from django.db import connections


def at_once(*works):
    """Run functions in threads that begin at the same moment, and return their results or exceptions."""
    results, start = [None] * len(works), threading.Barrier(len(works))

    def run(number, work):
        try:
            start.wait()
            results[number] = work()
        except Exception as error:  # noqa: BLE001 - an exception is a result here
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_another_thread(work):
    """Run a function in another thread, as another process does."""
    thread = threading.Thread(target=lambda: (work(), connections.close_all()))
    thread.start()
    thread.join()
