"""What the book claims, and the numbers that decide whether it holds."""
