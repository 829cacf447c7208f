"""Who goes next and which outcome: strategies see choice points only."""
