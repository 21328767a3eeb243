"""What all stored runs show over time: series and change points."""
