"""Models in other libraries' formats, with a card that says what they are and whose."""
