"""What licences allow, alone and together."""

from itertools import combinations

import pytest

from scanyard.errors import LicenceError
from scanyard.licences import LICENCES, inherited, listed_in, require_allowed, terms_of

KITTI, NUSCENES, OURS = "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CC0-1.0"


@pytest.mark.parametrize(
    ("licences", "strictest"),
    [
        ([OURS], OURS),
        ([OURS, KITTI], KITTI),
        ([OURS, "CC-BY-4.0"], "CC-BY-4.0"),
        ([KITTI, NUSCENES], NUSCENES),
        (["CC-BY-4.0", "CC-BY-NC-4.0"], "CC-BY-NC-4.0"),
        (["CC-BY-SA-4.0", KITTI], f"{KITTI} and CC-BY-SA-4.0"),
        ([OURS, "Bavarian-1.0"], "Bavarian-1.0 and CC0-1.0"),
        ([f"{OURS} and {KITTI}", "MIT"], KITTI),
    ],
)
def test_the_strictest_is_inherited(licences: list[str], strictest: str) -> None:
    assert inherited(licences) == strictest
    assert inherited(licences[::-1]) == strictest


@pytest.mark.parametrize(
    ("licences", "purpose", "reason"),
    [
        ([KITTI, OURS], "commercial use", "CC-BY-NC-SA-3.0 does not allow commercial use"),
        ([KITTI, "academic-only"], "passing on", "academic-only does not allow passing on"),
        ([KITTI, "CC-BY-SA-4.0"], "passing on", "itself, which CC-BY-SA-4.0 rules out"),
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], "passing on", "CC-BY-SA-4.0 wants .* which CC-BY-NC-4.0 rules out"),
        (["CC-BY-ND-4.0"], "passing on", "conversion changes it"),
        (["unknown"], "passing on", "unknown is not known here"),
        ([""], "passing on", "says no licence"),
    ],
)
def test_what_is_forbidden_is_refused_with_the_reason(licences: list[str], purpose: str, reason: str) -> None:
    with pytest.raises(LicenceError, match=reason):
        require_allowed(licences, purpose)  # type: ignore[arg-type]
    require_allowed(licences, "own use")


def test_what_is_allowed_passes() -> None:
    require_allowed([OURS, "CC-BY-4.0"], "commercial use")
    require_allowed([KITTI, NUSCENES, OURS], "passing on")
    require_allowed([KITTI, "CC-BY-NC-4.0", "MIT"], "passing on")
    require_allowed(["CC-BY-SA-4.0", "CC-BY-4.0"], "commercial use")


def test_whatever_is_put_together_allows_no_more_than_its_parts() -> None:
    for pair in combinations(LICENCES, 2):
        whole = inherited(pair)
        for purpose in ("passing on", "commercial use"):
            for part in pair:
                try:
                    require_allowed([part], purpose)  # type: ignore[arg-type]
                except LicenceError:
                    with pytest.raises(LicenceError):
                        require_allowed([whole], purpose)  # type: ignore[arg-type]


def test_versions_and_case_do_not_matter() -> None:
    assert terms_of("cc-by-nc-sa 3.0") == terms_of("CC-BY-NC-SA-4.0") == terms_of("CC-BY-NC-SA")
    assert listed_in("MIT and CC0-1.0, MIT") == ["CC0-1.0", "MIT"]
