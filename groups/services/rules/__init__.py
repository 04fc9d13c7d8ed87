"""Read the promotions and the loyalty rules of an account."""
