"""Descriptions by a language model behind an OpenAI-compatible endpoint: one by one, many at once, or by the batch."""
