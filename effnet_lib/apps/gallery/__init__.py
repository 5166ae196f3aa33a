"""The gallery: one static site of every artefact's figures, tables, verdicts and executed notebooks."""
