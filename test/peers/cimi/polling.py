"""How these clients wait, as all of CIMI's clients do: they look again."""

import sys
import time

PATIENCE_SECONDS = 90


def until(look, is_done):
    """Looks until what is seen is done, and gives that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = look()
        if is_done(seen):
            return seen
        if time.monotonic() > deadline:
            sys.exit(f'not done within {PATIENCE_SECONDS} s: {seen}')
        time.sleep(0.3)
