"""The tagger: network, weights, what its tags mean."""
