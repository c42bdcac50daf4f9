"""Labels as training data: releases in the formats that trainers read."""

from ru1_app.export.formats import FORMATS
from ru1_app.export.manifest import Manifest, differences, read_manifest
from ru1_app.export.release import Plan, plan, write_release
from ru1_app.export.selection import Selection

__all__ = ["FORMATS", "Manifest", "Plan", "Selection", "differences", "plan", "read_manifest", "write_release"]
