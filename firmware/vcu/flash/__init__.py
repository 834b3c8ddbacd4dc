"""What lies on flash and how it survives a power cut."""
