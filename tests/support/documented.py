"""Which test runs each command that the documents name; and which commands none runs here, with the reason.

A line of the documents belongs to the longest of these beginnings that it has.
"""

WHOLE, BUILDER, SOLVER = "whole_runs", "dataset_builder", "orchestrator_solver"
_DEMO, _RUNS, _STEMS = f"{WHOLE}/test_demo.py", f"{WHOLE}/test_dora_run.py", f"{WHOLE}/test_documented_commands.py"

RUN_BY: dict[str, str] = {
    "make demo": _DEMO,
    "make fuzz": "fuzz/test_fuzz.py",
    "dora run": _RUNS,
    "dora run solver=orchestrator_nano execute_only=evaluate": f"{WHOLE}/test_run_evaluation.py",
    "dora grid orch_sweeps --dry_run --no_monitoring": f"{SOLVER}/configuration/test_grids.py",
    "orchestrator bench baseline": f"{SOLVER}/generation/test_devices.py",
    "orchestrator bench conditions": f"{SOLVER}/bench/test_conditions.py",
    "orchestrator bench dials": f"{SOLVER}/bench/test_dials.py",
    "orchestrator bench ears": f"{SOLVER}/bench/test_ears.py",
    "orchestrator bench excerpt": f"{SOLVER}/bench/test_excerpt.py",
    "orchestrator bench swap": f"{SOLVER}/bench/test_swap.py",
    "orchestrator bench sweep": f"{SOLVER}/bench/test_sweeping.py",
    "orchestrator bench training": f"{SOLVER}/bench/test_training.py",
    "orchestrator bench monitor": f"{SOLVER}/bench/test_monitor.py",
    "orchestrator bench one-instrument": f"{SOLVER}/generation/test_one_instrument.py",
    "orchestrator bench startup": f"{SOLVER}/bench/test_startup.py",
    "orchestrator compare": f"{SOLVER}/evaluation/test_comparison.py",
    "orchestrator dashboard": f"{SOLVER}/monitoring/test_dashboard.py",
    "orchestrator doctor": f"{SOLVER}/configuration/test_doctor.py",
    "orchestrator evaluate": _STEMS,
    "orchestrator evaluate --data data/slakh --finetuned my-model --metrics paper": (
        f"{SOLVER}/evaluation/test_paper_metrics.py"
    ),
    "orchestrator export": _STEMS,
    "orchestrator export SIG --to melody --format transformers": f"{SOLVER}/formats/test_parity.py",
    "orchestrator export SIG --to adapter --format peft": f"{SOLVER}/formats/test_parity.py",
    "orchestrator instruments": f"{SOLVER}/generation/test_orders.py",
    "orchestrator memory": f"{SOLVER}/training/test_gpu_memory.py",
    "orchestrator orchestrate": _STEMS,
    "orchestrator page": f"{SOLVER}/generation/test_devices.py",
    "orchestrator prepare": _STEMS,
    "orchestrator prepare data/slakh solver=orchestrator": f"{WHOLE}/test_full_size.py",
    "orchestrator reproduce": f"{WHOLE}/test_reproduce.py",
    "orchestrator reproduce --scale paper": f"{SOLVER}/workflows/test_reproduction.py",
    "orchestrator serve": f"{SOLVER}/serving/test_browser.py",
    "orchestrator sweep": f"{WHOLE}/test_sweep.py",
    "python -m dataset_builder audit": _STEMS,
    "python -m dataset_builder bench": f"{BUILDER}/bench/test_commands.py",
    "python -m dataset_builder build --source nano": _DEMO,
    "python -m dataset_builder build --source slakh": f"{BUILDER}/pipeline/test_command_line.py",
    "python -m dataset_builder build --source slakh --root SLAKH --out data/heard": (
        f"{BUILDER}/pipeline/test_cost_forecast.py"
    ),
    "python -m dataset_builder build --source stems": _STEMS,
    "python -m dataset_builder check": _STEMS,
    "python -m dataset_builder describe": f"{BUILDER}/pipeline/test_description_stage.py",
    "python -m dataset_builder materialise": f"{BUILDER}/dataset/test_materialise.py",
    "python -m dataset_builder plan": _STEMS,
    "python -m dataset_builder relocate": f"{BUILDER}/pipeline/test_command_line.py",
    "python -m dataset_builder report": f"{BUILDER}/dataset/test_report.py",
}

NOT_RUN: dict[str, str] = {
    "make setup": "what every test needs to be run at all: .ci/run begins with it",
    "make test": "it runs the tests",
    "make test-all": "it runs the tests",
    "make test-slurm": "it starts a Slurm, and runs the tests that want one",
    "make test-gpu": "needs a GPU; its checks are run on the CPU by test_device_checks.py",
    "make wheels": "asks the package index of twelve machines; run by hand when the lock changes",
    "orchestrator bench decoding": "minutes; test_decoding.py runs it on a tiny model",
    "orchestrator bench playing": "minutes; test_playing.py runs it on a tiny model",
    "orchestrator bench imports": "minutes; test_imports.py tests its parts, test_starts.py what it measures",
    "make lint": "a part of .ci/run beside the tests",
    "make audiocraft-tests": "downloads audiocraft's source archive; run by hand when a seam changes",
    "dora grid": "starts jobs on Slurm, which `make test-slurm` does; rows are composed by test_grids.py",
    "dora launch": "starts jobs on Slurm",
    "dora run solver=orchestrator": "needs published weights; test_full_size.py runs it on files of the true formats",
    "dora run -d solver=orchestrator": "needs published weights and GPUs; see the line above",
    "orchestrator bench codec": "minutes on a whole data set; its figures are in the documents",
    "orchestrator bench optimizer": "minutes; its optimizers are compared by test_d_adaptation.py",
    "orchestrator retrain": "hours; its parts are the solvers that test_every_solver.py runs",
    "orchestrator prepare data/mine solver=orchestrator_lora": "needs published weights; see test_full_size.py",
    "orchestrator doctor solver=orchestrator_lora": "needs a data set of one's own; test_doctor.py runs the others",
}  # fmt: skip


def entry_of(line: str) -> str | None:
    """The longest beginning that a command line has; None if it has none."""
    return max((entry for entry in [*RUN_BY, *NOT_RUN] if f"{line} ".startswith(f"{entry} ")), key=len, default=None)
