"""Features that plug in from outside the tree, and tests that run in processes of their own."""
