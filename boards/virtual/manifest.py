# What is frozen into the interpreter: nothing. The unix port comes as a Python package; what the
# chip of this board brings along are the files of device/.
