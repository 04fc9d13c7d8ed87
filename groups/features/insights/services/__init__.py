"""Read the promotions, rules, sales and numbers of clients of an account, and keep their sums."""
