"""The page about hosts says what the recipes say."""

from tests.recipes.host_page import PAGE, page


def test_the_page_about_hosts_is_written_from_the_recipes() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.recipes.host_page`"
