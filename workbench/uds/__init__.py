"""The vehicle controller from the other side of the bus: a tester that speaks UDS."""
