"""Reports as self-contained HTML: one file, pictures embedded, nothing fetched."""
