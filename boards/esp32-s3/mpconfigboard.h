// MicroPython's own definition of a module with an ESP32-S3, as it is.
#include "boards/ESP32_GENERIC_S3/mpconfigboard.h"
