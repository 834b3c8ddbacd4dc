// MicroPython's own definition of the Feather STM32F405, and the ROMFS that it lacks: in the upper
// half of the chip's flash (flash.ld). The files stay on the SPI flash.
#include "boards/ADAFRUIT_F405_EXPRESS/mpconfigboard.h"

#define MICROPY_HW_ROMFS_ENABLE_INTERNAL_FLASH (1)
#define MICROPY_HW_ROMFS_ENABLE_PART0 (1)
