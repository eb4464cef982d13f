"""Items, what a model can be asked to play: the mix, stems and submixes of a track, with prompt and references."""
