"""Tell people by mail or in Telegram what happens to the groups of an account.

A worker looks for events, writes a notice down for each reader (`outbox`), and sends the notices
(`deliveries`) as mails (`mails`) or to the chat that the reader has set (`telegram`).
"""

from groups.features.notices.services import deliveries, outbox

__all__ = ["deliveries", "outbox"]
