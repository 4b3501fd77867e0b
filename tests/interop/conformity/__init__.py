"""The parts of the comparison of Gatepost with the nginx that the package configures."""
