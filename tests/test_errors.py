"""The error tree: what is drawn is what there is, and facts survive as attributes."""

from __future__ import annotations

import pytest

from testio_analytics import errors

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_one_of_ours_and_says_what_it_is(kind: type[Exception]) -> None:
    """One base catches all; each error explains itself and stands in the tree at the head of the file."""
    assert issubclass(kind, errors.TestioError)
    assert kind.__doc__
    assert kind.__doc__.rstrip().endswith(".")
    if kind is not errors.TestioError:
        assert f" {kind.__name__} " in (errors.__doc__ or "")


def test_tree_is_drawn_as_it_is() -> None:
    """The indentation of the drawing is the inheritance."""
    drawn: dict[str, str] = {}
    above: dict[int, str] = {-4: "Exception"}
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ")
        name = words.split()[0] if words.split() else ""
        if name.endswith("Error"):
            depth = len(words) - len(words.lstrip()) - 4
            above = {level: found for level, found in above.items() if level < depth} | {depth: name}
            drawn[name] = above[max(level for level in above if level < depth)]
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in ALL}


def test_api_error_keeps_its_facts() -> None:
    """Path, status and number of tries can be asked for without reading the message."""
    error = errors.ServerError("It failed.", path="/products", status=503, attempts=4)
    assert (str(error), error.path, error.status, error.attempts) == ("It failed.", "/products", 503, 4)


def test_unknown_value_lists_the_allowed_ones_and_is_a_value_error() -> None:
    """A slip of the pen is answered with what may be written instead."""
    error = errors.UnknownValueError("The stream", "bugz", iter(["features", "tests"]))
    assert isinstance(error, ValueError)
    assert str(error) == "The stream is 'bugz'; it must be one of: features, tests."
    assert (error.value, error.allowed) == ("bugz", ("features", "tests"))
