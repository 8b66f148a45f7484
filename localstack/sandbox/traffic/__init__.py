"""Requests of clients: DNS answers, load balancers, health checks and targets."""
