# With 8 MiB of PSRAM on eight lines, and 8 MiB of flash.
set(MICROPY_BOARD_VARIANT SPIRAM_OCT)
include(${MICROPY_PORT_DIR}/boards/ESP32_GENERIC_S3/mpconfigboard.cmake)

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
