"""A small project with recipes of every kind, and a git repository around it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

COMMIT = "0123456789ab"

FILES: Mapping[str, str] = {
    "recipes/chips/base.yaml": """
        schema: flagrelease.chip/v2
        name: base
        title: What both chips have
        vendor: Nobody
        architectures: [amd64]
        memory_probe: process_tree
        runner_labels: [self-hosted]
        sdks:
          none: {title: None, python: "3.11", base: {kind: image, image: nowhere/base, os: any}}
        """,
    "recipes/chips/alpha.yaml": """
        extends: base
        name: alpha
        title: Alpha
        aliases: [Alpha_One]
        runner_labels: [self-hosted, alpha]
        profiles:
          quick: {title: Quick, "on": {MODE: quick, LEVEL: "2"}, source: here}
        sdks:
          kit8.5:
            title: Kit 8.5
            version: 8.5.0
            python: "3.11"
            base: {kind: image, image: nowhere/kit, tag: "8.5", os: any}
            env: {MODE: slow, KIT: "8.5"}
        """,
    "recipes/chips/beta.yaml": """
        schema: flagrelease.chip/v2
        name: beta
        title: Beta
        vendor: Nobody
        architectures: [arm64]
        memory_probe: smi
        runner_labels: [self-hosted, beta]
        sdks:
          kit8.5:
            title: Kit 8.5
            version: 8.5.0
            python: "3.11"
            base: {kind: image, image: nowhere/kit, tag: "8.5", os: any}
        """,
    "recipes/engines/server.yaml": """
        schema: flagrelease.engine/v1
        name: server
        title: A server
        serves: true
        """,
    "recipes/engines/script.yaml": """
        schema: flagrelease.engine/v1
        name: script
        title: A script
        serves: false
        """,
    "recipes/models/small.yaml": """
        schema: flagrelease.model/v2
        name: small
        title: Small
        licence: {name: Apache-2.0, commercial_use: allowed}
        modalities: [text]
        parameters: 1000
        max_context: 8192
        weights:
          full:
            format: safetensors
            precision: full
            source: {kind: huggingface, repo: nobody/Small-Model}
        """,
    "recipes/models/large.yaml": """
        schema: flagrelease.model/v2
        name: large
        title: Large
        licence: {name: Apache-2.0, commercial_use: allowed}
        modalities: [text]
        parameters: 1000000
        max_context: 8192
        defaults: {context_length: 4096}
        weights:
          full:
            format: safetensors
            precision: full
            source: {kind: wheel, project: large-weights, version: 1.2.3, members: [a]}
        """,
    "recipes/benchmarks/quiz.yaml": """
        schema: flagrelease.benchmark/v1
        name: quiz
        title: Quiz
        aliases: [The Quiz]
        items: 100
        metric: accuracy
        scale: 100
        source: here
        """,
    "recipes/harnesses/some.yaml": """
        schema: flagrelease.harness/v1
        name: some
        title: Some Harness
        version: "1.0"
        runs: {kind: outside, where: in the image}
        reads: table
        argv: [ask]
        """,
    "recipes/gates/strict.yaml": """
        schema: flagrelease.gate/v1
        name: strict
        title: Strict
        harness_tasks:
          quiz: {harness: some, benchmark: quiz, metric: accuracy, items: 100, margin_pt: 3.0}
        """,
    "recipes/baselines/small/record.json": "{}",
    "dockerfiles/start.sh.j2": "exec {{ port }}\n",
    f"patches/flag_gems/{COMMIT}/alpha/0001-fix.patch": "a patch\n",
    "recipes/bundles/alpha/small.yaml": """
        schema: flagrelease.bundle/v2
        chip: alpha
        model: small
        default_variant: served
        variants:
          served:
            revision: r1
            sdk: kit8.5
            weights: full
            engine: server
            parallel: {tensor: 4}
            profiles: [quick]
            env: {LEVEL: "3", OWN: "1"}
            files:
              - {path: /opt/start.sh, template: start.sh.j2}
            serving: {ready_within_s: 60}
            gate: strict
            reference: {kind: recorded, baseline: small/record.json}
            components:
              flag_gems:
                version: 5.0.1
                source: {kind: git, repository: flagos-ai/FlagGems, commit: 0123456789ab}
                patches: {chip: alpha, base: 0123456789ab, status: imported}
                provenance: here
            note: for readers
          plain:
            extends: served
            engine: script
            env: {LEVEL: "4"}
        """,
    "recipes/bundles/alpha/large.yaml": """
        schema: flagrelease.bundle/v2
        chip: alpha
        model: large
        default_variant: served
        variants:
          served:
            revision: r2
            sdk: kit8.5
            weights: full
            engine: server
            wheels: [some-wheel==1.0]
            serving: {ready_within_s: 60, port: 9000}
        refused:
          - {what: more than one machine, why: nobody tried, source: here}
        """,
    "recipes/bundles/beta/small.yaml": """
        schema: flagrelease.bundle/v2
        chip: beta
        model: small
        default_variant: served
        variants:
          served:
            revision: r1
            sdk: kit8.5
            weights: full
            engine: server
            serving: {ready_within_s: 60}
            gate: strict
            reference: {kind: other_chip, chip: alpha, stack: its own}
            components:
              flag_gems:
                version: 5.0.2
                source: {kind: git, repository: flagos-ai/FlagGems, tag: v5.0.2}
                provenance: here
        """,
}


def write(root: Path, files: Mapping[str, str] = FILES) -> Path:
    """Write the files below `root`; return the recipe folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return root / "recipes"


def edit(root: Path, name: str, before: str, after: str) -> None:
    """Replace the one place in a file."""
    text = (root / name).read_text(encoding="utf-8")
    assert text.count(before) == 1, (name, before)
    (root / name).write_text(text.replace(before, after), encoding="utf-8")


def git(root: Path, *words: str, data: bytes | None = None) -> str:
    """Run git there, as nobody in particular, without the configuration of this machine."""
    who = {f"GIT_{role}_{what}": f"nobody{at}" for role in ("AUTHOR", "COMMITTER") for what, at in NAMES}
    environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", **who}
    done = subprocess.run(["git", *words], cwd=root, env=environment, input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


NAMES = (("NAME", ""), ("EMAIL", "@nowhere.invalid"))


def commit(root: Path) -> str:
    """Commit all there is, in a repository that is made when there is none."""
    if not (root / ".git").exists():
        git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message=a change")
    return git(root, "rev-parse", "HEAD")
