"""Telemetry by the names of the COVESA Vehicle Signal Specification, release 5.1.

For who reads records; a vehicle speaks in numbers. What VSS has no name for is left out.
"""

VERSION = "5.1"
_BATTERY = "Vehicle.Powertrain.TractionBattery."
_CABLE = _BATTERY + "Charging.ChargingPort.AnyPosition.IsChargingCableConnected"

# Field of a TELEMETRY record -> (path, unit, numerator, denominator): value times the fraction.
FIELDS = {
    "speed_mmps": ("Vehicle.Speed", "km/h", 9, 2500),
    "odometer_m": ("Vehicle.TraveledDistance", "km", 1, 1000),
    "pack_mv": (_BATTERY + "CurrentVoltage", "V", 1, 1000),
    # Ours is positive when discharging, theirs when charging.
    "pack_da": (_BATTERY + "CurrentCurrent", "A", -1, 10),
    "soc_permille": (_BATTERY + "StateOfCharge.Current", "percent", 1, 10),
    "lat_e7": ("Vehicle.CurrentLocation.Latitude", "degrees", 1, 10_000_000),
    "lon_e7": ("Vehicle.CurrentLocation.Longitude", "degrees", 1, 10_000_000),
    "motor_temp_c": ("Vehicle.Powertrain.ElectricMotor.Temperature", "celsius", 1, 1),
    "heading_cdeg": ("Vehicle.CurrentLocation.Heading", "degrees", 1, 100),
    "cell_min_mv": (_BATTERY + "CellVoltage.Min", "V", 1, 1000),
    "cell_max_mv": (_BATTERY + "CellVoltage.Max", "V", 1, 1000),
    "supply_mv": ("Vehicle.LowVoltageBattery.CurrentVoltage", "V", 1, 1000),
    "steering_cdeg": ("Vehicle.Chassis.Axle.Row1.SteeringAngle", "degrees", 1, 100),
    "pack_temp_c": (_BATTERY + "Temperature.Max", "celsius", 1, 1),
}
# Field -> (path of bit 0, path of bit 1): true or false.
BITS = {"charging": (_CABLE, _BATTERY + "Charging.IsCharging")}
# No path: the lock is not a matter of VSS, the others are of this vehicle's kind.
UNNAMED = ("state", "inverter_temp_c", "gnss_speed_mmps", "cap_mmps", "warning", "rest")


def convert(body: dict[str, int]) -> dict[str, float | bool]:
    """A telemetry body by names (`Record.named`) as VSS values by path."""
    values: dict[str, float | bool] = {}
    for name in body:
        if name in FIELDS:
            path, _, numerator, denominator = FIELDS[name]
            values[path] = body[name] * numerator / denominator
        for bit, path in enumerate(BITS.get(name, ())):
            values[path] = bool(body[name] >> bit & 1)
    return values
