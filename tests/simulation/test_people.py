from __future__ import annotations

import re
import subprocess
import sys

import pytest

from mockserver.simulation.people import companies, external_id


def test_the_same_seed_gives_the_same_customers_in_every_process() -> None:
    program = "from mockserver.simulation.people import companies; print(repr(companies(7, 40)))"

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"LANG": "de_DE.UTF-8"}
    ).stdout

    companies.cache_clear()
    assert told == f"{companies(7, 40)!r}\n"
    assert companies(7, 40) != companies(8, 40)


def test_no_two_customers_are_called_the_same() -> None:
    everybody = companies(1, 2000)

    assert len({each.name for each in everybody}) == len({each.email for each in everybody}) == 2000
    assert all(each.name.strip() for each in everybody)


def test_a_name_that_is_always_taken_gets_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import faker

    class Monotonous(faker.Faker):
        def company(self) -> str:
            return "Smith Inc"

    monkeypatch.setattr(faker, "Faker", Monotonous)

    names = [each.name for each in companies.__wrapped__(1, 4)]

    assert names == ["Smith Inc", "Smith Inc 2", "Smith Inc 3", "Smith Inc 4"]


def test_the_first_customers_are_the_same_however_many_there_are() -> None:
    assert companies(3, 50)[:20] == companies(3, 20)


def test_their_addresses_are_nobodys() -> None:
    for number, each in enumerate(companies(1, 30), start=1):
        assert re.fullmatch(rf"[a-z]+@{external_id(number)}\.example", each.email)


@pytest.mark.parametrize(("number", "name"), [(1, "customer-001"), (999, "customer-999"), (1000, "customer-1000")])
def test_customers_are_numbered(number: int, name: str) -> None:
    assert external_id(number) == name


def test_who_asks_for_no_names_waits_for_none() -> None:
    program = "import sys, mockserver.simulation.usage; sys.exit('faker' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
