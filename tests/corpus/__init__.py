"""The corpus room: files in, texts out."""
