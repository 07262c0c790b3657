"""Amounts in words, counted as in India."""

ONES = (
    *("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"),
    *("Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"),
)
TENS = ("", "", "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety")
STEPS = ((10_000_000, "Crore"), (100_000, "Lakh"), (1000, "Thousand"), (100, "Hundred"))


def number(count: int) -> str:
    """123456 → "One Lakh Twenty-Three Thousand Four Hundred Fifty-Six"."""
    for size, name in STEPS:
        if count >= size:
            rest = count % size
            return f"{number(count // size)} {name}" + (f" {number(rest)}" if rest else "")
    if count < len(ONES):
        return ONES[count]
    tens, ones = divmod(count, 10)
    return TENS[tens] + (f"-{ONES[ones]}" if ones else "")


def rupees(paise: int) -> str:
    """149950 → "Rupees One Thousand Four Hundred Ninety-Nine and Fifty Paise Only"."""
    whole, part = divmod(paise, 100)
    return f"Rupees {number(whole)}" + (f" and {number(part)} Paise" if part else "") + " Only"
