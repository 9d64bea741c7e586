"""The limits of detection: what is found of campaigns of every size and care, beside what theory allows."""
