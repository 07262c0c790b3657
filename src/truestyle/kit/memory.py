"""Python's garbage collector, in processes that somebody waits for."""

import gc


def stays() -> None:
    """Say of all that is in memory now that it stays, so that the collector need not look at it again.

    It looks at everything now and then, and nobody is answered meanwhile: 80 to 200 ms, were the code itself included.
    """
    gc.collect()
    gc.freeze()


def stays_too() -> None:
    """The same of what came since, where `stays` was said; in tests, where stores come and go, it never is."""
    if gc.get_freeze_count():
        gc.freeze()
