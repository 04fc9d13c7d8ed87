"""A list of clients, pasted or uploaded: who of it is found goes to a group, by an ordinary move."""
