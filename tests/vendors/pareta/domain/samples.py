"""Small values the domain's tests share."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mockserver.kernel.ids import Draws
from mockserver.vendors.pareta.domain.catalog import PriceSheet, RankedModel, Task
from mockserver.vendors.pareta.domain.predictions import Draw, Roll

DRAWS = Draws(7)

SHEET = PriceSheet(
    frontier_per_prompt_token=5,
    frontier_per_completion_token=20,
    auto_divisor=18,
    open_per_request=500,
    frontier_per_request=6000,
    capability_per_token=1,
    frontier_per_token=12,
    rerank_per_document=2,
    embeddings_per_1000_tokens=4,
    audio_per_minute=6000,
    image=40000,
    image_edit=80000,
)

DATE = {"type": "string", "format": "date"}
TEXT = {"type": "string"}
NUMBER = {"type": "number"}


def task(
    fields: dict[str, Any] | None = None,
    *,
    name: str = "contract-key-fields",
    scorer: str = "field_f1",
    strategy: str = "extraction",
    blob: bool = False,
    keywords: tuple[str, ...] = (),
) -> Task:
    body = {
        "id": name,
        "keywords": list(keywords),
        "input_schema": {"properties": {"contract_text": TEXT}},
        "output_schema": {"properties": fields or {"effective_date": DATE, "governing_law": TEXT}},
    }
    return Task(name, scorer, strategy, blob, body)


def classifier(*labels: str, scorer: str = "macro_f1") -> Task:
    schema: dict[str, Any] = {**TEXT, "enum": list(labels)} if labels else TEXT
    return task({"label": schema}, name="intent-classification", scorer=scorer, strategy="classification")


def model(name: str, kind: Any, quality: float | None, cost: int | None, *, recommended: bool = False) -> RankedModel:
    return RankedModel("contract-key-fields", name, kind, quality, cost, 128, "rte", recommended)


BOARD = (
    model("gpt-5.5", "frontier", 0.93, 700),
    model("qwen-2", "open", 0.91, 90, recommended=True),
    model("llama-1", "open", 0.88, 63),
)


def rolls_of(seed: int | str) -> Roll:
    """Rolls as the world makes them: independent, and the same for the same name."""
    return lambda name: DRAWS.uniform(name, str(seed))


def draws_of(seed: int | str) -> Draw:
    """Numbers as the world draws them: independent, and the same for the same n."""
    return lambda n: DRAWS.uniform(str(n), str(seed))


def always(number: float) -> Draw:
    return lambda n: number


valid = st.characters(codec="utf-8")

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(valid, max_size=20)
    | st.sampled_from(
        ["", " ", "x ", "a  b", "2026-01-31", "2026-02-03", "1850-05-05", "0001-01-01", "\u1e9e", "true"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab :", max_size=3), inner, max_size=4),
    max_leaves=12,
)
