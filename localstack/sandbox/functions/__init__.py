"""Runs Lambda functions from their uploaded packages, with the machine's Node.js instead of Docker."""
