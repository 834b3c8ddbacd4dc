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
        try:
            from vcu import start
        except Exception:
            # One that is on trial and does not even begin: boot.py counts, and goes back.
            if "trial" in os.listdir():
                import time

                import machine

                time.sleep(1)  # long enough for a mechanic's Ctrl-C
                machine.reset()
            raise
        start.run()
