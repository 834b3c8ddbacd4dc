// MicroPython's own definition of the Portenta H7, as it is: FDCAN1 on H13 and B8, QSPI flash with
// files in front and ROMFS behind.
#include "boards/ARDUINO_PORTENTA_H7/mpconfigboard.h"

#if !MICROPY_HW_ROMFS_ENABLE_PART0
#error "The application lies in ROMFS: take MicroPython 1.29 or newer."
#endif
