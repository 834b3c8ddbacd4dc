"""Generated from hw/uds/diagnosis.toml by `python -m hw.uds.generate`. Do not edit."""

# fmt: off

# number -> (name, type, unit, meaning)
DATA: dict[int, tuple[str, str, str, str]] = {
    0xF186: ("active_session", "u8", "", "1 default, 2 programming, 3 extended"),
    0xF18C: ("serial_number", "text", "", "the controller's own identifier, hexadecimal"),
    0xF190: ("vehicle", "text", "", "the vehicle's identifier, in the place of a VIN"),
    0xF195: ("software_version", "text", "", "version of the application that runs"),
    0xF1A0: ("software_hash", "u32", "", "first four bytes of the SHA-256 of the application, as in VCU_Heartbeat"),
    0x0101: ("speed", "s16", "mm/s", "wheel speed, positive is forward"),
    0x0102: ("odometer", "u32", "m", "way of the wheels in the vehicle's life"),
    0x0103: ("pack_voltage", "u32", "mV", "voltage of the drive battery"),
    0x0104: ("charge", "u16", "permille", "state of charge of the drive battery"),
    0x0105: ("supply", "u16", "mV", "the 12 V supply of the controller"),
    0x0106: ("uptime", "u32", "s", "since this start of the controller"),
    0x0107: ("time", "u32", "s", "since 1970, UTC"),
    0x0108: ("node_code", "u32", "", "only in freeze frames: the fault code of docs/protocol.md section 6"),
    0x0109: ("lock_state", "u8", "", "0 LOCKED, 1 READY, 2 DRIVE, 3 LOCK_PENDING"),
    0x010A: ("drive_reason", "u8", "", "why there is no drive, or why it is limited (docs/safety.md)"),
    0x010B: ("starts", "u32", "", "starts of the controller in the vehicle's life"),
    0x010C: ("crashes", "u32", "", "starts after a crash or a watchdog's reset"),
    0x010D: ("missed_frames", "u32", "", "cyclic frames that came too late since this start"),
    0x010E: ("bus_offs", "u32", "", "times that errors took the controller off the bus since this start"),
    0x010F: ("parked", "u8", "", "1 if it is locked and was seen to stand, which most services need"),
    0x0120: ("diagnosis_left", "u16", "s", "how long the security level is open; 0: closed"),
    0x0121: ("refusal", "u8", "", "code of the presentation that SecurityAccess refused last, 0 for none (docs/protocol.md section 5)"),
    0x0130: ("update_offset", "u32", "bytes", "bytes of the update that were taken: where a download that broke off goes on"),
    0x0131: ("update_code", "u8", "", "why the update was refused, 0 for no reason (docs/updates.md)"),
}
FREEZE = (257, 258, 259, 260, 261, 262, 263, 264)
# number -> name
ROUTINES: dict[int, str] = {
    0x0201: "self_test",
    0xFF01: "check_update",
    0x0203: "activate_update",
    0x0204: "rollback",
}
# number -> (code, node, fault, English, French, what to do)
TROUBLES: dict[int, tuple[str, str, str, str, str, str]] = {
    0xC07388: ("U0073-88", "VCU", "BUS_OFF", "The vehicle controller was taken off the bus", "Le calculateur du véhicule a été écarté du bus", "Measure 60 Ω between CAN-H and CAN-L with the supply off; look for a short and for a node at another bit rate."),
    0xC11087: ("U0110-87", "MC", "SILENT", "The motor controller is silent", "Le contrôleur moteur ne répond plus", "Look at its supply, its fuse and its plug; then at the bus behind it."),
    0xC11187: ("U0111-87", "BMS", "SILENT", "The battery is silent", "La batterie ne répond plus", "Wake the battery with its button; look at its plug and at its own fault light."),
    0xD10487: ("U1104-87", "CHG", "SILENT", "The charger is silent", "Le chargeur ne répond plus", "Usual after it was unplugged without being told; plug it in again, then clear."),
    0xC15587: ("U0155-87", "HMI", "SILENT", "The panel is silent", "Le tableau de bord ne répond plus", "Look at the panel's plug; without key, brake and gear the vehicle does not start."),
    0xD10687: ("U1106-87", "GNSS", "SILENT", "The satellite receiver is silent", "Le récepteur satellite ne répond plus", "Look at its plug and its antenna; the vehicle drives without it."),
    0xD10787: ("U1107-87", "GW", "SILENT", "The gateway is silent", "La passerelle ne répond plus", "Look at the gateway's supply and its lights; records wait on the vehicle meanwhile."),
    0x110200: ("P1102-00", "MC", "REPORTED", "The motor controller reports a fault", "Le contrôleur moteur signale un défaut", "Its own code is in the freeze frame (node_code): look it up in its manual."),
    0x110300: ("P1103-00", "BMS", "REPORTED", "The battery reports a fault", "La batterie signale un défaut", "Its own code is in the freeze frame (node_code). Do not charge it before you know it."),
    0x110100: ("P1101-00", "VCU", "FLASH", "The controller's memory cannot be written", "La mémoire du calculateur ne peut plus être écrite", "Read out the records, then replace the board: its flash is worn or damaged."),
    0x111000: ("P1110-00", "VCU", "CONFIG_MISSING", "The vehicle's configuration is missing", "La configuration du véhicule manque", "Write it with `trifleet bench provision`; until then the vehicle goes at walking pace."),
    0x111100: ("P1111-00", "VCU", "CONFIG_UNREADABLE", "The vehicle's configuration cannot be read", "La configuration du véhicule est illisible", "Write it again with `trifleet bench provision`; if it comes back, replace the board."),
    0x912000: ("B1120-00", "VCU", "GNSS_SPOOFED", "The satellites say that it moves, the wheels say that it stands", "Les satellites indiquent un mouvement, les roues un arrêt", "Was it towed or carried? If not, somebody disturbs the reception, or the wheel sensor is broken."),
    0x912100: ("B1121-00", "VCU", "WHEELS_ON_STAND", "The wheels turn and the vehicle stays where it is", "Les roues tournent mais le véhicule reste sur place", "Usual on a stand. On the road: look at the wheel sensor and at the tyre in the configuration."),
    0x912200: ("B1122-00", "VCU", "GNSS_LEAP", "The position leaped", "La position a fait un saut", "Look at the antenna and its view of the sky."),
    0x912300: ("B1123-00", "VCU", "CLOCK_JUMP", "The controller's clock jumped", "L’horloge du calculateur a sauté", "Replace the coin cell of the clock, if the board has one."),
    0x912400: ("B1124-00", "VCU", "ODOMETER_DRIFT", "Odometer and satellites do not agree", "Le compteur kilométrique et les satellites ne concordent pas", "Compare tyre and gear with the vehicle's configuration."),
}
