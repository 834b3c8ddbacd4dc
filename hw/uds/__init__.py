"""What a tester can ask of the vehicle controller: the table, and what is generated from it."""
