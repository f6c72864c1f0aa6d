"""Marks on tests: more time, a heavy load, several cases, or a reason why one cannot run here."""


class Skip(Exception):
    """Raised by a test that cannot run here, with the reason."""


def limit(seconds):
    def mark(function):
        function.limit = seconds
        return function
    return mark


def alone(function):
    """Shows what one worker does: with several each would have to, or has a part of it."""
    function.alone = True
    return function


def heavy(function):
    function.heavy = True
    function.limit = max(120.0, getattr(function, "limit", 0.0))
    return function


def each(values, title=str):
    """The test is run once for each value, which it is handed behind the stage."""
    def mark(function):
        def bound(value):
            return lambda stage: function(stage, value)
        function.cases = [("[%s]" % title(value), bound(value)) for value in values]
        return function
    return mark
