"""Gold: pairs of a corrupted image and a "recovery" whose right judgement is known, made without labour.

A scene is drawn twice, once with one thing changed; the changed drawing plays the recovery. What differs is the fault,
so its place is known to the pixel. Clean photos do as well (`photos`), with fewer kinds of faults.
"""

from ru1_app.gold.base import Gold, GoldKind
from ru1_app.gold.grade import GoldKey, Grade, gold_key_from, grade, key_of
from ru1_app.gold.makers import MAKERS
from ru1_app.gold.photos import PHOTO_MAKERS
from ru1_app.gold.sets import make_set, training_set

__all__ = [
    "MAKERS",
    "PHOTO_MAKERS",
    "Gold",
    "GoldKey",
    "GoldKind",
    "Grade",
    "gold_key_from",
    "grade",
    "key_of",
    "make_set",
    "training_set",
]
