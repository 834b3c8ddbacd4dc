"""The vehicle controller: decides who may drive, and says so on the bus. Starts locked."""
