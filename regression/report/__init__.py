"""What a report says (content), and its forms: terminal, Markdown, page, JSON."""
