"""Names of the fault codes that a vehicle controller gives; the vehicle itself needs none.

Codes up to 0xFFFF are what a node reports of itself.
"""

SILENT = 0x1_0000
BUS_OFF = 0x1_0001
FLASH = 0x1_0002
GNSS_SPOOFED = 0x1_0010
WHEELS_ON_STAND = 0x1_0011
GNSS_LEAP = 0x1_0012
CLOCK_JUMP = 0x1_0013
ODOMETER_DRIFT = 0x1_0014
NAMES = {
    SILENT: "SILENT",
    BUS_OFF: "BUS_OFF",
    FLASH: "FLASH",
    GNSS_SPOOFED: "GNSS_SPOOFED",
    WHEELS_ON_STAND: "WHEELS_ON_STAND",
    GNSS_LEAP: "GNSS_LEAP",
    CLOCK_JUMP: "CLOCK_JUMP",
    ODOMETER_DRIFT: "ODOMETER_DRIFT",
}
NODES = {1: "VCU", 2: "MC", 3: "BMS", 4: "CHG", 5: "HMI", 6: "GNSS", 7: "GW"}
