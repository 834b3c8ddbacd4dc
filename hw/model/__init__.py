"""A simulated vehicle: physics, route, rider, and the nodes that put it on the bus."""
