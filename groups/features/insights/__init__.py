"""Facts to know before a group is changed: what names it, what it costs, and how it came to be."""
