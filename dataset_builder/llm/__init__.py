"""A chat endpoint, OpenAI's or a compatible one: requests within limits and budget, kept answers, batches."""
