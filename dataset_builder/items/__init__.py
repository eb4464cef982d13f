"""Track -> Items (mix, stems, submixes), prompt, facts."""
