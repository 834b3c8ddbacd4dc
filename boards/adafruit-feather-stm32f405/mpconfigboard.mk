MCU_SERIES = f4
CMSIS_MCU = STM32F405xx
AF_FILE = boards/stm32f405_af.csv
# In one piece from the beginning of the flash: there are no files between.
LD_FILES = $(BOARD_DIR)/flash.ld boards/common_basic.ld
TEXT0_ADDR = 0x08000000

# The files are littlefs.
MICROPY_VFS_LFS2 = 1

FROZEN_MANIFEST = $(BOARD_DIR)/manifest.py
