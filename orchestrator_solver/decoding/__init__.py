"""Codes drawn from a language model, step by step: what audiocraft's `generate` draws, sooner and as a stream."""
