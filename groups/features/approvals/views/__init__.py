"""Views of the limits, of the requests beyond them, and what a form answers that goes beyond them."""
