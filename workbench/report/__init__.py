"""A signed work order for people: a table on a terminal, and a page that a customer is given."""
