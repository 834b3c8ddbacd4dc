"""The EVM contract: source, what the compiler made of it, and how the two are held together."""
