"""Follow docs/operations.md on a Debian of one's own."""
