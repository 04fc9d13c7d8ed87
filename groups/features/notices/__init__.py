"""Mails and messages in Telegram that tell users of events."""
