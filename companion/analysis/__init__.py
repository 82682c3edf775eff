"""Estimators of the book: fits against size, and recovery predicted from theory."""
