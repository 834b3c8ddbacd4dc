# Starts the vehicle controller, unless a mechanic's tool asked the board to stay in its REPL.
# That is looked at first, whatever the application is like.
import gc
import os

try:
    os.remove("stay")  # once: the next reset starts the vehicle again
except OSError:
    if globals().get("slot") is not None:  # boot.py found an application
        # Collected often while modules load: what stays of them would else lie scattered over the
        # whole heap, with no room in one piece between.
        gc.threshold(4_096)
        from vcu import start

        start.run()
