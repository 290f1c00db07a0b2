"""What the licences of data allow, and what is left when data under several are put together.

The table is ours and covers what we import; it is no legal advice.  Nothing that is not in it is taken to allow
anything beyond one's own use.  What a stranger gets wrong: strictness is no single scale.  Two share-alike licences may
both allow passing on, and forbid it for data made of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from scanyard.errors import LicenceError

Purpose = Literal["own use", "passing on", "commercial use"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True)
class Terms:
    """What may be done with data, and what it asks for."""

    commercial: bool
    """May be used for profit."""
    passing_on: bool
    """May be given to others."""
    changed: bool
    """May be given to others changed, as every import and conversion changes it."""
    attribution: bool
    """Its makers must be named."""
    alike: str | None = None
    """Family of licences that what is made of it must be under, such as ``CC-BY-NC-SA``; ``None`` asks for none."""


_FREE = Terms(commercial=True, passing_on=True, changed=True, attribution=False)
_NAMED = Terms(commercial=True, passing_on=True, changed=True, attribution=True)
_OWN_USE = Terms(commercial=False, passing_on=False, changed=False, attribution=True)

LICENCES: dict[str, Terms] = {  # Creative Commons' by what their letters say, whatever the version
    "CC0": _FREE,
    "PDDL": _FREE,
    "MIT": _NAMED,
    "Apache": _NAMED,
    "BSD-3-Clause": _NAMED,
    "ODC-By": _NAMED,
    "CDLA-Permissive": _NAMED,
    "CC-BY": _NAMED,
    "CC-BY-SA": Terms(commercial=True, passing_on=True, changed=True, attribution=True, alike="CC-BY-SA"),
    "CC-BY-NC": Terms(commercial=False, passing_on=True, changed=True, attribution=True),
    "CC-BY-NC-SA": Terms(commercial=False, passing_on=True, changed=True, attribution=True, alike="CC-BY-NC-SA"),
    "CC-BY-ND": Terms(commercial=True, passing_on=True, changed=False, attribution=True),
    "CC-BY-NC-ND": Terms(commercial=False, passing_on=True, changed=False, attribution=True),
    "academic-only": _OWN_USE,
    "Waymo-Dataset": _OWN_USE,
}
"""Terms by a licence's name without its version."""
_VERSION = re.compile(r"[-_ ]v?\d+(\.\d+)*$")


def terms_of(licence: str) -> Terms | None:
    """Terms of one licence by its SPDX id or name; ``None`` for one that the table does not have."""
    wanted = _VERSION.sub("", licence.strip()).casefold()
    return next((terms for name, terms in LICENCES.items() if name.casefold() == wanted), None)


def listed_in(expression: str) -> list[str]:
    """The licences in ``A and B`` or ``A, B``, each once, sorted."""
    return sorted({part.strip() for part in re.split(r"\s+and\s+|,", expression, flags=re.IGNORECASE) if part.strip()})


def inherited(licences: Iterable[str]) -> str:
    """What data made of data under all of these is under: the one that covers the others, else all of them."""
    names = sorted({name for licence in licences for name in listed_in(licence)})
    for name in reversed(names):  # of two versions of one licence, the later
        if all(_covers(name, other) for other in names):
            return name
    return " and ".join(names)


def _covers(strict: str, other: str) -> bool:
    """Whether who keeps to ``strict`` keeps to ``other`` as well."""
    a, b = terms_of(strict), terms_of(other)
    if strict == other or a is None or b is None:
        return strict == other
    allows_less = all(getattr(a, name) <= getattr(b, name) for name in ("commercial", "passing_on", "changed"))
    return allows_less and a.attribution >= b.attribution and (b.alike is None or a.alike == b.alike)


def require_allowed(licences: Iterable[str], purpose: Purpose) -> None:
    """Refuse a use of data under these licences together; LicenceError names the licence and the reason.

    ``own use`` is always allowed.  ``passing on`` means giving others what was made of it: an export, a detector's
    weights, a picture.
    """
    names = sorted({name for licence in licences for name in listed_in(licence)})
    if purpose == "own use":
        return
    if not names:
        raise LicenceError(f"{purpose} refused: the data says no licence; find out under which it may be used")
    reasons = [f"{name} {reason}" for name in names if (reason := _forbidden(terms_of(name), purpose))]
    reasons += [reason for name in names if (reason := _in_conflict(name, names))]
    if reasons:
        raise LicenceError(
            f"{purpose} refused: {'; '.join(reasons)}. Leave out what is under it, or keep the result to yourself"
        )


def _in_conflict(alike: str, names: Iterable[str]) -> str | None:
    """Which of the others keeps what is made of all from being under ``alike``, where that asks for it."""
    terms = terms_of(alike)
    if terms is None or terms.alike is None:
        return None
    others = [name for name in names if (other := terms_of(name)) and other.alike != terms.alike]
    against = " and ".join(name for name in others if not _covers(alike, name))
    return f"{alike} wants what is made of it under itself, which {against} rules out" if against else None


def _forbidden(terms: Terms | None, purpose: Purpose) -> str | None:
    if terms is None:
        return "is not known here, so nothing is taken to be allowed"
    if not terms.passing_on:
        return "does not allow passing on"
    if not terms.changed:
        return "does not allow passing on what was changed, and a conversion changes it"
    if purpose == "commercial use" and not terms.commercial:
        return "does not allow commercial use"
    return None
