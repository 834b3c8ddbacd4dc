# Runs first. Nothing is set up here: a fault in this file would lock out the mechanic's tools.
