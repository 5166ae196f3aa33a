"""Renew in a checkout what people and machines read of the evidence, wherever it is no longer what the records say."""

from ..gallery import readme
from . import crate, croissant, schemas


def renew() -> bool:
    """Renew README.md, schemas, Croissant metadata and the RO-Crate; return whether anything changed.

    Raises:
        EffnetError: `rocrate` is not installed; all the others are renewed.
    """
    return any([readme.renew(), *schemas.renew(), *croissant.renew(), *crate.renew()])
