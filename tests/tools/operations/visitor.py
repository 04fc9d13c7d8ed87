"""Use the dashboard as its first user, by way of nginx and TLS. Runs on the machine, with its packages.

python visitor.py SITE NAME PASSWORD look
python visitor.py SITE NAME PASSWORD connect TOKEN
python visitor.py SITE NAME PASSWORD edit GROUP PERCENT
python visitor.py SITE NAME PASSWORD undo GROUP
"""

import re
import sys
import time
from html import unescape

import requests


class Visitor:
    """A browser without JavaScript that is signed in."""

    def __init__(self, site, name, password):
        self.site = site
        self.session = requests.Session()
        self.session.headers["Referer"] = f"{site}/"
        self.wait_until_ready()
        self.get("/accounts/login/")
        self.post("/accounts/login/", {"username": name, "password": password})

    def wait_until_ready(self):
        """Return once the server answers and has seen a worker."""
        said = ""
        for _ in range(300):
            said = self.session.get(f"{self.site}/readyz", timeout=60).text.strip()
            if said == "ok":
                return
            time.sleep(1)
        raise SystemExit(f"Not ready: {said}")

    def get(self, path):
        answer = self.session.get(self.site + path, timeout=60)
        if answer.status_code != 200:
            raise SystemExit(f"GET {path}: {answer.status_code}")
        return answer.text

    def post(self, path, form):
        (token,) = (each.value for each in self.session.cookies if each.name.endswith("csrftoken"))
        form = form | {"csrfmiddlewaretoken": token}
        answer = self.session.post(self.site + path, form, allow_redirects=False, timeout=60)
        if answer.status_code != 302:
            raise SystemExit(f"POST {path}: {answer.status_code}")

    def connect(self, token):
        self.post("/account/", {"account": "demo", "token": token})

    def edit(self, group, percent):
        path = f"/groups/{group}/edit/"
        page = self.get(path)
        names = ("version", "operation", "name", "birthday_bonus")
        form = {name: value_of(name, page) for name in names}
        self.post(path, form | {"loyalty_type": "1", "percent": percent, "confirmed": "1"})

    def undo(self, group):
        """Undo the last change of a group."""
        rows = re.findall(r'data-change="([0-9a-f-]{36})"\s+data-group="(\d+)"', self.get("/history/"))
        change = next(change for change, changed in rows if changed == str(group))
        self.post(f"/history/{change}/undo/", {"confirmed": "1"})

    def groups(self):
        """Return the ids of the list."""
        return re.findall(r'<tr data-group="(\d+)"', self.get("/groups/"))

    def states(self):
        """Return the states of the history, the newest first."""
        return re.findall(r'data-change="[^>]*data-state="(\w+)"', self.get("/history/"))


def value_of(name, page):
    """Return the value of a field of the form."""
    field = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', page)[0]
    return unescape(re.search(r'\bvalue="([^"]*)"', field)[1])


if __name__ == "__main__":
    _, site, user, secret, action, *words = sys.argv
    visitor = Visitor(site, user, secret)
    if action != "look":
        getattr(visitor, action)(*words)
    print(f"{len(visitor.groups())} groups; history: {', '.join(visitor.states()) or 'empty'}")
