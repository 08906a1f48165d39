"""What a policy lets through is told before anything is asked."""

from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.gate.planned import planned
from flagrelease.gate.statistics.policy_power import consumer_risk, curve
from flagrelease.report.power import power_data, power_text

POLICY = Catalogue(Path(__file__).parents[2] / "recipes").policy("minicpm-o-2.6")


def test_every_task_of_a_policy_is_counted_with_its_items_margin_and_flips() -> None:
    tasks = planned(POLICY)
    assert [task.name for task in tasks] == [*POLICY.tasks, *POLICY.harness_tasks]
    (one,) = [task for task in tasks if task.name == "math_vision_test"]
    assert (one.items, one.margin, one.flip_rate, one.tier) == (3040, 0.02, 0.10, "critical")
    assert {task.flip_rate for task in planned(POLICY, flip_rate=0.03)} == {0.03}


def test_the_chances_of_a_bundle_add_up_and_fall_with_the_loss() -> None:
    tasks = planned(POLICY, flip_rate=0.05)
    data = power_data("p", tasks, curve(tasks), consumer_risk(tasks))
    for point in data["bundle"]:
        assert abs(point["go"] + point["hold"] + point["no_go"] - 1) < 1e-9
    passing = [point["go"] for point in data["bundle"]]
    assert passing == sorted(passing, reverse=True)
    assert data["bundle"][0]["no_go"] < 0.01
    assert data["worst_margin"]["go"] <= 0.05


def test_people_see_a_column_for_each_loss_and_a_row_for_each_task() -> None:
    tasks = planned(POLICY)
    text = power_text("minicpm-o-2.6", tasks, curve(tasks), consumer_risk(tasks))
    assert "identical" in text.splitlines()[2]
    assert [text.count(f"\n{task.name} (") for task in tasks] == [1] * len(tasks)
