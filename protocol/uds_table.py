"""Generated from hw/uds/diagnosis.toml by `python -m hw.uds.generate`. Do not edit."""

# fmt: off

ACTIVE_SESSION = 0xF186
SERIAL_NUMBER = 0xF18C
VEHICLE = 0xF190
SOFTWARE_VERSION = 0xF195
SOFTWARE_HASH = 0xF1A0
SPEED = 0x0101
ODOMETER = 0x0102
PACK_VOLTAGE = 0x0103
CHARGE = 0x0104
SUPPLY = 0x0105
UPTIME = 0x0106
TIME = 0x0107
NODE_CODE = 0x0108
LOCK_STATE = 0x0109
DRIVE_REASON = 0x010A
STARTS = 0x010B
CRASHES = 0x010C
MISSED_FRAMES = 0x010D
BUS_OFFS = 0x010E
PARKED = 0x010F
DIAGNOSIS_LEFT = 0x0120
REFUSAL = 0x0121
UPDATE_OFFSET = 0x0130
UPDATE_CODE = 0x0131
SELF_TEST = 0x0201
CHECK_UPDATE = 0xFF01
ACTIVATE_UPDATE = 0x0203
ROLLBACK = 0x0204
# number (2), then the bytes of the value, 0 for a text, with SIGNED and FREEZE
SIGNED = 0x80
FREEZE = 0x40
DATA = (
    b"\xf1\x86\x01"  # active_session
    b"\xf1\x8c\x00"  # serial_number
    b"\xf1\x90\x00"  # vehicle
    b"\xf1\x95\x00"  # software_version
    b"\xf1\xa0\x04"  # software_hash
    b"\x01\x01\xc2"  # speed
    b"\x01\x02\x44"  # odometer
    b"\x01\x03\x44"  # pack_voltage
    b"\x01\x04\x42"  # charge
    b"\x01\x05\x42"  # supply
    b"\x01\x06\x44"  # uptime
    b"\x01\x07\x44"  # time
    b"\x01\x08\x44"  # node_code
    b"\x01\x09\x01"  # lock_state
    b"\x01\x0a\x01"  # drive_reason
    b"\x01\x0b\x04"  # starts
    b"\x01\x0c\x04"  # crashes
    b"\x01\x0d\x04"  # missed_frames
    b"\x01\x0e\x04"  # bus_offs
    b"\x01\x0f\x01"  # parked
    b"\x01\x20\x02"  # diagnosis_left
    b"\x01\x21\x01"  # refusal
    b"\x01\x30\x04"  # update_offset
    b"\x01\x31\x01"  # update_code
)
# code (3), node, fault code (3), where 0 is any code that the node reports of itself
TROUBLES = (
    b"\xc0\x73\x88\x01\x01\x00\x01"  # U0073-88 VCU BUS_OFF
    b"\xc1\x10\x87\x02\x01\x00\x00"  # U0110-87 MC SILENT
    b"\xc1\x11\x87\x03\x01\x00\x00"  # U0111-87 BMS SILENT
    b"\xd1\x04\x87\x04\x01\x00\x00"  # U1104-87 CHG SILENT
    b"\xc1\x55\x87\x05\x01\x00\x00"  # U0155-87 HMI SILENT
    b"\xd1\x06\x87\x06\x01\x00\x00"  # U1106-87 GNSS SILENT
    b"\xd1\x07\x87\x07\x01\x00\x00"  # U1107-87 GW SILENT
    b"\x11\x02\x00\x02\x00\x00\x00"  # P1102-00 MC REPORTED
    b"\x11\x03\x00\x03\x00\x00\x00"  # P1103-00 BMS REPORTED
    b"\x11\x01\x00\x01\x01\x00\x02"  # P1101-00 VCU FLASH
    b"\x11\x10\x00\x01\x01\x00\x03"  # P1110-00 VCU CONFIG_MISSING
    b"\x11\x11\x00\x01\x01\x00\x04"  # P1111-00 VCU CONFIG_UNREADABLE
    b"\x91\x20\x00\x01\x01\x00\x10"  # B1120-00 VCU GNSS_SPOOFED
    b"\x91\x21\x00\x01\x01\x00\x11"  # B1121-00 VCU WHEELS_ON_STAND
    b"\x91\x22\x00\x01\x01\x00\x12"  # B1122-00 VCU GNSS_LEAP
    b"\x91\x23\x00\x01\x01\x00\x13"  # B1123-00 VCU CLOCK_JUMP
    b"\x91\x24\x00\x01\x01\x00\x14"  # B1124-00 VCU ODOMETER_DRIFT
)
