"""Estimators: what tables of runs and of theory say, with errors."""
