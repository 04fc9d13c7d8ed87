"""Pages with a form that writes, and the responses to its outcome."""
