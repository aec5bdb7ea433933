"""A made-up Dify with its truth: a company, its calls, their rows, and a console before them."""
