# The server behind vcu/diagnosis.py (UDS, ISO 14229-1); loaded by the first request.
