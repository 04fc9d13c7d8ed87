"""Pages of the sign-in and of the people: their views, forms and addresses."""
