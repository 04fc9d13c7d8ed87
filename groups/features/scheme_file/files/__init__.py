"""Files of a scheme: read a file strictly, compare it with Poster, and write one."""
