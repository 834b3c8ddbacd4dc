# With 8 MiB of PSRAM on eight lines, and 8 MiB of flash.
include(${MICROPY_PORT_DIR}/boards/ESP32_GENERIC_S3/mpconfigboard.cmake)
include(${MICROPY_PORT_DIR}/boards/ESP32_GENERIC_S3/mpconfigvariant_SPIRAM_OCT.cmake)

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
