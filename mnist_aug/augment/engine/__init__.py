"""The parts of the engine, and the evidence for it."""
