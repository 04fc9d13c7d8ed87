"""What is plugged in from outside the tree."""
