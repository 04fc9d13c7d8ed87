"""Read the promotions, rules, sales and clients of an account, and keep their sums."""
