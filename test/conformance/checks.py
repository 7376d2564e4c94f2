"""Counts what holds; the last line says how many checks passed and failed."""

import sys
import traceback


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def that(self, title, check):
        """Runs one check: it fails when it raises or returns False. Gives what the check returned."""
        try:
            outcome = check()
            if outcome is False:
                raise AssertionError("it does not hold")
        except Exception as failure:  # a client may raise anything; the next check shall still run
            self.failed += 1
            print(f"FAILED {title}: {type(failure).__name__}: {str(failure)[:300]}")
            if not isinstance(failure, AssertionError):
                traceback.print_exc(limit=-3, file=sys.stderr)
            return None
        self.passed += 1
        print(f"ok     {title}")
        return outcome

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        raise SystemExit(1 if self.failed else 0)


def equal(actual, expected):
    """Equality with both sides in the message."""
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")
    return actual


def raised(call, kind):
    """The exception that the call raises, which must be of this kind."""
    try:
        outcome = call()
    except kind as failure:
        return failure
    raise AssertionError(f"no {kind.__name__}, but {outcome!r}")
