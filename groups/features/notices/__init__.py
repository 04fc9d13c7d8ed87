"""Mails and messages in Telegram that notify users of events."""
