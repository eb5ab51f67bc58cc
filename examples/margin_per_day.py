"""Margin per day, out of what was exported: three customers, two cost metrics, one month.

    mockserver exec --clock frozen --at 2026-03-01T00:00:00Z -- python examples/margin_per_day.py

Makes a month of usage through Paygentic's own client, and invoices through `/_mock`; exports both, and draws each
customer's margin from the two files. Writes costs.csv, invoices.csv and margin_per_day.svg into the folder it is given,
or the current one. Wants paygentic-sdk and matplotlib (the extra `plot`).
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.request import Request, urlopen

import matplotlib
from matplotlib.dates import DateFormatter, DayLocator
from matplotlib.figure import Figure
from paygentic_sdk import Paygentic

URL, KEY = os.environ["PAYGENTIC_SERVER_URL"], os.environ["PAYGENTIC_BEARER_AUTH"]
WORLD = KEY.removeprefix("sk_test_")
MERCHANT, PRODUCT = "org_YOUR_ORG_ID", "prod_YOUR_PRODUCT_ID"
START, END = date(2026, 2, 1), date(2026, 3, 1)
DAYS = [START + timedelta(days=number) for number in range((END - START).days)]

Margins = dict[str, dict[date, Decimal]]
"""Dollars by customer and day."""

# Dollars of inference in cents and pages read, each day; what the month is billed at; a refund and its day.
CUSTOMERS: dict[str, tuple[Callable[[int], int], Callable[[int], int], str, tuple[str, date] | None]] = {
    "Contoso": (lambda day: 1450 - 20 * day, lambda day: 900, "840.00", ("28.00", date(2026, 2, 17))),
    "Fabrikam": (lambda day: 310 + 74 * day, lambda day: 250 + 130 * day, "476.00", None),
    "Northwind": (lambda day: 240 if day % 7 in (0, 6) else 912, lambda day: 400 + 40 * (day % 5), "392.00", None),
}


# Making the month


def make_month() -> None:
    """Create two cost metrics and three customers, send what they used, and bill them."""
    paygentic = Paygentic(server_url=URL, bearer_auth=KEY)
    shared = {"type_": "metered", "aggregation": "SUM", "currency": "USD", "product_id": PRODUCT}
    paygentic.costs.create_cost(
        name="Inference", event_type="cost.inference", value_property="$.amount", unit_cost=1, **shared
    )
    paygentic.costs.create_cost(
        name="Documents", event_type="cost.documents", value_property="$.pages", unit_cost=0.004, unit="page", **shared
    )
    for name, (cents, pages, amount, refund) in CUSTOMERS.items():
        customer = paygentic.customers.create(
            merchant_id=MERCHANT,
            consumer={
                "name": name,
                "email": f"billing@{name.lower()}.example",
                "address": {"line1": "1 Example Street", "city": "London", "country": "GB", "zip_code": "N1 1AA"},
            },
        )
        for number, day in enumerate(DAYS):
            used = {"inference": {"amount": cents(number) / 100}, "documents": {"pages": pages(number)}}
            for kind, data in used.items():
                paygentic.events.ingest(
                    request={
                        "type": f"cost.{kind}",
                        "source": "https://app.example",
                        "subject": customer.customer_id,
                        "timestamp": datetime.fromisoformat(f"{day}T12:00:00Z"),
                        "idempotency_key": f"{name}-{kind}-{day}",
                        "data": data,
                    }
                )
        invoice = {
            "customer_id": customer.customer_id, "currency": "USD", "amount": amount,
            "issued_at": f"{START}T00:00:00Z", "period_start": f"{START}T00:00:00Z", "period_end": f"{END}T00:00:00Z",
        }  # fmt: skip
        if refund is not None:
            invoice["refunds"] = [{"amount": refund[0], "at": f"{refund[1]}T09:00:00Z"}]
        body = json.dumps(invoice).encode()
        urlopen(Request(f"{URL}/_mock/worlds/{WORLD}/invoices", body, {"Content-Type": "application/json"})).close()


# Reading it back


def export(what: str, folder: Path) -> list[dict[str, str]]:
    """Write an export into a folder and return its rows."""
    file = folder / f"{what}.csv"
    command = [sys.executable, "-m", "mockserver", "export", what, "--url", URL, "--world", WORLD]
    subprocess.run([*command, "--output", str(file)], check=True)
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def margins(costs: list[dict[str, str]], invoices: list[dict[str, str]]) -> Margins:
    """Return revenue less cost by customer id and day; an invoice is spread over the days it bills."""
    found: Margins = defaultdict(lambda: dict.fromkeys(DAYS, Decimal(0)))
    for invoice in invoices:
        by_day = found[invoice["customer_id"]]
        for day in DAYS:
            by_day[day] += Decimal(invoice["amount"]) / len(DAYS)
        for refund in json.loads(invoice["refunds"]):
            by_day[date.fromisoformat(refund["at"][:10])] -= Decimal(refund["amount"])
    for row in costs:
        found[row["subject"]][date.fromisoformat(row["day"])] -= Decimal(row["cost"])
    return found


def draw(found: Margins, names: dict[str, str], file: Path) -> None:
    """Draw one line a customer; equal margins make equal bytes."""
    with matplotlib.rc_context({"svg.hashsalt": "mockserver", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        axes = figure.add_subplot(title="Margin per day, February 2026", ylabel="USD")
        for customer, by_day in sorted(found.items(), key=lambda item: names[item[0]]):
            axes.plot(DAYS, [float(amount) for amount in by_day.values()], label=names[customer], drawstyle="steps-mid")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.xaxis.set_major_formatter(DateFormatter("%d"))
        axes.xaxis.set_major_locator(DayLocator(interval=3))
        axes.margins(x=0.01)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, ncols=3, loc="lower left")
        figure.savefig(file, metadata={"Date": None})


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    make_month()
    found = margins(export("costs", folder), export("invoices", folder))
    listed = Paygentic(server_url=URL, bearer_auth=KEY).customers.list(organization_id=MERCHANT)
    names = {customer.id: customer.organization.name for customer in listed.data if customer.organization}
    draw(found, names, folder / "margin_per_day.svg")
    for customer, by_day in sorted(found.items(), key=lambda item: names[item[0]]):
        losses = sum(amount < 0 for amount in by_day.values())
        print(f"{names[customer]:9}{sum(by_day.values()):9.2f} USD, below zero on {losses:2} of {len(DAYS)} days")


if __name__ == "__main__":
    main()
