// The interpreter of the virtual board is not built here: it is the unix port out of the Python
// package that requirements.txt names.
