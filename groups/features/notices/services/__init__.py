"""Tell people by mail, and programs by a webhook, what happens to the groups of an account.

A worker looks for events, writes a notice down for each reader (`outbox`), and sends the notices
(`deliveries`) as mails (`mails`) or to the webhook (`webhooks`). An owner may try the webhook (`trial`).
"""
