"""The wiring harness of each vehicle: parts, cables and wires, and WireViz sources from them."""
