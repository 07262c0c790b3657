import pytest

from truestyle.invoices import words


@pytest.mark.parametrize(
    ("paise", "said"),
    [
        (0, "Rupees Zero Only"),
        (5, "Rupees Zero and Five Paise Only"),
        (1900, "Rupees Nineteen Only"),
        (2000, "Rupees Twenty Only"),
        (10_000, "Rupees One Hundred Only"),
        (149_950, "Rupees One Thousand Four Hundred Ninety-Nine and Fifty Paise Only"),
        (10_000_000, "Rupees One Lakh Only"),
        (1_234_567_89, "Rupees Twelve Lakh Thirty-Four Thousand Five Hundred Sixty-Seven and Eighty-Nine Paise Only"),
        (100_000_000_00, "Rupees Ten Crore Only"),
        (1_000_000_00 * 1234, "Rupees One Hundred Twenty-Three Crore Forty Lakh Only"),
    ],
)
def test_amounts_are_said_as_in_india(paise: int, said: str) -> None:
    assert words.rupees(paise) == said
