"""Language models that can teach or learn in the lab."""
