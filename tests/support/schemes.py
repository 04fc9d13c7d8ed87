"""Run `manage.py scheme`, and write files of schemes."""

import io
import sys
import threading
import time
from contextlib import contextmanager
from unittest.mock import patch

from django.core.management import CommandError, call_command
from django.db import connections


def scheme(*entries):
    return "groups:\n" + "".join(entries)


def entry(name, kind="discount", percent="10", bonus=None, was=None):
    """Return one group of a file, its name in quotes."""
    lines = [f'- name: "{name}"', f"  type: {kind}", f"  percent: {percent}"]
    if bonus is not None:
        lines.append(f"  birthday_bonus: {bonus}")
    if was is not None:
        lines.append(f'  was: "{was}"')
    return "\n".join(lines) + "\n"


class Ended:
    """The output of a command, and its exit status."""

    def __init__(self, code, said, told):
        self.code, self.out, self.err = code, said, told

    def __repr__(self):
        return f"{self.code}\n{self.out}\n{self.err}"


def run_scheme(*words, answer=None, during=None, err=None):
    """Run the command in this process. `during` is called when it asks, before the answer."""

    class Answer(io.StringIO):
        def readline(self, *_args):
            if during is not None:
                during()
            return f"{answer}\n" if answer is not None else ""

    out, err, code = io.StringIO(), err or io.StringIO(), 0
    with patch.object(sys, "stdin", Answer()):
        try:
            call_command("scheme", *map(str, words), stdout=out, stderr=err)
        except SystemExit as end:
            code = end.code
        except CommandError as error:
            code = error.returncode
            err.write(str(error))
    return Ended(code, out.getvalue(), err.getvalue())


@contextmanager
def worker_beside(work_queue):
    """Do what is due in a thread, as a worker beside the command does."""
    ended = threading.Event()

    def work():
        try:
            while not ended.is_set():
                work_queue()
                time.sleep(0.05)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
