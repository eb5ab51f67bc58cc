"""A small relevance set, as a search team writes one: questions, what answers them, and what only looks like it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Judged(NamedTuple):
    """A query with the passages that answer it, best first, and one that shares words with it but does not."""

    query: str
    relevant: tuple[str, ...]
    decoy: str


SET = (
    Judged(
        "Which state's law governs this contract?",
        ("This Agreement shall be governed by the laws of the State of Delaware.",),
        "The parties state that they have read this contract in full.",
    ),
    Judged(
        "How much notice must be given to terminate?",
        ("Either party may terminate upon thirty (30) days written notice.",),
        "The landlord noticed a broken window in the hall.",
    ),
    Judged(
        "can I get a refund on my yearly subscription?",
        (
            "Annual plans are refundable in full within 30 days of purchase.",
            "Monthly subscriptions end at the close of the period and are not refunded.",
        ),
        "Our yearly report is published each spring.",
    ),
    Judged(
        "what happens when a card payment is declined",
        ("Failed payments: a declined charge is retried after 24 hours.",),
        "Library cards are issued at the front desk.",
    ),
    Judged(
        "add a seat in the middle of the billing cycle",
        ("Seat changes: adding a seat mid-cycle bills the prorated difference.",),
        "The bicycle has a padded seat and two wheels.",
    ),
    Judged(
        "reset a forgotten password",
        ("To choose a new password, follow the reset link in the email we send you.",),
        "Resetting the odometer voids the warranty of the car.",
    ),
    Judged(
        "how is stored data encrypted",
        ("All customer records are encrypted at rest with AES-256, in transit with TLS.",),
        "The store keeps data sheets for every paint.",
    ),
    Judged(
        "maximum size of an uploaded file",
        ("Uploads are limited to 25 MB per file; larger files are refused.",),
        "Nail files come in three sizes.",
    ),
    Judged(
        "rate limit for API requests",
        ("Each key may send 100 requests a second; beyond this limit the API answers 429.",),
        "The interest rate is fixed for ten years.",
    ),
    Judged(
        "where should legal notices be sent",
        ("All notices shall be delivered to the addresses set forth above.",),
        "The legal drinking age is posted at the bar.",
    ),
    Judged(
        "is the recipient allowed to share confidential information",
        ("The receiving party shall not disclose Confidential Information to any third party.",),
        "Tourist information is available at the station.",
    ),
    Judged(
        "limit on damages the vendor owes",
        ("The supplier's total liability for loss shall not exceed the fees paid in the last twelve months.",),
        "Vendors at the market are asked not to damage the lawn.",
    ),
    Judged(
        "how do I bake sourdough bread",
        ("Knead the sourdough, let the bread rise overnight and bake it for forty minutes.",),
        "Bread and circuses kept the people of Rome quiet.",
    ),
    Judged(
        "symptoms of influenza",
        ("Influenza brings fever, cough and aching limbs; the symptoms last about a week.",),
        "The influence of Dante on later poets was immense.",
    ),
    Judged(
        "side effects of ibuprofen",
        ("Ibuprofen may cause stomach pain, heartburn and dizziness as side effects.",),
        "The lighting effects were the best side of the play.",
    ),
    Judged(
        "python function to reverse a list",
        ("list.reverse() reverses a list in place; reversed(items) is a function that yields the items backwards.",),
        "Pythons can go for months without a meal.",
    ),
    Judged(
        "speed up a slow database query",
        ("Add an index on the filtered column, so that the query need not scan the whole database table.",),
        "The speed of sound is 343 metres per second.",
    ),
    Judged(
        "restore a backup of the server",
        ("Backups are taken nightly; to restore one, stop the server and run the restore command.",),
        "The restored facade was unveiled by the mayor.",
    ),
    Judged(
        "when was the telescope invented",
        ("The telescope was invented in the Netherlands in 1608 by makers of spectacles.",),
        "Inventory is counted when the quarter ends.",
    ),
    Judged(
        "capital city of Australia",
        ("Canberra is the capital of Australia, chosen as a compromise between Sydney and Melbourne.",),
        "Venture capital flows mostly to large cities.",
    ),
    Judged(
        "why do leaves change colour in autumn",
        ("In autumn, leaves lose their green chlorophyll, so that their yellow and red colours show.",),
        "Parental leave may be taken in the autumn.",
    ),
    Judged(
        "employees' right to parental leave",
        ("Every employee may take twelve weeks of paid parental leave after a birth.",),
        "Turn right after the bridge and leave the motorway.",
    ),
    Judged(
        "shipping time for international orders",
        ("International deliveries take 5 to 10 working days; domestic shipping takes two.",),
        "In those times, ships were built of oak.",
    ),
    Judged(
        "does the warranty cover water damage",
        ("Damage caused by water or other liquids is not covered by the warranty.",),
        "Cover the pot and bring the water to a boil.",
    ),
    Judged(
        "conection refused error when conecting to the databse",
        ("A refused connection means that the database does not listen on that port.",),
        "He refused to admit his error.",
    ),
)

POOL = tuple(dict.fromkeys(passage for judged in SET for passage in (*judged.relevant, judged.decoy)))


def ndcg(gains: Sequence[float], k: int = 10) -> float:
    """How near a ranking comes to the best one: gains in ranked order, discounted by place, the first k counting."""

    def discounted(ranked: Sequence[float]) -> float:
        return sum(gain / math.log2(place + 2) for place, gain in enumerate(ranked[:k]))

    return discounted(gains) / discounted(sorted(gains, reverse=True))


def gains(judged: Judged, ranked: Sequence[str]) -> list[float]:
    """What each passage of a ranking is worth to a query: 2 for the best answer, 1 for a further one, else 0."""
    worth = {passage: 2.0 if place == 0 else 1.0 for place, passage in enumerate(judged.relevant)}
    return [worth.get(passage, 0.0) for passage in ranked]
