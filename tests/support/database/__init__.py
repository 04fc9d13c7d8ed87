"""Replace the `flush` of Django in test runs: this app is first in INSTALLED_APPS, and so its command too."""
