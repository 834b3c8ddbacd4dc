# The vehicle's CAN port. `port.py` is the door; `shape.pyi` says what a controller must offer.
