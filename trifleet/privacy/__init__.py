"""What is held about riders: how long, handed out, erased."""
