"""`filterGroupBy`: which texts narrow dimensions, and to what."""

from __future__ import annotations

import pytest

from mockserver.kernel.errors import InvalidRequest
from mockserver.vendors.paygentic.domain.filters import Dimensions, filters_in

KNOWN = ("region", "tier")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{}", {}),
        ('{"region": "eu", "tier": "1"}', {"region": "eu", "tier": "1"}),
        ('{"region": 1.0, "tier": true}', {"region": "1", "tier": "true"}),
        ('{"region": null}', {"region": ""}),
    ],
)
def test_wanted_values_are_text_like_the_labels_they_are_compared_with(text: str, wanted: dict[str, str]) -> None:
    assert filters_in(text, KNOWN, "this cost") == wanted


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("region", "must be a JSON object", "invalid_format"),
        ("[]", "must be a JSON object", "invalid_format"),
        ('{"zone": 1}', "'zone' is not a dimension of this cost", "unknown_key"),
        ('{"region": {}}', "the value of 'region' must be a string, number, boolean or null", "invalid_format"),
        ('{"region": []}', "the value of 'region' must be a string, number, boolean or null", "invalid_format"),
    ],
)
def test_a_faulty_filter_says_what_is_wrong_with_it(text: str, message: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        filters_in(text, KNOWN, "this cost")

    (problem,) = refused.value.problems
    assert (problem.field, problem.message, problem.code) == ("filterGroupBy", message, code)


DIMENSIONS = Dimensions(KNOWN, "this cost", besides=("subject",))


def test_dimensions_that_are_there_may_be_named() -> None:
    assert DIMENSIONS.filters(("tier", "subject"), '{"region": 1}') == {"region": "1"}
    assert DIMENSIONS.filters((), None) == {}
    DIMENSIONS.check({"groupBy": " tier ,, subject", "filterGroupBy": "{}"})
    DIMENSIONS.check({})


@pytest.mark.parametrize(
    "query",
    [{"groupBy": "tier,zone,area", "filterGroupBy": '{"subject": 1}'}, {"groupBy": ",zone", "filterGroupBy": "x"}],
)
def test_both_parameters_are_blamed_once_each(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIMENSIONS.check(query)

    assert [problem.field for problem in refused.value.problems] == ["groupBy", "filterGroupBy"]
    assert refused.value.problems[0].message == "'zone' is not a dimension of this cost"
