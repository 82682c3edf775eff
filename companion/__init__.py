"""The book beside the library: notebooks re-executed, analysis, claims, figures, pages."""
