import os
import socket

import pytest

from flagrelease.engines.embedded.port import free_port, is_free, require_free
from flagrelease.errors import ToolError


def test_a_port_that_was_handed_out_is_not_handed_out_again_soon() -> None:
    given = [free_port() for _ in range(400)]
    assert len(set(given)) == len(given)


def test_the_kernel_gives_a_port_that_was_handed_out_to_nobody_else() -> None:
    given = {free_port() for _ in range(400)}
    others = []
    try:
        for _ in range(400):
            other = socket.socket()
            others.append(other)
            other.bind(("127.0.0.1", 0))
        assert not given & {other.getsockname()[1] for other in others}
    finally:
        for other in others:
            other.close()


def test_a_server_can_listen_at_once_on_a_port_that_was_handed_out() -> None:
    port = free_port()
    assert is_free(port)
    require_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        with pytest.raises(ToolError, match=f"port {port} on 127.0.0.1 is taken"):
            require_free(port)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may listen on every port")
def test_a_port_for_root_only_is_told_with_the_option_that_chooses_another() -> None:
    with pytest.raises(ToolError) as refused:
        require_free(1)
    assert "--port N" in refused.value.hint
