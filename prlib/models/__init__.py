"""Problems beside phase retrieval with one field, one a file."""
