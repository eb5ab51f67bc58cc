"""What customers write."""

from __future__ import annotations

from app.tickets import Ticket

CUSTOMER = "cus_abc123"

TICKETS = [
    Ticket("t-1", CUSTOMER, "Your invoice says 40 dollars, but I was promised 20. Please put that right."),
    Ticket("t-2", CUSTOMER, "I cannot log in since the update of this morning. The page stays white."),
    Ticket("t-3", CUSTOMER, "How do I invite a colleague to my workspace?"),
]
