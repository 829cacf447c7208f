"""What the site says that the code says: Markdown, made when it is built."""
