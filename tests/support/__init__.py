"""What several test modules share: the samples, the recorded OpenFace runs, and programs that misbehave."""
