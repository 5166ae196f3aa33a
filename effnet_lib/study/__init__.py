"""What to run: profiles, the decisions of a study, plans of artefacts, the queue, their registry.

It names networks and runs, and asks the registry for artefacts; it draws nothing and makes no table of results.
What trains or measures lives below, in `runs`, or beside, in `measure`.
"""
