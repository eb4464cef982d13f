"""Words by models behind OpenAI-compatible endpoints: captions, and descriptions, at once or by the batch."""
