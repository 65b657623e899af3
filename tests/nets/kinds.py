"""Which kinds of networks there are."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from bnbook import nets


def exported() -> set[type]:
    """The specifications that `bnbook.nets` exports: dataclasses with a normaliser to choose."""
    kinds = [kind for kind in vars(nets).values() if isinstance(kind, type) and is_dataclass(kind)]
    return {kind for kind in kinds if "norm" in {each.name for each in fields(kind)}}
