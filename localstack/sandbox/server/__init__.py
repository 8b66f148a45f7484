"""How AWS calls are read, answered and passed on to moto."""
