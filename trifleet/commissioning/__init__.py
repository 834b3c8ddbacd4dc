"""From a bare board to a vehicle of the fleet: what `trifleet bench` does beyond the workbench."""
