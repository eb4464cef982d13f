"""Seams of Dora's jobs on Slurm: nodes of any size, how early a job is warned, and jobs that have only begun."""

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

from .registry import patches


@patches("dora.shep")
def ask_for_nodes_and_notice(module: ModuleType) -> None:
    """Why: Dora takes a job of 16 GPUs for two nodes of 8, on clusters, too, whose nodes have 4, and has every job
    warned 90 s before its end, in which a large model may not be saved. Goes when: Dora's settings have both."""
    executor_of = module.Shepherd._get_submitit_executor

    def executor_with_both(self: Any, name: str, folder: Any, slurm: Any) -> Any:
        nodes = slurm.nodes or 1
        if slurm.gpus % nodes:
            sys.exit(f"error: slurm.nodes={nodes} cannot share slurm.gpus={slurm.gpus}: expected as many on each node")
        for_each = replace(slurm, gpus=slurm.gpus // nodes)
        for ours in ("nodes", "notice"):
            del for_each.__dict__[ours]  # Dora hands all it finds there on to submitit
        executor = executor_of(self, name, folder, for_each)
        executor.update_parameters(signal_delay_s=slurm.notice, **({"nodes": nodes} if slurm.nodes else {}))
        return executor

    module.Shepherd._get_submitit_executor = executor_with_both


@patches("dora.shep")
def put_back_what_has_only_begun(module: ModuleType) -> None:
    """Why: a job that is preempted while Python still imports fails, since Dora asks for its experiment, which there is
    not yet. The class goes into the job by value, where these hooks come too late. Goes when: Dora looks first."""

    class Target(module._SubmitItTarget):  # type: ignore[name-defined]
        def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
            import dora
            import submitit

            if dora.is_xp() or not getattr(self, "requeue", True):
                return super().checkpoint(*args, **kwargs)
            return submitit.helpers.DelayedSubmission(self, *args, **kwargs)

    module._SubmitItTarget = Target  # type: ignore[attr-defined]
