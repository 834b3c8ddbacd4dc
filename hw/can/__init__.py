"""The bus as `vehicle.dbc` describes it: generator of the codec's table, and the codec of hw."""
