"""What every part shares: no torch, no pytest, nothing but the standard library."""
