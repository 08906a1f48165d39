"""The reader of `docker run` commands that the seeds' tests compare with."""

import shlex

import pytest

from tests.launch.docker_run import parse


def test_options_are_read_whichever_way_they_are_spelled() -> None:
    long = "docker run --detach --env A=1 --network host --volume /a:/b:rw --shm-size 1g --tty --interactive i x -e y"
    short = "docker run -d -e A=1 --net=host -v /a/:/b/ --shm-size=1G -it i x -e y"
    assert parse(tuple(shlex.split(long))) == parse(tuple(shlex.split(short)))


def test_what_follows_the_image_is_the_command() -> None:
    run = parse(("docker", "run", "--init", "i", "serve", "--port", "1"))
    assert (run.image, run.command) == ("i", ("serve", "--port", "1"))
    assert run.settings == {("init", ""), ("image", "i")}


@pytest.mark.parametrize("words", ["--no-such=1", "-z", "--no-such"])
def test_an_option_that_is_not_known_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="unknown option"):
        parse(("docker", "run", words, "i"))
