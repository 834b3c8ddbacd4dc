"""The Linux computer beside the vehicle: CAN records in, signed statements out, commands back."""
