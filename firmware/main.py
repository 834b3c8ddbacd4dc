# Starts the vehicle controller, unless a mechanic's tool asked the board to stay in its REPL.
import gc
import os

try:
    os.remove("stay")  # once: the next reset starts the vehicle again
except OSError:
    # Collected often while modules load: what stays of them would else lie scattered over the whole
    # heap, with no room in one piece between.
    gc.threshold(4_096)
    from vcu import app

    app.run()
