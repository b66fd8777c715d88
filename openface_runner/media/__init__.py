"""What landed: is it ours, what was asked for, what is in it, and what does it promise."""
