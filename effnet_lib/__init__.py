"""Regenerate the figures and tables of EfficientNet (Tan & Le 2019, arXiv 1905.11946v5).

>>> import effnet_lib as eff
>>> plan = eff.plan("fig3", profile="photos", train=False)  # what would run, and what is stored
>>> plan.study.profile.name
'photos'
>>> results = plan.results()  # or plan.run(), which trains what is missing where the profile or you say so
>>> rows = plan.table(results)  # then plan.draw(results, rows), plan.claims(results), plan.save(...)

>>> b1 = eff.scale(eff.Scaling(depth=1.1, width=1.0, resolution=240 / 224))
>>> eff.count(b1).params == eff.count(eff.published("b1")).params
True
>>> eff.compound(1.0)  # phi = 1: alpha, beta, gamma of section 3.3
Scaling(depth=1.2, width=1.1, resolution=1.15)
>>> eff.paper.table(2)["model"].iloc[0]
'EfficientNet-B0'

Everything is imported when it is first asked for: `import effnet_lib` costs neither torch nor timm.
"""

from importlib import import_module
from typing import Any

_WHERE = {
    "Claim": "stats.claims:Claim",
    "RunSpec": "runs.run_spec:RunSpec",
    "RunStore": "runs.run_store:RunStore",
    "Scaling": "models.scaling:Scaling",
    "artefacts": "artefacts",
    "compound": "models.scaling:compound",
    "contrast": "stats.intervals:contrast",
    "count": "models.complexity:count",
    "create_model": "models.timm_model:create_model",
    "judge": "stats.claims:judge",
    "load_pretrained": "models.pretrained:load",
    "paper": "paper",
    "plan": "artefacts:plan",
    "profile": "study.profiles:profile",
    "published": "models.archs.efficientnet:published",
    "resolve": "artefacts:resolve",
    "scalable": "study.scalable:built_in",
    "scale": "models.archs.efficientnet:scale",
    "seed_correlation": "report.tables.accuracy:seed_correlation",
    "training_bytes": "models.memory:training_bytes",
}
__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("effnet-lib")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _WHERE[name].partition(":")
    there = import_module(f"{__name__}.{module}")
    return getattr(there, attribute) if attribute else there


def __dir__() -> list[str]:
    return sorted(__all__)
