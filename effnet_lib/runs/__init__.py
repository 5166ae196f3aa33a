"""A run or a measurement, from its spec to the stored record: keys, stores, one worker, sweeps and their budget.

What a run means is in `training`; which runs an artefact or a study wants is above, in `study` and `artefacts`.
"""
