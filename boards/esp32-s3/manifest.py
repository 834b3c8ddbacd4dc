# What is frozen into the interpreter. The firmware imports nothing of micropython-lib, so there is
# no require(); the application itself is no part of the interpreter.
include("$(PORT_DIR)/boards/manifest.py")
# Which board this is; boards/interpreter.py writes it beside this file.
module("trifleet_board.py")
