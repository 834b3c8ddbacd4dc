# Starts the vehicle controller, unless a mechanic's tool asked the board to stay in its REPL.
import os

try:
    os.remove("stay")  # once: the next reset starts the vehicle again
except OSError:
    from vcu import app

    app.run()
