"""Figures of the book: tidy data in, a captioned figure out."""
