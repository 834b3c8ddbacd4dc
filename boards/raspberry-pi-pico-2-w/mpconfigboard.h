// MicroPython's own definition of the Pico 2 W, as it is: 2.5 MiB of files behind the interpreter.
#include "boards/RPI_PICO2_W/mpconfigboard.h"
