"""Check passwords and codes, and slow down guesses."""
