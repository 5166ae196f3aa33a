"""One measurement of a network each, apart from the study's trainings: what a `tasks.Task` does."""
