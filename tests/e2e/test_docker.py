"""What a bundle's user does with the published card: the image runs under Docker, pulled by digest."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.e2e.project import MODEL, Project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="needs root and Debian's docker.io"),
]

# In network and mount namespaces of its own: whatever dockerd does to bridges and packet filters ends with them.
# Its sockets lie in a folder of a short name: containerd refuses a socket whose path has more than 104 letters.
IN_OWN_NAMESPACES = """
set -eu
folder=$1 sockets=$2 docker_registry=$3; shift 3
ip link set lo up
"$docker_registry" serve "$folder/registry.yml" >"$folder/registry.log" 2>&1 & registry=$!
dockerd -H "unix://$sockets/docker.sock" --data-root "$folder/data" --exec-root "$sockets/exec" \
  --pidfile "$folder/pid" >"$folder/dockerd.log" 2>&1 & dockerd=$!
trap 'kill $dockerd $registry; wait' EXIT
export DOCKER_HOST="unix://$sockets/docker.sock"
for _ in $(seq 100); do
  /usr/bin/docker version >/dev/null 2>&1 && break
  kill -0 $dockerd 2>/dev/null || { tail -n 20 "$folder/dockerd.log" >&2; exit 1; }
  sleep 0.2
done
"$@" >"$folder/published.json"
command=$(sed -n 's/^docker run --rm/docker run -d --rm/p' "$folder/card/README.md")
/usr/bin/$command >"$folder/container"
for _ in $(seq 100); do
  python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/v1/models').read().decode())" \
    >"$folder/models.json" 2>/dev/null && break
  sleep 0.2
done
/usr/bin/docker stop "$(cat "$folder/container")" >/dev/null
"""
REGISTRY = """
version: 0.1
storage: {filesystem: {rootdirectory: FOLDER/registry}}
http: {addr: "127.0.0.1:5000"}
"""


def test_the_command_on_the_card_starts_the_bundle_under_docker(built: Project, tmp_path: Path) -> None:
    waiver = tmp_path / "waiver.yaml"
    waiver.write_text(f"image: {built.image()}\nowner: tests\nreason: few items\nexpires: 2099-12-31\n")
    (tmp_path / "registry.yml").write_text(REGISTRY.replace("FOLDER", str(tmp_path)))
    (tmp_path / "card").symlink_to(built.bundle())
    registry = Path(__file__).parents[2] / ".cache" / "tools" / "usr" / "bin" / "docker-registry"
    publish = built.argv("publish", "--to", f"127.0.0.1:5000/{MODEL}", "--waiver", str(waiver), "--json")
    with tempfile.TemporaryDirectory(prefix="fr-") as sockets:
        script = ["sh", "-c", IN_OWN_NAMESPACES, "sh", str(tmp_path), sockets, str(registry), *publish]
        argv = ["unshare", "--net", "--mount", *script]
        done = subprocess.run(argv, env=built.env(), cwd=built.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "models.json").read_text())["data"][0]["id"] == MODEL
