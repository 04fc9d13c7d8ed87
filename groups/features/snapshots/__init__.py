"""The clients of a group, encrypted, kept before the group is moved or removed, and their restore."""
