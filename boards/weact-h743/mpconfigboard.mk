include boards/WEACTSTUDIO_MINI_STM32H743/mpconfigboard.mk

FROZEN_MANIFEST = $(BOARD_DIR)/manifest.py
