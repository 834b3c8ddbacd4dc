"""An application that says what it is and where it lies, for as long as it runs."""

MAIN = b"""import os
import time
try:
    os.remove("stay")
except OSError:
    import app.hello
    while True:
        print("running", app.hello.TEXT, app.hello.__file__)
        time.sleep_ms(20)
"""
