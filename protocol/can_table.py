"""Generated from hw/can/vehicle.dbc by `python -m hw.can.generate`. Do not edit."""

# MESSAGES: name -> (identifier, length, cycle_ms, timeout_ms, alive_start, signals)
#   alive_start: first bit of the 4-bit alive counter; None if the message is not protected.
#   A protected message has its CRC in the last byte. Neither counter nor CRC is among the signals.
#   signals: (name, start bit, bits, signed, minimum, maximum), little endian.
#   A message without signals carries raw bytes (ISO-TP).
# IDENTIFIERS: identifier -> name.
# The words for numbers are in protocol/lock.py and protocol/refusal.py: the vehicle needs no text.
# fmt: off
MESSAGES: dict[
    str,
    tuple[int, int, int, int, int | None, tuple[tuple[str, int, int, bool, int, int], ...]],
] = {
    "VCU_Drive": (0x50, 8, 20, 200, 48, (
        ("Enable", 0, 1, False, 0, 1),
        ("Mode", 1, 3, False, 0, 3),
        ("Direction", 4, 2, False, 0, 2),
        ("TorqueCap_pct", 8, 8, False, 0, 100),
        ("SpeedCap_mmps", 16, 16, False, 0, 65535),
        ("Reason", 32, 8, False, 0, 255),
        ("Warning", 40, 8, False, 0, 255),
    )),
    "VCU_Lock": (0xA0, 8, 100, 500, 48, (
        ("Locked", 0, 1, False, 0, 1),
        ("Pending", 1, 1, False, 0, 1),
        ("State", 2, 3, False, 0, 3),
        ("Reason", 8, 8, False, 0, 255),
        ("Refusal", 16, 8, False, 0, 255),
    )),
    "VCU_Panel": (0xB0, 8, 200, 1000, 48, (
        ("Screen", 0, 8, False, 0, 255),
        ("Led", 8, 3, False, 0, 7),
        ("Sound", 11, 2, False, 0, 3),
        ("Typed", 13, 5, False, 0, 31),
        ("Number", 24, 16, False, 0, 65535),
        ("Battery_pct", 40, 8, False, 0, 255),
    )),
    "MC_Status1": (0x110, 8, 20, 200, 48, (
        ("Speed_mmps", 0, 16, True, -32768, 32767),
        ("Motor_rpm", 16, 14, True, -8192, 8191),
        ("Current_dA", 30, 12, True, -2048, 2047),
        ("Enabled", 42, 1, False, 0, 1),
        ("Fault", 43, 1, False, 0, 1),
    )),
    "MC_Status2": (0x111, 8, 200, 1000, 48, (
        ("MotorTemp_C", 0, 8, True, -40, 127),
        ("InverterTemp_C", 8, 8, True, -40, 127),
        ("FaultCode", 16, 16, False, 0, 65535),
    )),
    "BMS_Pack": (0x210, 8, 100, 500, 48, (
        ("Voltage_mV", 0, 17, False, 0, 131071),
        ("Current_dA", 17, 13, True, -4096, 4095),
        ("Soc_permille", 30, 10, False, 0, 1000),
        ("ContactorClosed", 40, 1, False, 0, 1),
        ("Fault", 41, 1, False, 0, 1),
    )),
    "BMS_Cells": (0x211, 8, 1000, 3000, 48, (
        ("CellMin_mV", 0, 13, False, 0, 8191),
        ("CellMax_mV", 13, 13, False, 0, 8191),
        ("CellMinIndex", 26, 6, False, 0, 63),
        ("CellMaxIndex", 32, 6, False, 0, 63),
    )),
    "BMS_Temp": (0x212, 8, 500, 3000, 48, (
        ("TempMin_C", 0, 8, True, -40, 127),
        ("TempMax_C", 8, 8, True, -40, 127),
        ("FaultCode", 16, 16, False, 0, 65535),
    )),
    "CHG_Status": (0x310, 8, 500, 2000, 48, (
        ("Plugged", 0, 1, False, 0, 1),
        ("Charging", 1, 1, False, 0, 1),
        ("Voltage_mV", 8, 17, False, 0, 131071),
        ("Current_dA", 25, 13, True, -4096, 4095),
    )),
    "HMI_Inputs": (0x410, 8, 50, 300, 48, (
        ("Key", 0, 1, False, 0, 1),
        ("Brake", 1, 1, False, 0, 1),
        ("Gear", 2, 2, False, 0, 2),
        ("Horn", 4, 1, False, 0, 1),
        ("Lights", 5, 1, False, 0, 1),
        ("SteeringAngle_cdeg", 8, 16, True, -9000, 9000),
        ("Throttle_permille", 24, 10, False, 0, 1000),
    )),
    "HMI_Keys": (0x411, 8, 100, 500, 48, (
        ("Presses", 0, 8, False, 0, 255),
        ("Digit", 8, 4, False, 0, 15),
        ("Egress", 12, 1, False, 0, 1),
    )),
    "GNSS_Position": (0x420, 8, 200, 1000, None, (
        ("Latitude_e7", 0, 32, True, -900000000, 900000000),
        ("Longitude_e7", 32, 32, True, -1800000000, 1800000000),
    )),
    "GNSS_Status": (0x421, 8, 200, 1000, 48, (
        ("Speed_mmps", 0, 16, False, 0, 65535),
        ("Heading_cdeg", 16, 16, False, 0, 35999),
        ("Satellites", 32, 6, False, 0, 63),
        ("Fix", 38, 2, False, 0, 3),
        ("Hdop_d", 40, 8, False, 0, 255),
    )),
    "GW_Request": (0x500, 8, 0, 0, None, ()),
    "VCU_RequestFlow": (0x508, 8, 0, 0, None, ()),
    "GW_RecordFlow": (0x510, 8, 0, 0, None, ()),
    "VCU_Record": (0x518, 8, 0, 0, None, ()),
    "VCU_Heartbeat": (0x701, 8, 500, 1500, 4, (
        ("State", 0, 4, False, 0, 15),
        ("BootCount", 8, 16, False, 0, 65535),
        ("SoftwareHash", 24, 32, False, 0, 4294967295),
    )),
    "MC_Heartbeat": (0x702, 8, 500, 1500, 4, (
        ("State", 0, 4, False, 0, 15),
        ("BootCount", 8, 16, False, 0, 65535),
        ("SoftwareHash", 24, 32, False, 0, 4294967295),
    )),
    "BMS_Heartbeat": (0x703, 8, 500, 1500, 4, (
        ("State", 0, 4, False, 0, 15),
        ("BootCount", 8, 16, False, 0, 65535),
        ("SoftwareHash", 24, 32, False, 0, 4294967295),
    )),
    "CHG_Heartbeat": (0x704, 8, 500, 1500, 4, (
        ("State", 0, 4, False, 0, 15),
        ("BootCount", 8, 16, False, 0, 65535),
        ("SoftwareHash", 24, 32, False, 0, 4294967295),
    )),
    "HMI_Heartbeat": (0x705, 8, 500, 1500, 4, (
        ("State", 0, 4, False, 0, 15),
        ("BootCount", 8, 16, False, 0, 65535),
        ("SoftwareHash", 24, 32, False, 0, 4294967295),
    )),
    "GNSS_Heartbeat": (0x706, 8, 500, 1500, 4, (
        ("State", 0, 4, False, 0, 15),
        ("BootCount", 8, 16, False, 0, 65535),
        ("SoftwareHash", 24, 32, False, 0, 4294967295),
    )),
    "GW_Heartbeat": (0x707, 8, 500, 1500, 4, (
        ("State", 0, 4, False, 0, 15),
        ("BootCount", 8, 16, False, 0, 65535),
        ("SoftwareHash", 24, 32, False, 0, 4294967295),
    )),
}

IDENTIFIERS: dict[int, str] = {
    0x50: "VCU_Drive",
    0xA0: "VCU_Lock",
    0xB0: "VCU_Panel",
    0x110: "MC_Status1",
    0x111: "MC_Status2",
    0x210: "BMS_Pack",
    0x211: "BMS_Cells",
    0x212: "BMS_Temp",
    0x310: "CHG_Status",
    0x410: "HMI_Inputs",
    0x411: "HMI_Keys",
    0x420: "GNSS_Position",
    0x421: "GNSS_Status",
    0x500: "GW_Request",
    0x508: "VCU_RequestFlow",
    0x510: "GW_RecordFlow",
    0x518: "VCU_Record",
    0x701: "VCU_Heartbeat",
    0x702: "MC_Heartbeat",
    0x703: "BMS_Heartbeat",
    0x704: "CHG_Heartbeat",
    0x705: "HMI_Heartbeat",
    0x706: "GNSS_Heartbeat",
    0x707: "GW_Heartbeat",
}
