"""A harness of a few lines, as a wheel: real pip installs it, and it answers slowly, line by line."""

import base64
import hashlib
import zipfile
from pathlib import Path

from flagrelease.formats.requirements import Pin

VERSION = "1.0"
PROGRAM = """
import json, os, sys, time
tasks, output, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
answers = os.path.join(output, "answers.jsonl")
known = {json.loads(line)["id"] for line in open(answers)} if os.path.exists(answers) else set()
items = [json.loads(line)["id"] for line in open(os.path.join(tasks, "items.jsonl"))]
with open(os.path.join(output, "settings.json"), "w") as file:
    key, env = os.environ.get("ASKIT_KEY"), sorted(os.environ)
    json.dump({"pid": os.getpid(), "key": key, "path": sys.path, "env": env}, file)
print("key", os.environ.get("ASKIT_KEY"), flush=True)
left = [one for one in items if one not in known]
for number, one in enumerate(left, start=1):
    with open(answers, "a") as file:
        file.write(json.dumps({"id": one, "asked_by": os.getpid()}) + "\\n")
    print(f"\\rasked {number}/{len(left)}", end="", flush=True)
    time.sleep(pause)
if os.path.exists(os.path.join(tasks, "fail")):
    sys.exit("askit: told to fail")
"""


def make_wheel(folder: Path) -> Pin:
    """The wheel in a folder that pip can be pointed at, and its pin."""
    path = folder / f"askit-{VERSION}-py3-none-any.whl"
    info = f"askit-{VERSION}.dist-info"
    files = {
        "askit/__init__.py": "",
        "askit/__main__.py": PROGRAM,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: askit\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(text.encode())}")
        wheel.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return Pin(name="askit", version=VERSION, marker="", hashes=(hashlib.sha256(path.read_bytes()).hexdigest(),))
