"""What alerts say in Chinese and English: words, figures, moments, and names made harmless."""
