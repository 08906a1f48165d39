"""A report with every kind of verdict, and whatever a test wants in it."""

from typing import Any

from flagrelease.gate.statistics.policy_power import PlannedTask, consumer_risk, curve
from flagrelease.report.gate.page import Curve, Page, Row, Source, Told

TASKS = (PlannedTask(name="quiz", items=900, margin=0.03, flip_rate=0.1),)
CURVE = Curve(points=curve(TASKS, drops=(0, 0.01, 0.02, 0.03, 0.05, 0.1)), risk=consumer_risk(TASKS))


def a_row(**changes: Any) -> Row:
    given: dict[str, Any] = {
        "task": "quiz", "tier": "critical", "decision": "PASS", "items": 900, "margin": 0.03, "scored": (900, 897),
        "reference": 0.4833, "target": 0.48, "difference": -0.0033, "interval": (-0.0172, 0.0105), "lost": 30,
        "gained": 27,
    }  # fmt: skip
    return Row(**{**given, **changes})


EVERY = (
    a_row(),
    a_row(task="warned", decision="PASS_WARN", difference=-0.012, interval=(-0.0272, -0.0015)),
    a_row(task="failed", decision="FAIL", difference=-0.081, interval=(-0.1, -0.0605)),
    a_row(task="odd", decision="ANOMALY", difference=0.3, interval=(0.25, 0.35)),
    a_row(task="open", decision="INCONCLUSIVE", difference=-0.02, interval=(-0.05, 0.01), lost=None, is_paired=False),
    a_row(task="void", decision="INVALID", difference=None, interval=None, reference=None, target=None, scored=None),
)


def a_page(**changes: Any) -> Page:
    given: dict[str, Any] = {
        "title": "runs/target against runs/reference",
        "decision": "NO-GO",
        "summary": "2 of 6 critical tasks with records passed",
        "reasons": (Told(text="the loss is real", tasks=("failed",)),),
        "rows": EVERY,
        "confidence": 0.9,
        "settle": ("open: about 52 items",),
        "findings": (Told(text="the weights differ", id="other-weights", weight="invalid", tasks=("void",)),),
        "curve": CURVE,
        "facts": (("policy", "a-policy, sha256 " + "a" * 64),),
        "sources": (Source(side="target", path="run/results.json", kind="lm-eval", sha256="c" * 64),),
    }
    return Page(**{**given, **changes})
