"""The accuracy table from made-up records: what is blank, and whose seeds are counted."""

from support.invented import growing, invent, study_of

from effnet_lib.artefacts import artefact
from effnet_lib.study.profiles import ProxyBaseline

FIG3 = artefact("fig3")


def test_a_larger_test_size_is_blank_where_the_map_was_1_x_1(record_of):
    study = study_of(ProxyBaseline(0.25, 0.5, 32), profile="cpu")
    rows = FIG3.table(study, invent(study, FIG3.plan(study), record_of, lambda model: 60.0, 1))
    assert (rows["top1_larger_test"].isna() == (rows["final_px"] == 1)).all()
    assert 0 < rows["top1_larger_test"].isna().sum() < len(rows)


def test_seeds_are_those_of_the_models_mean(record_of):
    study = study_of()
    records = invent(study, FIG3.plan(study), record_of, growing(study, {"depth": 2.0}), 4)
    (base,) = [model for model in records if model.method == "baseline"]
    records[base] = {seed: records[base][seed] for seed in (0, 1)}
    rows = FIG3.table(study, records).set_index("model")
    assert rows.loc["baseline", "seeds"] == 2 and (rows["seeds"].drop("baseline") == 4).all()
