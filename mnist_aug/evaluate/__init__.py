"""What trained runs predict: on evaluation sets, and in pictures."""
