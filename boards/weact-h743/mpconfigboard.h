// MicroPython's own definition of the WeAct MiniSTM32H743, as it is: FDCAN1 on B9 and B8, files on the
// SPI flash, ROMFS on the QSPI flash.
#include "boards/WEACTSTUDIO_MINI_STM32H743/mpconfigboard.h"

#if !MICROPY_HW_ROMFS_ENABLE_PART0
#error "The application lies in ROMFS: take MicroPython 1.29 or newer."
#endif
