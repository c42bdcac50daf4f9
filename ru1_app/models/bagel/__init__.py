"""Robust-U1 and BAGEL: one architecture, one file layout, loaded as published (docs/robust_u1.md).

`load.open_bagel` gives a `model.Bagel`; `edit` and `reasoner` hold upstream's two ways of using it;
`adapter` stands behind the protocols of `models.base`. The formulas follow the published code of
Robust-U1 (a fork of ByteDance-Seed/BAGEL, arXiv 2505.14683); where that code does something by accident,
`settings.Choices` says what is done instead, and `upstream_compatible=True` does it as there.
"""
