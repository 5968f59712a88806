"""The engine: plans, schedules, watches. It touches no user file; worker processes do."""
