"""What mechanics run: everything they do to a board goes over its serial port."""
