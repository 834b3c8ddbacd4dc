include boards/ARDUINO_PORTENTA_H7/mpconfigboard.mk

# The files are littlefs.
MICROPY_VFS_LFS2 = 1

FROZEN_MANIFEST = $(BOARD_DIR)/manifest.py
