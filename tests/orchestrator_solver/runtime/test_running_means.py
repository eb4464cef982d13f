"""Means of a stage that is interrupted are those of one that is not; events are summed."""

from orchestrator_solver.runtime.running_means import RunningMeans


def test_means_can_be_saved_between_two_steps() -> None:
    whole, half = RunningMeans(), RunningMeans()
    steps = [{"ce": 1.0, "skipped": 1.0}, {"ce": 4.0, "skipped": 0.0}, {"skipped": 1.0}, {"ce": 2.5, "skipped": 0.0}]
    for step in steps:
        whole.add(step)
    for step in steps[:2]:
        half.add(step)
    rest = RunningMeans()
    rest.load_state_dict(half.state_dict())
    assert [rest.add(step) for step in steps[2:]][-1] == whole.values() == {"ce": 2.5, "skipped": 2.0}
    rest.reset()
    assert rest.steps == 0 and rest.values() == {}
