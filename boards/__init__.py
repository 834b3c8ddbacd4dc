"""The boards that carry the vehicle controller: one folder each, the same file names in each."""
